"""Whether an address is this host's own, by what its kernel would do with a connection to it at this moment."""

import errno
import socket
import struct
from ipaddress import ip_address

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr
_ERROR, _NEW_ROUTE, _GET_ROUTE = 2, 24, 26  # NLMSG_ERROR, RTM_NEWROUTE, RTM_GETROUTE
_REQUEST = 1  # NLM_F_REQUEST
_DESTINATION = 1  # RTA_DST
_ELSEWHERE = 1  # RTN_UNICAST; all else is delivered here, to many, or to nobody
_TYPE_AT = _HEADER.size + 7
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL)
"""What the kernel would answer a connection as well."""
_LONGEST = 4096


def is_own(address: str) -> bool:
    """Whether a connection there would not leave this host; also where the kernel does not tell.

    The kernel is asked for its route, since that is what a connection follows: it knows addresses of all interfaces,
    and those that are this host's by a route alone.
    """
    found = ip_address(address)
    family = socket.AF_INET if found.version == 4 else socket.AF_INET6
    try:
        answer = _asked(family, found.packed)
    except OSError:
        return True
    if len(answer) <= _TYPE_AT:
        return True
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR:
        (code,) = struct.unpack_from("=i", answer, _HEADER.size)
        return -code not in _NO_WAY
    return kind != _NEW_ROUTE or answer[_TYPE_AT] != _ELSEWHERE


def _asked(family: int, packed: bytes) -> bytes:
    route = _ROUTE.pack(family, 8 * len(packed), 0, 0, 0, 0, 0, 0, 0)
    asked = route + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), _DESTINATION) + packed
    header = _HEADER.pack(_HEADER.size + len(asked), _GET_ROUTE, _REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(1)
        kernel.sendto(header + asked, (0, 0))
        return kernel.recv(_LONGEST)
