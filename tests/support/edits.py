"""One edit, asked for at any entry point and with its images given in any way; what was answered, in one form."""

import base64
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from cli import drops, keys
from tests.support.pictures import picture
from tests.support.tls_server import SERVER_ADDRESS, Server
from tests.support.world import World, aws
from tests.support.world.http_api import Answer
from tests.support.world.mcp_server import McpDoor


@dataclass(frozen=True)
class Buyer:
    """A key, or a browser token of it, and the id of the key."""

    key: str
    id: str


@dataclass(frozen=True)
class Edit:
    """What is asked for. `deadline` goes into the body, `webhook` where the entry point takes it."""

    images: tuple[bytes, ...] = (picture(), picture("red"))
    mask: bytes | None = None
    markup: bytes | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    deadline: Any = None
    webhook: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters, with what every edit needs."""
        return {"model": "gpt-image-2", "prompt": "make it night", "quality": "low"} | self.parameters


@dataclass(frozen=True)
class Outcome:
    """A job with its upper bound in micro-dollars, or the code of the error that refused the edit."""

    job_id: str | None = None
    upper_bound: int | None = None
    code: str | None = None
    charged: Any = None


Carrier = Literal["file", "upload", "image", "https", "value"]
Request = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """An entry point, and how the images, and the mask or markup, are given there."""

    entry: Literal["form", "json", "mcp", "drop"]
    images: Carrier
    overlays: Carrier

    def __str__(self) -> str:
        """As ids of tests show it."""
        return f"{self.entry} {self.images}" + (f" {self.overlays}" if self.overlays != self.images else "")


FORM = Way("form", "file", "file")
JSON_HTTPS = Way("json", "https", "https")
JSON_UPLOADS = Way("json", "upload", "upload")
JSON_IMAGES = Way("json", "image", "upload")
MCP_HTTPS = Way("mcp", "https", "https")
MCP_UPLOADS = Way("mcp", "upload", "upload")
MCP_VALUES = Way("mcp", "value", "value")
DROP = Way("drop", "file", "file")


class Entries:
    """Asks at the entry points of a world; `server` is where https inputs are."""

    def __init__(self, world: World, server: Server) -> None:
        self._world = world
        self._server = server
        self._numbers = itertools.count(1)

    def prepared(self, way: Way, edit: Edit, buyer: Buyer) -> Request:
        """Everything that is there before an edit is asked for (uploads, pages, recipes), and the request itself."""
        carry = {"form": self._form, "json": self._json, "mcp": self._mcp, "drop": self._drop}[way.entry]
        return carry(way, edit, buyer)

    def edit(self, way: Way, edit: Edit, buyer: Buyer) -> Outcome:
        """Ask for an edit."""
        return self.send(way, edit, buyer, self.prepared(way, edit, buyer))

    def send(self, way: Way, edit: Edit, buyer: Buyer, request: Request) -> Outcome:
        """Send what was prepared."""
        if way.entry == "drop":
            return self._dropped(buyer, request)
        if way.entry == "mcp":
            return _of_tool(McpDoor(buyer.key).call("edit_image", **request).result)
        return _of_answer(self._http("/images/edits", way, edit, buyer, request))

    def quote(self, way: Way, edit: Edit, buyer: Buyer) -> int:
        """The upper bound that is quoted, in micro-dollars."""
        request = self.prepared(way, edit, buyer)
        if way.entry == "mcp":
            del request["wait_seconds"]
            result = McpDoor(buyer.key).call("quote_image", **request).result
            assert not result.get("isError"), result
            return int(result["structuredContent"][UPPER_BOUND])
        answer = self._http("/images/quote", way, edit, buyer, request)
        assert answer.status == 200, answer.text
        return int(answer.json()[UPPER_BOUND])

    def _http(self, path: str, way: Way, edit: Edit, buyer: Buyer, request: Request) -> Answer:
        headers = {"prefer": "respond-async", **edit.headers}
        headers |= {"easel-webhook": edit.webhook} if edit.webhook else {}
        if way.entry == "form":
            return self._world.api.form(path, request["fields"], request["files"], key=buyer.key, headers=headers)
        return self._world.api.call("POST", path, request, key=buyer.key, headers=headers)

    def _form(self, way: Way, edit: Edit, buyer: Buyer) -> Request:
        fields = {name: str(value) for name, value in edit.settings.items()}
        fields |= {"easel_deadline": str(edit.deadline)} if edit.deadline is not None else {}
        name = "image" if len(edit.images) == 1 else "image[]"
        files = [(name, (f"{number}.png", data)) for number, data in enumerate(edit.images)]
        for role, data in _overlays(edit):
            if way.overlays == "file":
                files.append((role, (f"{role}.png", data)))
            else:
                fields[role] = self._reference(way.overlays, data, edit, buyer)
        return {"fields": fields, "files": files}

    def _json(self, way: Way, edit: Edit, buyer: Buyer) -> Request:
        def named(carrier: Carrier, data: bytes) -> dict[str, str]:
            kind = "file_id" if carrier in ("upload", "image") else "image_url"
            return {kind: self._reference(carrier, data, edit, buyer)}

        body = edit.settings | {"images": [named(way.images, data) for data in edit.images]}
        body |= {role: named(way.overlays, data) for role, data in _overlays(edit)}
        return body | ({"easel_deadline": edit.deadline} if edit.deadline is not None else {})

    def _mcp(self, way: Way, edit: Edit, buyer: Buyer) -> Request:
        body: Request = edit.settings | {"wait_seconds": 0}
        if way.images == "value":
            body["image_data"] = [base64.b64encode(data).decode() for data in edit.images]
        else:
            body["images"] = [self._reference(way.images, data, edit, buyer) for data in edit.images]
        for role, data in _overlays(edit):
            if way.overlays == "value" and role == "mask":
                body["mask_data"] = base64.b64encode(data).decode()
            else:
                carrier = "upload" if way.overlays == "value" else way.overlays
                body[role] = self._reference(carrier, data, edit, buyer)
        return body | ({"deadline_seconds": edit.deadline} if edit.deadline is not None else {})

    def _drop(self, way: Way, edit: Edit, buyer: Buyer) -> Request:
        """A recipe and what it names, in a folder of the buyer's; the first image is what will be dropped."""
        folder = f"team{next(self._numbers)}"
        drops.map_prefix(self._world.stack, folder, buyer.id)
        recipe = edit.settings | {"references": []}
        for number, data in enumerate(edit.images[1:]):
            self._world.inbox.put(f"{folder}/more/{number}.png", data)
            recipe["references"].append(f"{folder}/more/{number}.png")
        for role, data in _overlays(edit):
            self._world.inbox.put(f"{folder}/more/{role}.png", data)
            recipe[role] = f"{folder}/more/{role}.png"
        recipe |= {"webhook": edit.webhook} if edit.webhook else {}
        recipe |= {"deadline": edit.deadline} if edit.deadline is not None else {}
        self._world.inbox.put(f"{folder}/recipe.json", json.dumps(recipe).encode())
        return {"folder": folder, "event": self._world.inbox.put(f"{folder}/photo.png", edit.images[0])}

    def _dropped(self, buyer: Buyer, request: Request) -> Outcome:
        before = _job_ids()
        assert self._world.inbox.deliver(request["event"]) == []
        for job_id in _job_ids() - before:
            return Outcome(job_id)
        try:
            body = aws.s3().get_object(Bucket="images", Key=f"drops/{request['folder']}/photo/error.json")
        except aws.s3().exceptions.NoSuchKey:
            return Outcome()
        error = json.loads(body["Body"].read())["error"]
        return Outcome(code=error["code"], charged=error["charged"])

    def _reference(self, carrier: Carrier, data: bytes, edit: Edit, buyer: Buyer) -> str:
        match carrier:
            case "upload":
                return self._upload(data, edit, buyer)
            case "image":
                return self._earlier_image(buyer)
            case "https":
                path = f"/{next(self._numbers)}.png"
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n"
                self._server.pages[path] = head.encode() + data
                return f"https://{SERVER_ADDRESS}:{self._server.port}{path}"
            case _:
                return "data:image/png;base64," + base64.b64encode(data).decode()

    def _upload(self, data: bytes, edit: Edit, buyer: Buyer) -> str:
        headers = {name: value for name, value in edit.headers.items() if name == "origin"}
        answer = self._world.api.call("POST", "/uploads", {"content_type": "image/png"}, key=buyer.key, headers=headers)
        made = answer.json()
        aws.s3().put_object(Bucket="images", Key=made["fields"]["key"], Body=data, ContentType="image/png")
        return str(made["id"])

    def _earlier_image(self, buyer: Buyer) -> str:
        body = {"model": "gpt-image-2.6-flare", "prompt": f"otter {next(self._numbers)}", "quality": "low"}
        sent = {"prefer": "respond-async"}
        accepted = self._world.api.call("POST", "/images/generations", body, key=buyer.key, headers=sent)
        self._world.jobs.work()
        job = self._world.api.call("GET", f"/jobs/{accepted.json()['id']}", key=buyer.key).json()
        return str(job["result"]["data"][0]["id"])


