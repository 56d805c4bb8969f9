"""Checks from outside: whether each entry point answers, in this command's version, and lets pages read it."""

from collections.abc import Iterator

import httpx

from cli.doctor.deployment import Deployment
from cli.doctor.findings import Finding, broken, fine, warning
from cli.doctor.storage import origins
from core import __version__

_SECONDS = 20.0
_LOGS = {"ApiUrl": "ApiLogs", "DirectUrl": "DirectLogs", "McpUrl": "McpLogs"}
_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "easel doctor", "version": __version__},
    },
}


def http_api(deployment: Deployment) -> Iterator[Finding]:
    """Whether the HTTP API answers at both of its URLs, and in which version."""
    for output, base_url in _base_urls(deployment):
        try:
            answer = deployment.http.get(f"{base_url}/health", timeout=_SECONDS)
            version = answer.raise_for_status().json()["version"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            yield _silent(output, base_url, error)
            continue
        if version == __version__:
            yield fine(f"{output} answers, version {version}")
        else:
            yield warning(
                f"{output} runs version {version}, and this command is {__version__}",
                f"use the command of that version (git checkout v{version}), or deploy this one: make deploy",
            )


def mcp_server(deployment: Deployment) -> Iterator[Finding]:
    """Whether the MCP server answers: without a key it asks for one."""
    if deployment.parameter("McpConcurrency") == "0":
        yield fine("McpUrl is closed by McpConcurrency=0")
        return
    url = deployment.stack.output("McpUrl")
    headers = {"Accept": "application/json, text/event-stream"}
    try:
        answer = deployment.http.post(url, json=_INITIALIZE, headers=headers, timeout=_SECONDS)
        if answer.status_code == 401:
            yield fine("McpUrl answers, and asks for a key")
            return
        answer.raise_for_status()
        yield broken(
            f"McpUrl answers {answer.status_code} to a call without a key",
            "check where McpUrl leads: is it this deployment?",
        )
    except httpx.HTTPError as error:
        yield _silent("McpUrl", url, error)


def api_cors(deployment: Deployment) -> Iterator[Finding]:
    """Whether pages of the keys' origins can call the API."""
    for output, base_url in _base_urls(deployment):
        for origin in origins(deployment):
            headers = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
            }
            try:
                answer = deployment.http.options(f"{base_url}/images/generations", headers=headers, timeout=_SECONDS)
            except httpx.HTTPError:
                break  # `HTTP API` says so.
            if answer.headers.get("access-control-allow-origin") not in ("*", origin):
                yield broken(
                    f"pages of {origin} cannot call {output}: its answer to a preflight does not allow them",
                    "does a proxy or firewall answer OPTIONS, or drop Access-Control headers? Let it pass them",
                )


def _base_urls(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """The outputs with the base URLs of the HTTP API that are open."""
    yield "ApiUrl", deployment.stack.output("ApiUrl")
    if deployment.parameter("DirectConcurrency") != "0":
        direct = deployment.stack.output("DirectUrl").rstrip("/")
        yield "DirectUrl", direct if direct.endswith("/v1") else f"{direct}/v1"


def _silent(output: str, url: str, error: Exception) -> Finding:
    if isinstance(error, httpx.HTTPStatusError):
        said = f"answers {error.response.status_code}"
    elif isinstance(error, httpx.HTTPError):
        said = f"does not answer ({type(error).__name__})"
    else:
        said = "answers something else than Easel"
    return broken(
        f"{output} {said}: {url}", f"read the function's log ({_LOGS[output]}); docs/runbook.md has the query"
    )
