"""The pages and other files that a deployment serves to anybody."""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest

from handlers import api
from interfaces.http_api import files
from local import web
from tests.support.world import World
from tests.support.world.invocations import Context, sample_event

DOORS = pytest.mark.parametrize("door", ["api", "direct"])
SERVED = dict(web.served())
# Where a client finds each file.
PATHS = {name: "/docs" if name == "docs.html" else f"/{name}" for name in SERVED}
PAGES = [PATHS[name] for name in SERVED if name.endswith(".html")]
EVERY_FILE = pytest.mark.parametrize("name", PATHS)
SCRIPT, DESCRIPTION = "docs/page.js", "openapi.json"


@pytest.fixture(scope="module", autouse=True)
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The files, where `make build` packs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "FOLDER", tmp_path_factory.mktemp("web"))
        web.pack(files.FOLDER)
        files._names.cache_clear()
        files._packed.cache_clear()
        yield
    files._names.cache_clear()
    files._packed.cache_clear()


@EVERY_FILE
@DOORS
def test_each_file_is_served_to_anybody_as_it_is(world: World, door: str, name: str) -> None:
    answer = world.api.read_without_key(PATHS[name], door)
    assert (answer.status, answer.headers["Content-Type"]) == (200, files.CONTENT_TYPES[Path(name).suffix])
    assert answer.text == SERVED[name].read_text()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*", "a page of another origin imports easel.js"


@EVERY_FILE
def test_each_file_fits_into_an_answer_of_lambda(world: World, name: str) -> None:
    """Which is 6 MB of JSON, where API Gateway needs the file as text."""
    assert len(json.dumps(world.api.read_without_key(PATHS[name]).text)) < 5_000_000


@DOORS
@pytest.mark.parametrize(
    "path", ["/docs/nothing.js", "/docs/index.htm", "/playground/..", "/playground/%2e%2e", "/easel"]
)
def test_there_are_no_other_files(world: World, door: str, path: str) -> None:
    answer = world.api.read_without_key(path, door)
    assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "no-store"


@DOORS
@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_load_and_call_only_its_deployment_and_the_bucket(world: World, door: str, path: str) -> None:
    policy = world.api.read_without_key(path, door).headers["Content-Security-Policy"]
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    job_id = world.api.accepted()
    world.jobs.work()
    (image,) = world.api.job(job_id)["result"]["data"]
    bucket = urljoin(image["url"], "/").rstrip("/")
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["connect-src"] == f"'self' {bucket}"
    assert directives["img-src"] == f"'self' data: blob: {bucket}"
    assert directives["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("path", PAGES)
def test_a_policy_allows_where_uploads_are_sent(world: World, path: str) -> None:
    upload = world.api.call("POST", "/uploads", {"content_type": "image/png"}).json()
    policy = world.api.read_without_key(path).headers["Content-Security-Policy"]
    assert f"connect-src 'self' {urljoin(upload['url'], '/').rstrip('/')};" in policy


# ---------------------------------------------------------------- addresses


@DOORS
@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("", "/docs"),
        ("/", "/docs"),
        ("/docs/", "/docs"),
        ("/docs//", "/docs"),
        ("/playground", "/playground/index.html"),
        ("/playground/", "/playground/index.html"),
    ],
)
def test_an_address_without_a_file_leads_to_its_page(world: World, door: str, path: str, leads_to: str) -> None:
    job_url = world.api.call("GET", f"/jobs/{world.api.accepted()}", door=door).headers["Location"]
    answer = world.api.read_without_key(path, door)
    assert answer.status == 302
    assert answer.headers["Location"] == f"{job_url.partition('/jobs/')[0]}{leads_to}"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("world")
def test_the_root_of_a_function_url_leads_to_its_page() -> None:
    event = sample_event("direct") | {"rawPath": "/"}
    event["requestContext"]["http"] |= {"method": "GET", "path": "/"}
    answer = api.handler(event, Context())
    assert answer["statusCode"] == 302
    assert answer["headers"]["Location"] == f"https://{event['requestContext']['domainName']}/v1/docs"


# ---------------------------------------------------------------- compression


@pytest.mark.parametrize("name", [DESCRIPTION, SCRIPT])
@pytest.mark.parametrize("offer", ["gzip", "br, GZIP;q=0.5", "*", "deflate , gzip ; q=1.0"])
def test_a_function_url_sends_compressed_to_whoever_accepts_it(world: World, name: str, offer: str) -> None:
    plain = world.api.read_without_key(PATHS[name], "direct")
    packed = world.api.read_without_key(PATHS[name], "direct", accept_encoding=offer)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(base64.b64decode(packed.text)).decode() == plain.text
    assert len(packed.text) < len(plain.text)
    assert "accept-encoding" in packed.headers["Vary"].lower()


@DOORS
@pytest.mark.parametrize("offer", [None, "", "identity", "gzip;q=0", "gzip;q=0.000", "br", "notgzip"])
def test_nobody_else_gets_what_it_cannot_read(world: World, door: str, offer: str | None) -> None:
    headers = {} if offer is None else {"accept_encoding": offer}
    answer = world.api.read_without_key("/openapi.json", door, **headers)
    assert "Content-Encoding" not in answer.headers
    json.loads(answer.text)


def test_api_gateway_compresses_by_itself(world: World) -> None:
    """It would hand base64 to clients whose Accept header names none of its binary types."""
    answer = world.api.read_without_key("/openapi.json", accept_encoding="gzip", accept="*/*")
    assert "Content-Encoding" not in answer.headers
    json.loads(answer.text)


# ---------------------------------------------------------------- caching


@DOORS
@EVERY_FILE
def test_an_unchanged_file_is_not_sent_again(world: World, door: str, name: str) -> None:
    first = world.api.read_without_key(PATHS[name], door)
    etag = first.headers["ETag"]
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        again = world.api.read_without_key(PATHS[name], door, if_none_match=known)
        assert (again.status, again.text, again.headers["ETag"]) == (304, "", etag)
        assert again.headers["Cache-Control"] == first.headers["Cache-Control"]
    assert world.api.read_without_key(PATHS[name], door, if_none_match='"other"').status == 200


@EVERY_FILE
def test_only_a_file_with_a_version_in_its_name_is_kept_for_good(world: World, name: str) -> None:
    caching = world.api.read_without_key(PATHS[name]).headers["Cache-Control"]
    versioned = any(part.count(".") >= 2 and part[0].isdigit() for part in name.split("-"))
    assert caching == ("public, max-age=31536000, immutable" if versioned else "public, max-age=300")
