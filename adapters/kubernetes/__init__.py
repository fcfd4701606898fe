"""Kubernetes: its API as a wire, its objects as resources, and a simulated cluster behind the same wire."""
