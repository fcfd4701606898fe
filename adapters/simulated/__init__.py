"""The simulated site: what couples the simulators into one world."""
