"""Versions of one dropped object, with their notifications, jobs and ends in any order, and what they must leave.

A step is a letter and the number of a version: it is put (p), S3 notifies of it (n), its job is worked on (w), and the
job's end is announced (a). A step whose time has not come, such as the work on a job that is not there, does nothing.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core import aws as aws_clients
from tests.support.dropping import MANIFESTS
from tests.support.pictures import picture
from tests.support.world import World, aws
from tests.support.world.invocations import sample_event

EMPTY, TEXT, PICTURE, BLOCKED = "empty", "text", "picture", "blocked"
OUTCOMES = {EMPTY: "empty_image_file", TEXT: "invalid_image_file", PICTURE: "result", BLOCKED: "moderation_blocked"}
_STEPS = "pnwa"


def orders(versions: int, *repeated: str) -> Iterator[tuple[str, ...]]:
    """Every order of the steps of so many versions, which are put in turn.

    A version's steps come in their own order. Each of the `repeated` steps comes once more, at any later time.
    """
    lines = [[f"{step}{number}" for step in _STEPS] for number in range(versions)]
    again = [[step] for step in repeated]
    yield from _merged([*lines, *again], len(lines), ())


def _merged(lines: list[list[str]], own: int, done: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not any(lines):
        yield done
    for index, line in enumerate(lines):
        if line and _may_follow(line[0], done, is_again=index >= own):
            rest = [*lines[:index], line[1:], *lines[index + 1 :]]
            yield from _merged(rest, own, (*done, line[0]))


def _may_follow(step: str, done: tuple[str, ...], *, is_again: bool) -> bool:
    kind, number = step[0], int(step[1:])
    if is_again:
        return step in done
    return kind != "p" or number == 0 or f"p{number - 1}" in done


@dataclass
class Versions:
    """The versions of one key; `kinds` says what each holds. `folder` is where its results go, without the slash."""

    world: World
    folder: str
    kinds: tuple[str, ...]
    _events: dict[int, dict[str, Any]] = field(default_factory=dict)
    _jobs: dict[int, str] = field(default_factory=dict)
    _worked: set[str] = field(default_factory=set)

    def play(self, steps: tuple[str, ...]) -> None:
        """Take the steps. Never are there two manifests; in the end the folder shows the newest version."""
        bought = self.world.provider.bought()
        for step in steps:
            self.take(step)
            assert len(set(MANIFESTS) & set(self.left())) <= 1, (steps, step, self.left())
        self.check(steps)
        assert self.world.provider.bought() - bought == self.kinds.count(PICTURE), steps

    def take(self, step: str) -> None:
        """Take one step."""
        {"p": self.put, "n": self.notify, "w": self.work, "a": self.announce}[step[0]](int(step[1:]))

    def put(self, number: int) -> None:
        """Put a version, which asks for fewer images than the one before."""
        data = {EMPTY: b"", TEXT: b"some text"}.get(self.kinds[number], picture())
        key = f"{self.folder}.png"
        self._events[number] = self.world.inbox.put(key, data, prompt="x", n=str(len(self.kinds) - number))

    def notify(self, number: int) -> None:
        """Bring S3's notification of a version, and what waits because of it."""
        if number not in self._events:
            return
        assert self.world.inbox.deliver(self._events[number]) == []
        for waiting in self.world.inbox.delayed():
            assert self.world.inbox.deliver(waiting) == []
        for job_id in self.world.jobs.messages():
            self._jobs[number] = job_id

    def work(self, number: int) -> None:
        """Work on the job of a version, once."""
        job_id = self._jobs.get(number)
        if job_id is None or job_id in self._worked:
            return
        self._worked.add(job_id)
        if self.kinds[number] == BLOCKED:
            self.world.simulator.plan("moderation_blocked")
        self.world.jobs.deliver(job_id)

    def announce(self, number: int) -> None:
        """Announce the end of a version's job, also for a second time, as after a crash before that was noted."""
        job_id = self._jobs.get(number)
        if job_id is None or job_id not in self._worked:
            return
        self.world.jobs.set_texts(job_id, open="unannounced")
        event = sample_event("announcer")
        event["Records"] = [event["Records"][0] | {"dynamodb": {"Keys": {"id": {"S": job_id}}}}]
        self.world.ends.deliver(event)

    def left(self) -> list[str]:
        """The names in the folder."""
        listed = aws.s3().list_objects_v2(Bucket="images", Prefix=f"drops/{self.folder}/")
        return [entry["Key"].rpartition("/")[2] for entry in listed.get("Contents", [])]

    def check(self, steps: tuple[str, ...]) -> None:
        """The folder shows the newest version and nothing else."""
        number = len(self.kinds) - 1
        name, images = self.folder.rpartition("/")[2], len(self.kinds) - number
        outcome = OUTCOMES[self.kinds[number]]
        of_result = [f"{name}.png"] if images == 1 else [f"{name}-{index + 1}.png" for index in range(images)]
        expected = [*of_result, "result.json"] if outcome == "result" else ["error.json"]
        assert sorted(self.left()) == sorted(expected), (self.kinds, steps)
        body = aws.s3().get_object(Bucket="images", Key=f"drops/{self.folder}/{expected[-1]}")["Body"].read()
        manifest = json.loads(body)
        (record,) = json.loads(self._events[number]["Records"][0]["body"])["Records"]
        assert manifest["source"]["version_id"] == record["s3"]["object"]["versionId"], (self.kinds, steps)
        assert outcome in ("result", manifest.get("error", {}).get("code")), (self.kinds, steps)


def play_with_pause(versions: Versions, pause: int, *services: str) -> bool:
    """Play two versions; all of the newer one happens within one call of AWS by the last writer of the older one.

    `pause` is the number of that call among the writer's calls of these services. False if it makes fewer.
    """
    last = "n0" if versions.kinds[0] == TEXT else "a0"
    before = ("p0",) if last == "n0" else ("p0", "n0", "w0")
    calls = itertools.count(1)
    paused = False

    def meanwhile(**_: Any) -> None:
        nonlocal paused
        if not paused and next(calls) == pause:
            paused = True
            for step in ("p1", "n1", "w1", "a1"):
                versions.take(step)

    for step in before:
        versions.take(step)
    clients = [getattr(aws_clients, service)() for service in services]
    for client in clients:
        client.meta.events.register("before-call", meanwhile)
    try:
        versions.take(last)
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", meanwhile)
    if paused:
        versions.check((*before, last, f"call {pause}"))
    return paused
