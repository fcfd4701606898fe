"""The vocabulary of desired state, one module a system."""
