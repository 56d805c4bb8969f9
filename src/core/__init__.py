"""What Easel knows: catalog, requests, jobs, images, callers, providers. No Lambda event comes in here."""
