"""Benchmarks: each prints a table of medians and ratios against a baseline of the same run. See `make bench`."""
