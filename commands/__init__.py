"""The command line: every command is a thin caller of a flow or a task."""
