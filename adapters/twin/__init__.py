"""The twin: the same network in Linux namespaces, where real packets show whether the model is right."""
