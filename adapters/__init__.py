"""The outside: every system that Hopbook reads or changes, and its simulator."""
