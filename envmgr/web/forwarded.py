"""Where a request comes from: by its connection, or by what a proxy says that is believed."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import Request

from envmgr.config.settings import SOCKET, ProxySettings

from .door import door_of

_HEADER = "x-forwarded-for"
_SUBNET = 64

_Address = IPv4Address | IPv6Address


def is_believed(request: Request, settings: ProxySettings) -> bool:
    """Whether the connection itself comes from such a proxy; what headers say of that is nobody's word."""
    if request.client is None:
        return SOCKET in settings.networks
    address = _read(request.client.host)
    return address is not None and _is_of(address, settings)


def address_of(request: Request) -> str:
    """Where somebody asks from; of IPv6 the network, as each host has all addresses of one."""
    settings, address = door_of(request).settings.proxy, None
    if settings is not None and is_believed(request, settings):
        address = _forwarded(request, settings)
    if address is None and request.client is None:
        return "the socket"
    if address is None and request.client is not None:
        address = _read(request.client.host)
        if address is None:
            return request.client.host
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(ip_network((int(address), _SUBNET), strict=False))


def _forwarded(request: Request, settings: ProxySettings) -> _Address | None:
    """The last address that no such proxy has itself: what stands before it, anybody may have written."""
    said = ",".join(request.headers.getlist(_HEADER)).split(",")
    for each in reversed(said):
        address = _read(each.strip())
        if address is None or not _is_of(address, settings):
            return address
    return None


def _is_of(address: _Address, settings: ProxySettings) -> bool:
    return any(address in ip_network(network) for network in settings.networks if network != SOCKET)


def _read(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
