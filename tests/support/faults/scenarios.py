"""Which mishap meets which entry at which step; steps come from recorded runs, so that a new one is covered."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product

from composition import worker
from tests.support.faults import entries, mishaps
from tests.support.faults.cloud import Cloud
from tests.support.faults.entries import Caller, Entry
from tests.support.faults.mishaps import at
from tests.support.faults.verdict import Verdict, judge
from tests.support.faults.wire import Mishap, Planned, Step

_RENEWED = {"openai": "sk-renewed", "gemini": "AIza-renewed"}
_READS = ("Query", "GetItem", "BatchGetItem", "GetSecretValue")


@dataclass(frozen=True)
class Scenario:
    """A named combination of an entry and what goes wrong; the same each time it is run."""

    family: str
    name: str
    entry: Entry
    planned: tuple[Planned, ...] = ()
    setting: Callable[[Cloud], None] = lambda _: None

    @property
    def id(self) -> str:
        """Family and name."""
        return f"{self.family}: {self.name}"

    @property
    def may_lose(self) -> bool:
        """Whether a process dies or a call fails as long as it lives: then a paid image may be lost, and be named."""
        return any(
            plan.mishap.lasts != "once" or plan.mishap.name.startswith(("crash", "time-out")) for plan in self.planned
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a scenario. `struck` says where its mishaps struck."""

    family: str
    name: str
    verdict: Verdict
    steps: tuple[Step, ...] = field(repr=False)
    struck: tuple[str, ...] = ()


def run(cloud: Cloud, scenario: Scenario) -> Outcome:
    """Play a scenario from a clean world to the end of all its consequences."""
    cloud.clear()
    given = scenario.entry.prepare(cloud)
    earlier = {job.id for job in cloud.jobs()}
    cloud.world.simulator.reset()
    cloud.restart()
    cloud.plan(scenario.planned)
    scenario.setting(cloud)
    caller = Caller(cloud, given=given)
    scenario.entry.act(caller)
    quiet = cloud.settle()
    steps = tuple(cloud.wire.steps)
    scenario.entry.afterwards(caller)
    quiet = cloud.settle() and quiet
    verdict = judge(cloud, caller, earlier, quiet, scenario.may_lose)
    struck = tuple(cloud.wire.struck)
    if missed := cloud.wire.missed():
        struck += (f"never reached {missed}",)
    return Outcome(scenario.family, scenario.name, verdict, steps, struck)


def numbered(steps: tuple[Step, ...], *functions: str) -> Iterator[tuple[int, Step]]:
    """The steps of these functions, each with its number among those of its function."""
    counts: Counter[str] = Counter()
    for step in steps:
        counts[step.function] += 1
        if step.function in functions:
            yield counts[step.function], step


def all_scenarios(cloud: Cloud) -> Iterator[Scenario]:
    """Every scenario of the campaign. The cloud is used to record how runs go when nothing goes wrong."""
    clean = {entry.name: _recorded(cloud, entry) for entry in (*entries.ENTRIES, *entries.PERFORMED_OTHERWISE)}
    yield from _clean()
    yield from _crashes(clean)
    yield from _timeouts(clean)
    yield from _aws_errors(clean)
    yield from _outages(clean)
    yield from _races(clean)
    yield from _provider_answers()
    yield from _provider_connections(clean)
    yield from _spoiled_streams(cloud)
    yield from _keeping_of_previews(clean)
    yield from _images_that_arrive_one_by_one(cloud)
    yield from _crashes_beside_provider_faults(cloud)
    yield from _repetitions_after_charged_ends(cloud)
    yield from _crashes_while_recovering(cloud, clean)


# Entries whose jobs are performed in ways of their own; of the others only the accepting differs.
_WHOLE = (entries.GENERATE, entries.DIRECT, entries.EDIT_FILES)


