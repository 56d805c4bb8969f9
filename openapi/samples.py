"""How to send a call with curl, Python and JavaScript, as OpenAPI's x-codeSamples.

All three read the deployment's base URL and a key from EASEL_URL and EASEL_KEY.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SampleCall:
    """A call with values for everything. Of `form`, what begins with @ is the name of a file."""

    method: str
    path: str
    needs_key: bool = True
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    saved_as: str | None = None

    @property
    def files(self) -> dict[str, str]:
        """The form's fields that are files, and the names of these."""
        return {name: value[1:] for name, value in self.form.items() if value.startswith("@")}

    @property
    def fields(self) -> dict[str, str]:
        """The form's other fields."""
        return {name: value for name, value in self.form.items() if name not in self.files}


def samples(call: SampleCall) -> list[dict[str, str]]:
    """The call in each language."""
    return [
        {"lang": "Shell", "label": "curl", "source": _curl(call)},
        {"lang": "Python", "label": "Python", "source": _python(call)},
        {"lang": "JavaScript", "label": "JavaScript", "source": _javascript(call)},
    ]


def _curl(call: SampleCall) -> str:
    method = [] if call.method == ("POST" if call.body or call.form else "GET") else [f"-X {call.method}"]
    redirected = ["-L"] if call.saved_as else []
    lines = [" ".join(["curl", *method, *redirected, f'"$EASEL_URL{call.path}"'])]
    if call.needs_key:
        lines.append('-H "Authorization: Bearer $EASEL_KEY"')
    if call.body:
        lines += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(call.body)}'"]
    lines += [f"-F {name}='{value}'" for name, value in call.form.items()]
    if call.saved_as:
        lines.append(f"-o {call.saved_as}")
    return " \\\n  ".join(lines)


def _python(call: SampleCall) -> str:
    arguments = [f'os.environ["EASEL_URL"] + "{call.path}"']
    if call.needs_key:
        arguments.append('headers={"Authorization": "Bearer " + os.environ["EASEL_KEY"]}')
    if call.body:
        arguments.append(f"json={_literal(call.body)}")
    if call.fields:
        arguments.append(f"data={_literal(call.fields)}")
    if call.files:
        opened = ", ".join(f'"{name}": open("{file}", "rb")' for name, file in call.files.items())
        arguments.append(f"files={{{opened}}}")
    if call.saved_as:
        arguments.append("follow_redirects=True")
    if call.body or call.form or "wait=" in call.path:
        arguments.append("timeout=None")  # httpx gives up after five seconds
    lines = "".join(f"\n    {argument}," for argument in arguments) + "\n" if arguments[1:] else arguments[0]
    shown = f'open("{call.saved_as}", "wb").write(answer.content)' if call.saved_as else "print(answer.text)"
    return f"import os\n\nimport httpx\n\nanswer = httpx.{call.method.lower()}({lines})\n{shown}"


def _literal(value: Mapping[str, Any]) -> str:
    # Samples have no null, true or false, which Python spells in another way.
    return json.dumps(value)


def _javascript(call: SampleCall) -> str:
    lines = ['import { readFile } from "node:fs/promises"\n'] if call.files else []
    if call.saved_as:
        lines.append('import { writeFile } from "node:fs/promises"\n')
    lines.append("const { EASEL_URL, EASEL_KEY } = process.env")
    headers = ["Authorization: `Bearer ${EASEL_KEY}`"] if call.needs_key else []
    body = None
    if call.body:
        headers.append('"Content-Type": "application/json"')
        body = f"JSON.stringify({json.dumps(call.body)})"
    if call.form:
        lines.append("const body = new FormData()")
        lines += [f'body.append("{name}", "{value}")' for name, value in call.fields.items()]
        lines += [
            f'body.append("{name}", new Blob([await readFile("{file}")]), "{file}")'
            for name, file in call.files.items()
        ]
    options = [f'method: "{call.method}"'] if call.method != "GET" else []
    if headers:
        options.append(f"headers: {{ {', '.join(headers)} }}")
    if call.form or body:
        options.append("body" if call.form else f"body: {body}")
    listed = "".join(f"  {option},\n" for option in options)
    given = f", {{\n{listed}}}" if options else ""
    lines.append(f"const answer = await fetch(`${{EASEL_URL}}{call.path}`{given})")
    if call.saved_as:
        lines.append(f'await writeFile("{call.saved_as}", Buffer.from(await answer.arrayBuffer()))')
    else:
        lines.append("console.log(await answer.text())")
    return "\n".join(lines)
