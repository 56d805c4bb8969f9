"""Connections to hosts that a caller names, without lending the caller our place in the network."""
