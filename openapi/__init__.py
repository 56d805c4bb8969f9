"""Writes what GET /openapi.json serves, and GET /docs shows, from the routes, the bodies, the schemas and the catalog.

    python -m openapi     (or make openapi) writes src/interfaces/http_api/openapi.json, web/easel.d.ts and
                                     docs/recipe.schema.json
    python -m openapi.changes     (part of make check) compares it with that of the last release, in released/

schemas       JSON schemas of what is sent and answered
errors        every error code, as docs/http-api.md has them
examples      sample answers, built by the code that answers
operations    what the code does not say about its routes: their parameters, statuses and samples
samples       the same calls in curl, Python and JavaScript
description   the OpenAPI document
typescript    the types of the JavaScript client, of client.d.ts and the schemas
changes       what breaks clients of the last release

Nothing of it is deployed. A route without an entry in `operations` fails, and so does a test when a file has drifted.
"""
