"""The HTTP API, asked in the event formats of its gateways."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack
from urllib.parse import parse_qs, parse_qsl
from uuid import uuid4

import httpx

from handlers import api, direct
from tests.support.world.invocations import Context, sample_event


@dataclass
class Answer:
    """An HTTP answer as a client reads it."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Sent(TypedDict, total=False):
    """How a request is sent: through API Gateway (`api`) or the function's own URL (`direct`), by whom, from where."""

    door: str
    key: str | None
    headers: dict[str, str] | None
    source: str


@dataclass
class HttpApi:
    """The API as the holder of a key sees it."""

    key: str

    def call(self, method: str, path: str, body: Any = None, **sent: Unpack[Sent]) -> Answer:
        """Send a request."""
        return _read(self.answered(method, path, body, **sent))

    def answered(self, method: str, path: str, body: Any = None, **sent: Unpack[Sent]) -> Any:
        """What the function answers to Lambda; the body can be a stream that nobody has read yet."""
        handler = direct.handler if sent.get("door") == "direct" else api.handler
        return handler(self.event(method, path, body, **sent), Context())

    def event(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        door: str = "api",
        key: str | None = None,
        headers: dict[str, str] | None = None,
        source: str = "203.0.113.7",
    ) -> dict[str, Any]:
        """A request as the gateway passes it to the function."""
        path, _, query = path.partition("?")
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        sent = self._headers("application/json", key) | {name.lower(): value for name, value in (headers or {}).items()}
        event = sample_event(door)
        event |= {
            "headers": sent,
            "body": text,
            "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)) or None,
        }
        now = int(time.time() * 1000)
        if door == "api":
            event["multiValueQueryStringParameters"] = parse_qs(query, keep_blank_values=True) or None
            event |= {"httpMethod": method, "path": path, "multiValueHeaders": {k: [v] for k, v in sent.items()}}
            event["requestContext"] |= {"path": f"/v1{path}", "requestTimeEpoch": now}
            event["requestContext"] |= {"requestId": "chosen by the client", "extendedRequestId": str(uuid4())}
            event["requestContext"]["identity"]["sourceIp"] = source
        else:
            event |= {"rawPath": f"/v1{path}", "rawQueryString": query}
            event["requestContext"] |= {"timeEpoch": now, "requestId": str(uuid4())}
            event["requestContext"]["http"] |= {"method": method, "path": f"/v1{path}", "sourceIp": source}
        return event

    def read_without_key(self, path: str, door: str = "api", **headers: str) -> Answer:
        """GET, as anybody may ask for what is public; in the names of `headers`, `_` stands for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", path, door=door, headers={"authorization": ""} | sent)

    def form(
        self,
        path: str,
        fields: dict[str, Any],
        files: list[tuple[str, Any]],
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """POST a multipart form as httpx, and with it the SDKs, encodes it; the job is not waited for."""
        parts = [*((name, (None, value)) for name, value in fields.items()), *files]
        request = httpx.Request("POST", "http://easel", files=parts)
        sent = self._headers(request.headers["content-type"], key) | {"prefer": "respond-async"}
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        event = sample_event("api")
        event |= {"httpMethod": "POST", "path": path, "headers": sent}
        event |= {"body": base64.b64encode(request.read()).decode(), "isBase64Encoded": True}
        now = int(time.time() * 1000)
        event["requestContext"] |= {"path": f"/v1{path}", "requestTimeEpoch": now}
        event["requestContext"] |= {"requestId": "chosen by the client", "extendedRequestId": str(uuid4())}
        return _read(api.handler(event, Context()))

    def generate(self, headers: dict[str, str] | None = None, **body: Any) -> Answer:
        """POST /images/generations without waiting, unless `headers` says otherwise."""
        body = {"model": "gpt-image-2.6-flare", "prompt": "an otter", "quality": "low"} | body
        return self.call("POST", "/images/generations", body, headers={"prefer": "respond-async"} | (headers or {}))

    def accepted(self, **body: Any) -> str:
        """The id of a job that was just accepted."""
        answer = self.generate(**body)
        assert answer.status == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> Any:
        """What GET /jobs/{id} answers."""
        return self.call("GET", f"/jobs/{job_id}").json()

    def _headers(self, content_type: str, key: str | None) -> dict[str, str]:
        return {"content-type": content_type, "authorization": f"Bearer {key or self.key}"}


def _read(answered: Any) -> Answer:
    many = {name: values[0] for name, values in (answered.get("multiValueHeaders") or {}).items()}
    body = answered.get("body") or ""
    text = body if isinstance(body, str) else b"".join(body).decode()
    return Answer(answered["statusCode"], {**many, **answered["headers"]}, text)
