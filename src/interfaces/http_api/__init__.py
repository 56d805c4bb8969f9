"""The HTTP API: read the call, let the core do it, shape the answer.

app    the routes put together, for both event formats, and what is answered when one raises
call   one HTTP call as its route sees it, and the answers to it
…      the routes, one module for each resource
"""