def sample(cloud: Cloud) -> Iterator[Scenario]:
    """A small campaign: each write of a generation with previews meets a crash, a lost answer and a cancellation."""
    entry = entries.PREVIEWS
    steps = _recorded(cloud, entry)

    def writes(function: str) -> Iterator[tuple[int, Step]]:
        return ((number, step) for number, step in numbered(steps, function) if step.operation not in _READS)

    blows = [mishaps.crash("after"), mishaps.lost_acknowledgement("call")]
    yield from _at_each("sample", entry, writes("api"), lambda _: blows)
    blows.append(mishaps.meanwhile("cancel", mishaps.cancel, "after"))
    yield from _at_each("sample", entry, writes("worker"), lambda _: blows)


def _recorded(
    cloud: Cloud,
    entry: Entry,
    planned: tuple[Planned, ...] = (),
    setting: Callable[[Cloud], None] = lambda _: None,
) -> tuple[Step, ...]:
    return run(cloud, Scenario("recording", entry.name, entry, planned, setting)).steps


def _clean() -> Iterator[Scenario]:
    for entry in (*entries.ENTRIES, *entries.PERFORMED_OTHERWISE):
        yield Scenario("nothing goes wrong", entry.name, entry)


def _named(entry: Entry, number: int, step: Step, mishap: Mishap) -> str:
    return f"{entry.name} / {step.function} {number} {step} / {mishap.name}"


def _at_each(
    family: str, entry: Entry, steps: Iterator[tuple[int, Step]], choices: Callable[[Step], list[Mishap]]
) -> Iterator[Scenario]:
    for number, step in steps:
        for mishap in choices(step):
            planned = (at(step.function, number, mishap),)
            yield Scenario(family, _named(entry, number, step, mishap), entry, planned)


