"""Writes what GET /openapi.json and GET /docs serve, from the routes, the bodies, the schemas and the catalog.

    python -m openapi     (or make openapi) writes openapi.json and docs.html in src/interfaces/http_api

schemas       JSON schemas of what is sent and answered
errors        every error code, as docs/http-api.md has them
examples      sample answers, built by the code that answers
operations    what the code cannot tell of its routes: their parameters, statuses and samples
description   the OpenAPI document
page          the same as one HTML page

Nothing of it is deployed. A route without an entry in `operations` fails, and so does a test when a file has drifted.
"""
