"""What `trace.probes` is made of: the port, what a hop claims, what an answer proves."""
