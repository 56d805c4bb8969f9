"""The HTTP routes, one module for each resource: read the call, let the core do it, shape the answer."""