def _crashes(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """The process dies around each of its requests."""
    both = [mishaps.crash("before"), mishaps.crash("after")]
    for entry in entries.ENTRIES:
        functions: tuple[str, ...] = ("api", "mcp", "drop", "worker") if entry in _WHOLE else ("api", "mcp", "drop")
        if entry in (entries.GENERATE, entries.DROP):
            functions += ("announcer",)
        yield from _at_each("crash", entry, numbered(clean[entry.name], *functions), lambda _: both)
    for entry in entries.PERFORMED_OTHERWISE:
        yield from _at_each("crash", entry, numbered(clean[entry.name], "worker"), lambda _: both)


def _timeouts(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """The function's time runs out in each of the worker's requests."""
    for entry in (entries.GENERATE, entries.EDIT_FILES, *entries.PERFORMED_OTHERWISE):
        steps = numbered(clean[entry.name], "worker")
        yield from _at_each("function time-out", entry, steps, lambda _: [mishaps.out_of_time()])


def _aws_errors(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """Each request to AWS fails: in each way where one kind of job is concerned, in the worst ones elsewhere."""
    entry = entries.GENERATE
    steps = numbered(clean[entry.name], "api", "worker", "announcer")
    yield from _at_each("AWS error", entry, steps, lambda step: _worst_ways(step) + _other_ways(step))
    entry = entries.EDIT_FILES
    moves_files = ((number, step) for number, step in numbered(clean[entry.name], "worker") if step.service == "s3")
    yield from _at_each("AWS error", entry, moves_files, lambda step: _worst_ways(step) + _other_ways(step))
    for entry in entries.ENTRIES[1:]:
        functions = ("drop", "announcer") if entry is entries.DROP else ("api", "mcp")
        yield from _at_each("AWS error", entry, numbered(clean[entry.name], *functions), _worst_ways)
    for entry in entries.PERFORMED_OTHERWISE:
        yield from _at_each("AWS error", entry, numbered(clean[entry.name], "worker"), _worst_ways)


def _worst_ways(step: Step) -> list[Mishap]:
    ways = [mishaps.refused("broken"), mishaps.lost_acknowledgement("call")]
    return ways if step.service != "provider" else []


def _other_ways(step: Step) -> list[Mishap]:
    if step.service == "provider":
        return []
    ways = [
        mishaps.refused("throttled", "once"),
        mishaps.refused("throttled"),
        mishaps.refused("denied"),
        mishaps.unanswered(),
        mishaps.unreachable(),
        mishaps.lost_acknowledgement(),
        mishaps.broken_after(),
    ]
    if step.operation in ("PutItem", "UpdateItem", "TransactWriteItems"):
        ways += [mishaps.conflict("once"), mishaps.conflict()]
    return ways


def _outages(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """A service is out from a step on, for everybody: for minutes, or for longer than jobs may wait."""
    for entry, lasts in ((entries.GENERATE, (1200, 7200)), (entries.EDIT_FILES, (240,))):
        for number, step in numbered(clean[entry.name], "api", "worker", "announcer"):
            for seconds in lasts if step.service != "provider" else ():
                mishap = mishaps.refused("broken", seconds)
                planned = (at(step.function, number, mishap),)
                yield Scenario("outage", _named(entry, number, step, mishap), entry, planned)


def _races(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """Something else happens in the middle of each of the worker's steps."""
    for entry in (entries.GENERATE, entries.EDIT_FILES):
        for name, act in mishaps.MEANWHILE:
            after = mishaps.meanwhile(name, act, "after")
            yield from _at_each("race", entry, numbered(clean[entry.name], "worker"), _always(after))
    for entry in entries.PERFORMED_OTHERWISE:
        calls = [(number, step) for number, step in numbered(clean[entry.name], "worker") if step.service == "provider"]
        for name, act in mishaps.MEANWHILE:
            yield from _at_each("race", entry, iter(calls), _always(mishaps.meanwhile(name, act, "after")))


def _always(mishap: Mishap) -> Callable[[Step], list[Mishap]]:
    return lambda _: [mishap]


_PROVIDER_ANSWERS: list[tuple[str, dict[str, float]]] = [
    ("rate_limit", {"retry_after": 1}),
    ("rate_limit", {"retry_after": 45, "count": 3}),
    ("rate_limit", {"retry_after": 700}),
    ("rate_limit", {"retry_after": 2000}),
    ("rate_limit", {"retry_after": 0}),
    ("rate_limit", {"retry_after": 20, "count": 10_000}),
    ("slow_down", {"retry_after": 5}),
    ("slow_down", {"retry_after": 5, "count": 6}),
    ("insufficient_quota", {}),
    ("billing_hard_limit", {}),
    ("moderation_blocked", {}),
    ("unauthorized", {}),
    ("unauthorized", {"count": 2}),
    ("unverified", {}),
    ("server_error", {}),
    ("server_error_charged", {}),
    ("bad_gateway", {}),
    ("overloaded", {}),
    ("overloaded", {"count": 4}),
    ("overloaded", {"count": 10_000}),
    ("slow", {"seconds": 0.2}),
    ("reset", {}),
    ("cut_body", {}),
    ("garbage_json", {}),
    ("wrong_bytes", {}),
    ("bad_base64", {}),
    ("empty_data", {}),
    ("no_usage", {}),
]


def _provider_answers() -> Iterator[Scenario]:
    """The provider answers an error, or spoils what it sends."""
    for entry in (entries.GENERATE, entries.DIRECT, entries.KEYED, *entries.PERFORMED_OTHERWISE):
        for kind, details in _PROVIDER_ANSWERS:
            said = " ".join([kind, *(f"{name}={value}" for name, value in details.items())])
            yield Scenario("provider's answer", f"{entry.name} / {said}", entry, (), _provider(kind, details))
    for entry, provider in (
        (entries.GENERATE, "openai"),
        (entries.DIRECT, "openai"),
        (entries.EDIT_FILES, "openai"),
        (entries.GEMINI, "gemini"),
        (entries.FALLBACKS, "openai"),
    ):
        for name, setting in (
            ("rotated", _key_rotated(provider)),
            ("refused", _key_refused(provider)),
            ("rotated while the old one is cached", _key_cached(provider)),
        ):
            yield Scenario("provider's key", f"{entry.name} / {name}", entry, (), setting)


def _provider(kind: str, details: dict[str, float]) -> Callable[[Cloud], None]:
    return lambda cloud: cloud.world.simulator.plan(kind, **details)


def _key_rotated(provider: str) -> Callable[[Cloud], None]:
    def setting(cloud: Cloud) -> None:
        cloud.world.simulator.accept_keys(_RENEWED[provider])
        cloud.rotate(provider, _RENEWED[provider])

    return setting


def _key_refused(provider: str) -> Callable[[Cloud], None]:
    return lambda cloud: cloud.world.simulator.accept_keys(_RENEWED[provider])


def _key_cached(provider: str) -> Callable[[Cloud], None]:
    """A warm worker has read the old key."""

    def setting(cloud: Cloud) -> None:
        with cloud.wire.outside():
            worker.provider(provider).prepare()
        _key_rotated(provider)(cloud)

    return setting


def _provider_connections(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """The connection to the provider cannot be made, or breaks."""
    for entry in (entries.GENERATE, entries.DIRECT, entries.SDK, entries.EDIT_FILES, *entries.PERFORMED_OTHERWISE):
        for number, step in numbered(clean[entry.name], "worker"):
            if step.service != "provider":
                continue
            for mishap in mishaps.PROVIDER_TRANSPORT:
                planned = (at("worker", number, mishap),)
                yield Scenario("provider's connection", _named(entry, number, step, mishap), entry, planned)


def _spoiled_streams(cloud: Cloud) -> Iterator[Scenario]:
    """A stream is cut, ends or reports an error after each of its events; and the worker dies after each request."""
    entry = entries.PREVIEWS
    for kind, after in product(("stream_cut", "stream_ended", "stream_error", "stream_blocked"), range(3)):
        name, setting = f"{kind} after {after}", _provider(kind, {"after": after})
        yield Scenario("spoiled stream", name, entry, (), setting)
        for number, step in numbered(_recorded(cloud, entry, (), setting), "worker"):
            if step.operation not in _READS and kind in ("stream_cut", "stream_blocked"):
                mishap = mishaps.crash("after")
                planned = (at("worker", number, mishap),)
                said = f"{name} / worker {number} {step} / {mishap.name}"
                yield Scenario("spoiled stream", said, entry, planned, setting)


def _keeping_of_previews(clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """A preview cannot be stored or listed, in any way; or others act meanwhile; or a service is out from then on."""
    entry = entries.PREVIEWS
    steps = [(number, step) for number, step in numbered(clean[entry.name], "worker") if step.operation not in _READS]
    first = next(index for index, (_, step) in enumerate(steps) if step.operation == "PUT previews")
    keeping = steps[first : first + 4]
    outages = [mishaps.refused("broken", seconds) for seconds in (240, 7200)]
    races = [mishaps.meanwhile(name, act, "after") for name, act in mishaps.MEANWHILE]
    yield from _at_each("previews", entry, iter(keeping), lambda step: _other_ways(step) + outages + races)


def _images_that_arrive_one_by_one(cloud: Cloud) -> Iterator[Scenario]:
    """The answer of three images is whole or cut; each is stored as soon as it can be, or as late as it may be.

    From the purchase on, the worker dies or fails at each request, or others act meanwhile.
    """
    entry = entries.DIRECT
    blows = [mishaps.crash("before"), mishaps.crash("after"), mishaps.out_of_time()]
    for late, after in product((False, True), (None, 1, 3)):
        setting = _arriving(late, after)
        name = f"{'late' if late else 'early'}, {'whole' if after is None else f'cut after {after}'}"
        yield Scenario("images one by one", name, entry, (), setting)
        steps = list(numbered(_recorded(cloud, entry, (), setting), "worker"))
        bought = next(place for place, (_, step) in enumerate(steps) if step.service == "provider")
        races = [] if after else [mishaps.meanwhile(said, act, "after") for said, act in mishaps.MEANWHILE_IT_LIVES]
        for number, step in steps[bought:]:
            for mishap in () if step.operation in _READS else (*blows, *_worst_ways(step), *races):
                planned = (at("worker", number, mishap),)
                said = f"{name} / worker {number} {step} / {mishap.name}"
                yield Scenario("images one by one", said, entry, planned, setting)


def _arriving(late: bool, after: int | None) -> Callable[[Cloud], None]:
    def setting(cloud: Cloud) -> None:
        cloud.wire.threads_are_late = late
        if after is not None:
            cloud.world.simulator.plan("cut_image", after=after)

    return setting


def _crashes_beside_provider_faults(cloud: Cloud) -> Iterator[Scenario]:
    """The worker dies around each request of a run in which the provider makes it wait, or refuses its key."""
    faults: list[tuple[str, Callable[[Cloud], None]]] = [
        ("rate_limit", _provider("rate_limit", {"retry_after": 30})),
        ("overloaded", _provider("overloaded", {})),
        ("rotated key", _key_cached("openai")),
        ("moderation_blocked", _provider("moderation_blocked", {})),
        ("server_error_charged", _provider("server_error_charged", {})),
        ("wrong_bytes", _provider("wrong_bytes", {})),
    ]
    for entry, (name, setting) in product((entries.GENERATE, *entries.PERFORMED_OTHERWISE), faults):
        if entry is not entries.GENERATE and name == "rotated key":
            continue
        steps = _recorded(cloud, entry, (), setting)
        for number, step in numbered(steps, "worker"):
            mishap = mishaps.crash("after")
            said = f"{_of(entry)}{name} / worker {number} {step} / {mishap.name}"
            planned = (at("worker", number, mishap),)
            yield Scenario("crash beside a provider's fault", said, entry, planned, setting)


def _of(entry: Entry) -> str:
    return "" if entry is entries.GENERATE else f"{entry.name} / "


def _repetitions_after_charged_ends(cloud: Cloud) -> Iterator[Scenario]:
    """The provider charges and delivers nothing, the client repeats by status, and a function dies or AWS fails."""
    entry = entries.STATUS
    for name in ("wrong_bytes", "reset"):
        setting = _provider(name, {})
        for number, step in numbered(_recorded(cloud, entry, (), setting), "api", "worker"):
            for mishap in (mishaps.crash("before"), mishaps.crash("after"), *_worst_ways(step)):
                said = f"{name} / {step.function} {number} {step} / {mishap.name}"
                planned = (at(step.function, number, mishap),)
                yield Scenario("repetition after a charged end", said, entry, planned, setting)


def _crashes_while_recovering(cloud: Cloud, clean: dict[str, tuple[Step, ...]]) -> Iterator[Scenario]:
    """A worker died; the worker or sweep that finds its job dies or fails, too."""
    entry = entries.GENERATE
    for first, found in numbered(clean[entry.name], "worker"):
        blow = at("worker", first, mishaps.crash("after"))
        steps = _recorded(cloud, entry, (blow,))
        for number, step in numbered(steps, "worker", "sweep", "dead_letter"):
            # Reading changes nothing: a crash after it is one before the next write.
            if (step.function == "worker" and number <= first) or step.operation in _READS:
                continue
            choices = [mishaps.crash("after")]
            if step.service != "provider":
                choices.append(mishaps.refused("broken"))
            for second in choices:
                said = f"{entry.name} / worker {first} {found} / {step.function} {number} {step} / {second.name}"
                planned = (blow, at(step.function, number, second))
                yield Scenario("crash while recovering", said, entry, planned)
