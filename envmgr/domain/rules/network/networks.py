"""Which addresses of the network a branch may have envmgr ask."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

_TRANSLATED = ip_network("64:ff9b::/96")
"""IPv6 for an IPv4 address, by a network's own translator (RFC 6052)."""
_NOT_PUBLIC = (
    ip_network("168.63.129.16/32"),  # Azure's host, which serves every virtual machine
    ip_network(
        "192.0.0.0/24"
    ),  # for protocols, and Oracle's host: some versions of Python take it for public
    ip_network("192.88.99.0/24"),  # the nearest translator between IPv4 and IPv6, until 2015
    ip_network("3fff::/20"),  # for documents (RFC 9637)
)
_GIVEN_OUT = ip_network("2000::/3")
"""All of IPv6 that is anybody's: the rest stands for other addresses, was private once, or is kept back."""

Address = IPv4Address | IPv6Address


def is_open(address: str, networks: Sequence[str] = ()) -> bool:
    """Whether an address is a public one, or in one of some networks (`10.0.0.0/8`)."""
    return _is_public(_plain(ip_address(address))) or is_within(address, networks)


def is_within(address: str, networks: Sequence[str]) -> bool:
    """Whether an address is in one of some networks."""
    found = _plain(ip_address(address))
    return any(found in ip_network(network) for network in networks)


def ends(address: str) -> Sequence[str]:
    """Where what is sent to an address may end: it itself, and those that it wraps."""
    found = ip_address(address)
    plain = _plain(found)
    itself = IPv6Address(int(found)) if isinstance(found, IPv6Address) else found
    wrapped = [plain.sixtofour, *(plain.teredo or ())] if isinstance(plain, IPv6Address) else []
    return list(dict.fromkeys(str(each) for each in (itself, plain, *wrapped) if each is not None))


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC) or address.is_multicast:
        return False
    if isinstance(address, IPv6Address):
        if address not in _GIVEN_OUT:
            return False
        tunnelled = [address.sixtofour, *(address.teredo or ())]
        if any(inner is not None and not _is_public(inner) for inner in tunnelled):
            return False
    return address.is_global


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does; no scope."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv6Address(int(address))
