"""Benchmarks: each prints a table of medians, and of ratios to a baseline of the same run. See `make bench`."""
