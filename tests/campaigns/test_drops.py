"""Many drops at once on the deployed stack: every one leaves what it should, is bought once, and nothing is lost."""

import io
import json
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from PIL import Image

from core.drops.naming import RESULTS, result_folders, stem_of
from core.images.inspection import MAX_BYTES
from local.simulator_control import SimulatorControl
from local.stack import Stack
from tests.conftest import Key, MakeKey
from tests.support import dropping
from tests.support.pictures import picture
from tests.support.powers import FORBIDDEN
from tests.support.probe import probing

IMAGES = 200
DUPLICATES = 50
LATE = 5
AGAIN = 5
PATIENCE_SECONDS = 240
RECIPE = {"prompt": "an otter", "quality": "low"}
ODD_KEYS = (
    "a b.png",
    "a+b.png",
    "a%2Bb.png",
    "ü ✓ 日本.png",
    "a//b.png",
    "no-extension",
    ".png",
    "a&b=c;d,e.png",
    "x.PNG",
)


@dataclass
class Kind:
    """Drops of one kind: what each leaves behind, by the folder of its results."""

    name: str
    buys: int
    expected: dict[str, str] = field(default_factory=dict)


@dataclass
class Campaign:
    """What is dropped, and what has to come of it."""

    stack: Stack
    root: str
    kinds: list[Kind] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def kind(self, name: str, buys: int = 0) -> Kind:
        self.kinds.append(Kind(name, buys))
        return self.kinds[-1]

    def put(self, kind: Kind, key: str, data: bytes, outcome: str, **metadata: str) -> None:
        """Drop an object whose results hold `outcome`: "result", or the code of an error; "" for nothing at all."""
        key = f"{self.root}/{key}"
        version = dropping.drop(self.stack, key, data, **metadata)
        kind.expected[result_folders(key)[0].removeprefix(RESULTS).removesuffix("/")] = outcome
        self.notices.append(dropping.notification(self.stack, key, version))

    def beside(self, key: str, document: Any) -> None:
        """Put a recipe or a sidecar."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        dropping.drop(self.stack, f"{self.root}/{key}", body)

    @property
    def expected(self) -> dict[str, str]:
        return {folder: outcome for kind in self.kinds for folder, outcome in kind.expected.items() if outcome}

    def found(self) -> dict[str, list[str]]:
        """The files in each folder of results: those under the root, and those of keys that a disk would misread."""
        folders: dict[str, list[str]] = {}
        elsewhere = [folder for folder in self.expected if not folder.startswith(f"{self.root}/")]
        for place in (self.root, *elsewhere):
            for key in dropping.results(self.stack, f"{place}/"):
                folder, _, name = key.removeprefix(RESULTS).rpartition("/")
                folders.setdefault(folder, []).append(name)
        return folders


def multipart(stack: Stack, key: str, parts: list[bytes], **metadata: str) -> str:
    s3 = stack.client("s3")
    place = {"Bucket": stack.inbox_bucket, "Key": key}
    upload = s3.create_multipart_upload(**place, Metadata=metadata)["UploadId"]
    sent = [
        {"PartNumber": number, "ETag": s3.upload_part(**place, UploadId=upload, PartNumber=number, Body=part)["ETag"]}
        for number, part in enumerate(parts, start=1)
    ]
    answer = s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload={"Parts": sent})
    return str(answer["VersionId"])


def heic() -> bytes:
    return b"\x00\x00\x00\x18ftypheic" + bytes(64)


def opaque_mask(size: tuple[int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", size, (0, 0, 0, 0)).save(file, "PNG")
    return file.getvalue()


def drop_good(campaign: Campaign, photo: bytes, images: int) -> None:
    campaign.beside("preset/recipe.json", RECIPE)
    by_metadata = campaign.kind("recipe in the metadata", buys=1)
    by_sidecar = campaign.kind("recipe in a sidecar", buys=1)
    by_preset = campaign.kind("recipe of the folder", buys=1)
    by_parts = campaign.kind("multipart upload, almost 50 MB", buys=1)
    for number, odd in enumerate(ODD_KEYS):
        campaign.put(by_metadata, f"odd{number}/{odd}", photo, "result", prompt="an%20otter", quality="low")
    key = f"{campaign.root}/parts/photo.png"
    padded = photo + bytes(MAX_BYTES - 1 - len(photo))
    version = multipart(campaign.stack, key, [padded[:30_000_000], padded[30_000_000:]], **RECIPE)
    by_parts.expected[stem_of(key)] = "result"
    campaign.notices.append(dropping.notification(campaign.stack, key, version))
    for number in range(images - len(ODD_KEYS) - 1):
        match number % 3:
            case 0:
                campaign.put(by_metadata, f"metadata/{number}.png", photo, "result", **RECIPE)
            case 1:
                campaign.beside(f"sidecar/{number}.json", RECIPE)
                campaign.put(by_sidecar, f"sidecar/{number}.png", photo, "result")
            case 2:
                campaign.put(by_preset, f"preset/deep/{number}.png", photo, "result")


def drop_broken(campaign: Campaign, photo: bytes, make_key: MakeKey) -> int:
    """Everything that cannot be bought: how many that is."""
    broken = campaign.kind("broken")
    stack, root = campaign.stack, campaign.root
    revoked = make_key()
    dropping.own(stack, f"{root}/revoked", revoked.id)
    stack.easel("keys", "revoke", revoked.id)
    dropping.own(stack, f"{root}/guest", make_key().id)
    dropping.drop(stack, f"{root}/guest/secret.png", photo, material="true")
    campaign.beside("masked/recipe.json", RECIPE | {"mask": "./hole.png"})
    dropping.drop(stack, f"{root}/masked/hole.png", opaque_mask((8, 8)))
    campaign.beside("lost/recipe.json", RECIPE | {"mask": "./nowhere.png"})
    campaign.beside("theirs/recipe.json", RECIPE | {"references": [f"{root}/guest/secret.png"]})
    cases: list[tuple[str, bytes, str, dict[str, str]]] = [
        ("text.png", b"hello", "invalid_image_file", RECIPE),
        ("empty.png", b"", "empty_image_file", RECIPE),
        ("broken.png", photo[:20], "invalid_image_file", RECIPE),
        ("photo.heic", heic(), "invalid_image_file", RECIPE),
        ("moving.gif", b"GIF89a" + bytes(64), "unsupported_image_media_type", RECIPE),
        ("letter.doc", b"\xd0\xcf\x11\xe0" + bytes(64), "invalid_image_file", {}),
        ("n.png", photo, "invalid_recipe", {"prompt": "x", "n": "two"}),
        ("many.png", photo, "invalid_value", {"prompt": "x", "n": "99"}),
        ("latin.png", photo, "invalid_recipe", {"prompt": "gr%FCn"}),
        ("size-only.png", photo, "invalid_recipe", {"size": "1024x1024"}),
        ("size.png", photo, "invalid_value", {"prompt": "x", "size": "1x1"}),
        ("model.png", photo, "model_not_found", {"prompt": "x", "model": "gpt-paint-9"}),
        ("masked/photo.png", photo, "invalid_mask_image_format", {}),
        ("lost/photo.png", photo, "not_found", {}),
        ("theirs/photo.png", photo, "drop_of_another_owner", {}),
        ("revoked/photo.png", photo, "drop_owner_inactive", RECIPE),
        ("nothing/said.png", photo, "recipe_missing", {}),
    ]
    for key, data, code, metadata in cases:
        campaign.put(broken, key, data, code, **metadata)
    for number, sidecar in enumerate((b"not json", b'{"promt": "typing error"}')):
        campaign.beside(f"sidecars/{number}.json", sidecar)
        campaign.put(broken, f"sidecars/{number}.png", photo, "invalid_recipe")
    key = f"{root}/huge.png"
    multipart(stack, key, [bytes(30_000_000), bytes(30_000_000)], **RECIPE)
    broken.expected[stem_of(key)] = "image_file_too_large"
    return len(broken.expected)


def drop_late(campaign: Campaign, photo: bytes) -> None:
    late = campaign.kind("sidecar after its image", buys=1)
    for number in range(LATE):
        campaign.put(late, f"late/{number}.png", photo, "result")
    time.sleep(5)
    for number in range(LATE):
        campaign.beside(f"late/{number}.json", RECIPE)


def drop_no_drops(campaign: Campaign, photo: bytes) -> None:
    """What leaves nothing behind."""
    none = campaign.kind("no drops: folders, deleted, S3's test")
    campaign.put(none, "folder/", b"", "")
    campaign.put(none, "deleted.png", photo, "")
    campaign.stack.client("s3").delete_object(Bucket=campaign.stack.inbox_bucket, Key=f"{campaign.root}/deleted.png")
    send(campaign.stack, json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}))


def drop_again(campaign: Campaign, photo: bytes) -> None:
    again = campaign.kind("the same bytes again, on purpose", buys=2)
    for number in range(AGAIN):
        for _ in range(2):
            campaign.put(again, f"again/{number}.png", photo, "result", **RECIPE)


def send(stack: Stack, body: str) -> None:
    stack.client("sqs").send_message(QueueUrl=stack.drops_queue_url, MessageBody=body)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def test_every_drop_leaves_what_it_should_and_is_bought_once(
    stack: Stack, make_key: MakeKey, simulator: SimulatorControl, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(stack, f"campaign-{secrets.token_hex(4)}")
    dropping.own(stack, campaign.root, make_key().id)
    photo = picture()
    started = time.monotonic()

    broken = drop_broken(campaign, photo, make_key)
    drop_good(campaign, photo, IMAGES - broken - LATE)
    candidates = list(campaign.notices)
    drop_late(campaign, photo)
    drop_no_drops(campaign, photo)
    drop_again(campaign, photo)
    duplicates = random.sample(candidates, DUPLICATES)
    for body in duplicates:
        send(stack, body)
    expected = campaign.expected

    def all_there() -> bool:
        found = campaign.found()
        return found.keys() >= expected.keys() and drained(stack)

    complete = until(all_there, PATIENCE_SECONDS)
    found = campaign.found()
    outcomes = {folder: outcome_of(stack, folder, files) for folder, files in found.items()}
    bought = Counter(call["accepted"] for call in simulator.calls())[True]
    with capsys.disabled():
        print(table(campaign, outcomes, bought, len(duplicates), time.monotonic() - started))  # noqa: T201 - asked for

    assert complete, dropping.depth(stack, stack.drops_queue_url)
    assert len([folder for kind in campaign.kinds[:-2] for folder in kind.expected]) == IMAGES
    assert broken == 20
    assert outcomes == expected
    assert bought == sum(kind.buys * len(kind.expected) for kind in campaign.kinds)
    assert dropping.depth(stack, stack.drops_queue_url) == {"Visible": 0, "NotVisible": 0, "Delayed": 0}
    assert dropping.depth(stack, stack.drops_dead_letter_queue_url)["Visible"] == 0


def drained(stack: Stack) -> bool:
    return not any(dropping.depth(stack, stack.drops_queue_url).values())


def outcome_of(stack: Stack, folder: str, files: list[str]) -> str:
    """What a folder tells, if it holds the files that belong together and nothing else."""
    if files == ["error.json"]:
        return str(json.loads(dropping.read(stack, f"drops/{folder}/error.json"))["error"]["code"])
    if "result.json" not in files:
        return f"unexpected: {files}"
    result = json.loads(dropping.read(stack, f"drops/{folder}/result.json"))
    name = (stem_of(result["source"]["key"]).rpartition("/")[2] or "image") + ".png"
    (image,) = result["images"]
    if sorted(files) != sorted([name, "result.json"]) or image["key"] != f"drops/{folder}/{name}":
        return f"unexpected: {files}"
    return "result"


def table(campaign: Campaign, outcomes: dict[str, str], bought: int, duplicates: int, seconds: float) -> str:
    lines = [f"\n  {'DROPPED':<44}{'DROPS':>6}{'LEFT AS EXPECTED':>18}{'PURCHASES DUE':>15}"]
    for kind in campaign.kinds:
        right = sum(outcomes.get(folder, "") == outcome for folder, outcome in kind.expected.items())
        drops = len(kind.expected) * max(kind.buys, 1)
        lines.append(f"  {kind.name:<44}{drops:>6}{right:>18}{kind.buys * len(kind.expected):>15}")
    due = sum(kind.buys * len(kind.expected) for kind in campaign.kinds)
    lines.append(f"  {'duplicates by event, shuffled':<44}{duplicates:>6}{'':>18}{0:>15}")
    lines.append(f"  {'in all':<44}{'':>6}{'':>18}{due:>15}   bought: {bought}   in {seconds:.0f} s")
    return "\n".join(lines)


# ---------------------------------------------------------------- what is given up, and put back


@contextmanager
def impatient(stack: Stack) -> Iterator[None]:
    """Inside the block, a failed drop is delivered again after five seconds instead of six minutes.

    A cold start takes less, so that no drop is delivered again while it is being taken.
    """
    sqs = stack.client("sqs")
    patient = sqs.get_queue_attributes(QueueUrl=stack.drops_queue_url, AttributeNames=["VisibilityTimeout"])
    sqs.set_queue_attributes(QueueUrl=stack.drops_queue_url, Attributes={"VisibilityTimeout": "5"})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=stack.drops_queue_url, Attributes=patient["Attributes"])


def dead(stack: Stack) -> int:
    return dropping.depth(stack, stack.drops_dead_letter_queue_url)["Visible"]


def test_drops_that_fail_for_no_fault_of_their_own_are_put_back_by_the_operator(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    folder = f"redrive-{secrets.token_hex(4)}"
    dropping.own(stack, folder, key.id)
    with impatient(stack):
        with stack.without_statement("ReadDrops"):
            dropping.drop(stack, f"{folder}/photo.png", picture(), **RECIPE)
            assert until(lambda: dead(stack) == 1, 180)
            assert dropping.results(stack, folder) == []
        stack.restart_functions()
        assert "1 dead-lettered drop" in stack.easel("redrive")
        assert dropping.manifest(stack, f"{folder}/photo", 60)["object"] == "drop.result"
    assert "0 dead-lettered drops" in stack.easel("redrive")


def test_only_what_no_bucket_sent_ends_in_the_dead_letter_queue(stack: Stack, simulator: SimulatorControl) -> None:
    with impatient(stack):
        send(stack, "hello")
        assert until(lambda: dead(stack) == 1, 180)
    stack.client("sqs").purge_queue(QueueUrl=stack.drops_dead_letter_queue_url)


# ---------------------------------------------------------------- policies of resources


def test_no_policy_of_a_function_lets_it_write_the_inbox_while_the_bucket_says_no(stack: Stack) -> None:
    iam, s3 = stack.client("iam"), stack.client("s3")
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{stack.inbox_bucket}/*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    policy = s3.get_bucket_policy(Bucket=stack.inbox_bucket)["Policy"]
    for role in ("DropRole", "WorkerRole"):
        (write,) = [each for each in FORBIDDEN if (each.role, each.what) == (role, "write to the inbox")]
        name = stack.physical_id(role)
        with probing(stack, role) as probe:
            iam.put_role_policy(RoleName=name, PolicyName="mistake", PolicyDocument=document)
            try:
                assert probe.tries([write]) == ["AccessDenied"]
                s3.delete_bucket_policy(Bucket=stack.inbox_bucket)
                assert probe.tries([write]) == ["allowed"], "it is the bucket's policy that says no"
            finally:
                s3.put_bucket_policy(Bucket=stack.inbox_bucket, Policy=policy)
                iam.delete_role_policy(RoleName=name, PolicyName="mistake")


def test_the_queue_takes_notices_because_its_policy_says_so(
    stack: Stack, key: Key, simulator: SimulatorControl
) -> None:
    sqs = stack.client("sqs")
    policy = sqs.get_queue_attributes(QueueUrl=stack.drops_queue_url, AttributeNames=["Policy"])["Attributes"]
    folder = f"policy-{secrets.token_hex(4)}"
    dropping.own(stack, folder, key.id)
    sqs.set_queue_attributes(QueueUrl=stack.drops_queue_url, Attributes={"Policy": ""})
    try:
        dropping.drop(stack, f"{folder}/lost.png", b"text")
        assert dropping.manifest(stack, f"{folder}/lost", 5) is None
    finally:
        sqs.set_queue_attributes(QueueUrl=stack.drops_queue_url, Attributes=policy)
    dropping.drop(stack, f"{folder}/found.png", b"text")
    assert dropping.manifest(stack, f"{folder}/found")
