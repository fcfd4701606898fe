"""The core: what a site should be, what to do about it and what its packets meet. Pure."""
