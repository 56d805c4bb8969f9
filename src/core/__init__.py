"""What Easel knows: catalog, requests, jobs, images, callers, providers. No Lambda event comes in here."""

# The version of this release, and the only place that has it.
__version__ = "0.1.0"
