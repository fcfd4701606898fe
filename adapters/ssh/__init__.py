"""Hosts by SSH: a client that trusts only known host keys, jobs that outlive their connection, a provider."""
