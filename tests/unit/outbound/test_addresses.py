"""Only the public internet, in whatever notation an address comes."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.outbound.addresses import TrustedHosts, is_public

# Source: the special-purpose address registries of IANA.
NOT_PUBLIC_V4 = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
]
NOT_PUBLIC_V6 = [
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001:2::/48",
    "2001:10::/28",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "4000::/2",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.32.0.0", "192.0.1.0", "223.255.255.255"]
PUBLIC_V6 = ["2606:4700:4700::1111", "2a00:1450:4001:80e::200e", "2600:1f18::1"]


def addresses_in(networks: list[str]) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    return st.sampled_from(networks).flatmap(lambda network: st.ip_addresses(network=network))


@given(addresses_in(NOT_PUBLIC_V4 + NOT_PUBLIC_V6))
def test_no_address_of_a_special_range_is_public(address: IPv4Address | IPv6Address) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("network", NOT_PUBLIC_V4 + NOT_PUBLIC_V6)
def test_a_special_range_is_closed_to_its_edges(network: str) -> None:
    assert not is_public(ip_network(network).network_address)
    assert not is_public(ip_network(network).broadcast_address)


@given(addresses_in(NOT_PUBLIC_V4))
def test_no_embedding_makes_a_special_address_public(address: IPv4Address) -> None:
    for prefix in ("::ffff:", "64:ff9b::", "::", "::ffff:0:"):
        assert not is_public(ip_address(f"{prefix}{address}"))
    bits = int(address)
    assert not is_public(ip_address(f"2002:{bits >> 16:x}:{bits & 0xFFFF:x}::1"))


@given(st.ip_addresses(v=4))
def test_a_mapped_or_translated_address_is_judged_by_what_it_stands_for(address: IPv4Address) -> None:
    assert is_public(ip_address(f"::ffff:{address}")) == is_public(address)
    assert is_public(ip_address(f"64:ff9b::{address}")) == is_public(address)


@pytest.mark.parametrize("address", PUBLIC + PUBLIC_V6)
def test_addresses_of_the_public_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_an_address_with_a_scope_is_not_public() -> None:
    assert not is_public(ip_address("2606:4700:4700::1111%eth0"))


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("127.0.0.2", "127.0.0.2", "127.0.0.2"),
        ("10.1.0.0/16", "assets.internal", "10.1.2.3"),
        ("fd00::/8", "assets.internal", "fd12::1"),
        ("Assets.Internal.", "assets.internal", "10.9.9.9"),
    ],
)
def test_trust_is_by_name_address_or_network(entry: str, host: str, address: str) -> None:
    trusted = TrustedHosts.parse([entry])
    assert trusted.include(host, ip_address(address))
    assert not trusted.include("other.internal", ip_address("127.0.0.3"))
    assert not trusted.include("other.internal", ip_address("::ffff:127.0.0.2"))


METADATA = [
    *("169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"),
]
THE_MACHINE_ITSELF = ["127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"]
EVERYBODY = ["224.0.0.1", "255.255.255.255", "ff02::1"]


@pytest.mark.parametrize("address", [*METADATA, *THE_MACHINE_ITSELF, *EVERYBODY])
def test_a_trusted_name_leads_neither_to_metadata_nor_to_the_machine_itself(address: str) -> None:
    assert not TrustedHosts.parse(["assets.internal"]).include("assets.internal", ip_address(address))


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("entry", ["0.0.0.0/0", "::/0", "169.254.0.0/16", "fd00::/8", "fe80::/10"])
def test_no_network_makes_metadata_trusted(entry: str, address: str) -> None:
    assert not TrustedHosts.parse([entry]).include("assets.internal", ip_address(address))


@pytest.mark.parametrize("address", ["10.9.9.9", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "1.1.1.1"])
def test_a_trusted_name_leads_to_private_and_public_hosts(address: str) -> None:
    assert TrustedHosts.parse(["assets.internal"]).include("assets.internal", ip_address(address))


def test_nobody_is_trusted_by_default() -> None:
    assert not TrustedHosts().include("localhost", ip_address("127.0.0.1"))


@pytest.mark.parametrize("entry", ["", "10.0.0.0/33", "10.0.0.1/8", "https://a.test", "a b", "*.internal", "10.1"])
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host name nor a network") as caught:
        TrustedHosts.parse(["good.test", entry])
    assert f"'{entry}'" in str(caught.value)
