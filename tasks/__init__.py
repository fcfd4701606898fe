"""The verbs: Prefect tasks that run a step, verify traffic or publish an artifact."""
