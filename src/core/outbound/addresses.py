"""Which network addresses can be connected to: the public internet, and private ones that the operator trusts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")

# Special addresses that `is_global` accepts. Source: the special-purpose address registries of IANA.
_SPECIAL_IPV4 = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments, some of which reach the edge of the local network
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("224.0.0.0/4"),  # multicast
)
# All public IPv6 addresses are in this range, except for the special ones below.
_UNICAST_IPV6 = IPv6Network("2000::/3")
_SPECIAL_IPV6 = (
    IPv6Network("2001::/23"),  # protocol assignments, including Teredo
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: contains an IPv4 address
    IPv6Network("3fff::/20"),  # documentation
)
_NAT64 = IPv6Network("64:ff9b::/96")
# What private hosts have. Loopback and other special addresses are not among them.
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# Where clouds keep credentials: link-local addresses, and those of the AWS Nitro System.
_METADATA = tuple(map(ip_network, ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")))


def is_public(address: Address) -> bool:
    """Whether the address is on the public internet, also where it contains an IPv4 address."""
    address = _embedded(address)
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _SPECIAL_IPV4)
    if address.scope_id:
        return False
    return address in _UNICAST_IPV6 and address.is_global and not any(address in network for network in _SPECIAL_IPV6)


@dataclass(frozen=True)
class TrustedHosts:
    """Private hosts that the operator allows connections to; none by default.

    Who controls a trusted name chooses its addresses, so a name does not reach the machine itself. Nothing reaches the
    addresses of metadata.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Parse host names ("assets.internal"), addresses and networks ("10.1.0.0/16").

        Raises:
            ValueError: an entry is not one of these; the message names it.
        """
        names, networks = set(), []
        for entry in entries:
            plain = entry.strip().lower().removesuffix(".")
            try:
                networks.append(ip_network(plain))
            except ValueError:
                if not HOST_NAME.fullmatch(plain) or plain.rpartition(".")[2].isdigit():
                    raise ValueError(f"'{entry}' is neither a host name nor a network such as 10.1.0.0/16") from None
                names.add(plain)
        return cls(frozenset(names), tuple(networks))

    def include(self, host: str, address: Address) -> bool:
        """Whether this host, at this address, is trusted."""
        if _is_in(_embedded(address), _METADATA):
            return False
        by_name = host in self.names and (is_public(address) or _is_in(address, _PRIVATE))
        return by_name or _is_in(address, self.networks)


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv6Address) and not address.scope_id:
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
