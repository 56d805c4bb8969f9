"""How a client learns to authenticate: protected-resource metadata (RFC 9728), and refusals that point to it."""

import json
from collections.abc import Sequence

from core.callers.audit import note_refusal
from core.errors import EaselError
from core.responses.builders import error_document
from interfaces.mcp_server.adapter import PATH, Answer, Event

_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_JSON = {"content-type": "application/json"}
# Clients try the URL with the resource's path first (RFC 9728, section 3.1); some try only the root.
METADATA_PATHS = (_WELL_KNOWN, f"{_WELL_KNOWN}{PATH}")
_READABLE = {
    **_JSON,
    "access-control-allow-origin": "*",
    "cache-control": "public, max-age=300",
    "x-content-type-options": "nosniff",
}


def credential(event: Event) -> str | None:
    """The value of the Authorization header, or its equivalent.

    Clients that sign their requests for AWS need that header for the signature, and some hosts can set only
    X-Api-Key, so a key is accepted there as well.
    """
    given: str | None = event["headers"].get("authorization")
    key = event["headers"].get("x-api-key")
    return f"Bearer {key}" if key and not (given or "").lower().startswith("bearer ") else given


def metadata(event: Event, hosts: Sequence[str], issuer: str) -> Answer:
    """The resource's name, and who issues tokens for it, if anyone does."""
    document: dict[str, object] = {
        "resource": f"{_base_url(event, hosts)}{PATH}",
        "resource_name": "Easel",
        "bearer_methods_supported": ["header"],
    }
    if issuer:
        document["authorization_servers"] = [issuer]
    return {"statusCode": 200, "headers": {**_READABLE}, "body": json.dumps(document)}


def refusal(error: EaselError, event: Event, hosts: Sequence[str], request_id: str) -> Answer:
    """An error raised before the server was reached; a 401 names the metadata, as RFC 9728 and MCP require.

    Function URLs rename WWW-Authenticate to x-amzn-Remapped-www-authenticate, so the message names it as well.
    """
    note_refusal(error)
    headers = {**_JSON}
    document = error_document(error, request_id)
    if error.problem.status == 401:
        place = f"{_base_url(event, hosts)}{_WELL_KNOWN}{PATH}"
        document["error"]["message"] += f" The metadata of this protected resource is at {place}."
        invalid = 'error="invalid_token", ' if credential(event) else ""
        headers["www-authenticate"] = f'Bearer {invalid}resource_metadata="{place}"'
    if error.retry_after:
        headers["retry-after"] = str(error.retry_after)
    return {
        "statusCode": error.problem.status,
        "headers": headers,
        "body": json.dumps(document),
    }


def _base_url(event: Event, hosts: Sequence[str]) -> str:
    """The base URL that the client called, if the host is one of ours."""
    host = event["headers"].get("host", "")
    return f"https://{host if host in hosts else event['requestContext']['domainName']}"
