"""The engine: facts in, decisions out. It reaches the world only through the ports of `ports`."""
