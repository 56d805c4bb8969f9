"""The composition roots: where settings meet AWS clients and become the core's objects.

One module for each kind of function, so that none loads what it does not use. Tests go through these roots, too, and
fake only what is beyond the wire.
"""