UPPER_BOUND = "upper_bound_micro_usd"


def new_buyer(world: World, models: tuple[str, ...] = (), **limits: Any) -> Buyer:
    """A new key, with the limits that keys.create takes."""
    key, caller = keys.create(world.stack, "buyer", None, list(models), [], **limits)
    return Buyer(key, caller.id)


def _overlays(edit: Edit) -> Iterator[tuple[str, bytes]]:
    for role, data in (("mask", edit.mask), ("markup", edit.markup)):
        if data is not None:
            yield role, data


def _of_answer(answer: Answer) -> Outcome:
    document = answer.json()
    if answer.status >= 400:
        return Outcome(code=document["error"]["code"], charged=document["error"]["charged"])
    job_id = document["id"] if "id" in document else document["easel"]["job_id"]
    return Outcome(job_id, document["easel"]["cost"][UPPER_BOUND])


def _of_tool(result: Any) -> Outcome:
    if result.get("isError"):
        error = json.loads(result["content"][0]["text"])["error"]
        return Outcome(code=error["code"], charged=error["charged"])
    told = result["structuredContent"]
    return Outcome(told["job_id"], told["cost"][UPPER_BOUND])


def _job_ids() -> set[str]:
    items = aws.dynamodb().scan(TableName="jobs")["Items"]
    return {item["id"]["S"] for item in items if item["id"]["S"].startswith("job_")}
