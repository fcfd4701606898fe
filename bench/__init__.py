"""What the README's figures come from: `make bench` prints them as a table.

Where two things are compared they run in turn in one process tree, and the median of their ratios counts:
these machines are shared and noisy.
"""
