"""The real clients of MCP behind one face: Python's in both eras, TypeScript's of every revision, and the Inspector."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tests.support.assistant import Era, use
from tests.support.mcp.programs import CLIENT, INSPECTOR, run


@dataclass(frozen=True)
class Told:
    """What a tool answered, as the client hands it on."""

    is_error: bool
    text: str
    structured: dict[str, Any] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    shows_preview: bool = False

    @classmethod
    def of(cls, result: Any) -> "Told":
        """Clients of the revisions before 2025-06-18 find in the text what later ones find beside it."""
        content = result.get("content", [])
        text = content[0]["text"] if content else "{}"
        structured = result.get("structuredContent") or json.loads(text)
        return cls(
            is_error=bool(result.get("isError")),
            text=text,
            structured=structured,
            links=[item["uri"] for item in content if item["type"] == "resource_link"]
            or [image["url"] for image in structured.get("images", ())],
            shows_preview=any(item["type"] == "image" for item in content),
        )


class Assistant(Protocol):
    """A client that is connected to a server."""

    def tools(self) -> list[str]: ...

    def call(self, tool: str, /, **arguments: Any) -> Told: ...

    def prompt(self, name: str, /, **arguments: str) -> str: ...

    def resource(self, uri: str) -> str: ...


@dataclass(frozen=True)
class PythonClient:
    """`mcp.Client`."""

    url: str
    key: str
    era: Era

    def tools(self) -> list[str]:
        listed = use(self.url, self.key, lambda client: client.list_tools(), self.era)
        return [tool.name for tool in listed.tools]

    def call(self, tool: str, /, **arguments: Any) -> Told:
        result = use(self.url, self.key, lambda client: client.call_tool(tool, arguments), self.era)
        return Told.of(result.model_dump(mode="json", by_alias=True))

    def prompt(self, name: str, /, **arguments: str) -> str:
        return use(self.url, self.key, lambda client: client.get_prompt(name, arguments), self.era).model_dump_json()

    def resource(self, uri: str) -> str:
        return use(self.url, self.key, lambda client: client.read_resource(uri), self.era).model_dump_json()


@dataclass(frozen=True)
class TypeScriptClient:
    """`Client` of @modelcontextprotocol/client, or of an older SDK, installed under the name of its revision."""

    url: str
    key: str
    package: str = "@modelcontextprotocol/client"

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self._do("listTools", {})["tools"]]

    def call(self, tool: str, /, **arguments: Any) -> Told:
        return Told.of(self._do("callTool", {"name": tool, "arguments": arguments}))

    def prompt(self, name: str, /, **arguments: str) -> str:
        return json.dumps(self._do("getPrompt", {"name": name, "arguments": arguments}))

    def resource(self, uri: str) -> str:
        return json.dumps(self._do("readResource", {"uri": uri}))

    def _do(self, method: str, params: dict[str, Any]) -> Any:
        done = run(CLIENT, self.package, self.url, self.key, json.dumps([{"method": method, "params": params}]))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]


@dataclass(frozen=True)
class Inspector:
    """The command line of @modelcontextprotocol/inspector."""

    url: str
    key: str
    home: Path

    def tools(self) -> list[str]:
        return [tool["name"] for tool in self._do("tools/list", "--strict")["tools"]]

    def call(self, tool: str, /, **arguments: Any) -> Told:
        return Told.of(self._do("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)))

    def prompt(self, name: str, /, **arguments: str) -> str:
        pairs = [f"{key}={value}" for key, value in arguments.items()]
        return json.dumps(self._do("prompts/get", "--prompt-name", name, "--prompt-args", *pairs))

    def resource(self, uri: str) -> str:
        return json.dumps(self._do("resources/read", "--uri", uri))

    def _do(self, method: str, *options: str) -> Any:
        # Its own 15 seconds are short for six cold functions at once on a busy machine.
        fixed = ["--cli", self.url, "--transport", "http", "--format", "json", "--connect-timeout", "120000"]
        header = ["--header", f"Authorization: Bearer {self.key}"]
        done = run(INSPECTOR, *fixed, *header, "--method", method, *options, home=self.home)
        # 5 says that a tool answered with an error; the Inspector prints that as well.
        assert done.returncode in (0, 5), done.stderr
        return json.loads(done.stdout)["result"]
