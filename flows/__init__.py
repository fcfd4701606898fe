"""The order: one Prefect flow a runbook."""
