"""ICP on machines of the instance: what its documents say, as pure functions and data."""
