"""A URL is read in one way only, or refused."""

import pytest

from core.outbound.urls import ForbiddenUrl, HttpsUrl


def fault(url: str) -> str:
    with pytest.raises(ForbiddenUrl) as caught:
        HttpsUrl.parse(url)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Images.Test/a.png", HttpsUrl("images.test", 443, "/a.png")),
        ("HTTPS://images.test", HttpsUrl("images.test", 443, "/")),
        ("https://images.test./a", HttpsUrl("images.test", 443, "/a")),
        ("https://images.test:8443/a?b=c&d=%20#e", HttpsUrl("images.test", 8443, "/a?b=c&d=%20")),
        ("https://images.test?b=c", HttpsUrl("images.test", 443, "/?b=c")),
        ("https://my_bucket.s3.test/ö.png?q=☕", HttpsUrl("my_bucket.s3.test", 443, "/%C3%B6.png?q=%E2%98%95")),
        ("https://8.8.8.8/a", HttpsUrl("8.8.8.8", 443, "/a")),
        ("https://127.0.0.1./", HttpsUrl("127.0.0.1", 443, "/")),
        ("https://[2606:4700::1]:444/a", HttpsUrl("2606:4700::1", 444, "/a")),
        ("https://images.test/@a:b", HttpsUrl("images.test", 443, "/@a:b")),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: HttpsUrl) -> None:
    assert HttpsUrl.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://images.test/",
        "ftp://images.test/",
        "file:///etc/passwd",
        "gopher://a",
        "//images.test/",
        "images.test",
        "",
    ],
)
def test_other_schemes_are_refused(url: str) -> None:
    assert "https://" in fault(url)


@pytest.mark.parametrize(
    "url", ["https://user:pass@images.test/", "https://user@images.test/", "https://@images.test/"]
)
def test_credentials_are_refused(url: str) -> None:
    assert "user name or password" in fault(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3.4.5",
        "256.0.0.1",
        "example.0x7f",
        "example.1",
        "0x",
        "2130706433.",
    ],
)
def test_odd_notations_of_ipv4_are_refused(host: str) -> None:
    assert "four decimal numbers" in fault(f"https://{host}/")


@pytest.mark.parametrize(
    "host", ["127。0。0。1", "\uff11\uff12\uff17.0.0.1", "ⓔxample.com", "bücher.test", "loc\u00adalhost"]
)
def test_hosts_beyond_ascii_are_refused(host: str) -> None:
    assert fault(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "https://images.test\\@127.0.0.1/",
        "https://images.test/a b",
        "https://images.test/a\r\nHost: other",
        "https://ima\tges.test/",
        " https://images.test/",
        "https://images.test/\0",
    ],
)
def test_what_parsers_disagree_about_is_refused(url: str) -> None:
    assert "whitespace, control characters or backslashes" in fault(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://",
        "https:///a",
        "https://.../",
        "https://a..b/",
        "https://images.test../",
        "https://-a.test/",
        "https://a%2eb.test/",
        f"https://{'a' * 64}.test/",
        f"https://{'a.' * 130}test/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[v1.a]/",
        "https://images.test:0x1bb/",
        "https://images.test:99999/",
        "https://images.test:-1/",
    ],
)
def test_malformed_hosts_and_ports_are_refused(url: str) -> None:
    assert "its host" in fault(url)


def test_a_long_url_is_refused() -> None:
    assert "characters" in fault("https://images.test/" + "a" * 9000)


def test_half_a_character_does_no_harm() -> None:
    assert HttpsUrl.parse("https://images.test/\ud800").target.isascii()


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/b", "https://images.test:8443/b"),
        ("b?c", "https://images.test:8443/a/b?c"),
        ("//other.test/b", "https://other.test/b"),
        ("https://[2606:4700::1]/b", "https://[2606:4700::1]/b"),
    ],
)
def test_a_reference_is_resolved_against_the_url(reference: str, expected: str) -> None:
    joined = HttpsUrl.parse("https://images.test:8443/a/x").join(reference)
    assert joined.origin + joined.target == expected


@pytest.mark.parametrize("reference", ["http://images.test/", "https://[::1", "//user@images.test/", "data:image/png,"])
def test_a_reference_is_held_to_the_same_rules(reference: str) -> None:
    with pytest.raises(ForbiddenUrl):
        HttpsUrl.parse("https://images.test/").join(reference)
