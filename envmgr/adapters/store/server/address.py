"""The address of a PostgreSQL that may be one of several servers."""

import re
from collections.abc import Sequence

from sqlalchemy import URL, make_url

# As libpq writes it: `postgresql://user:password@one:5432,two:5433/name?target_session_attrs=read-write`.
_SEVERAL = re.compile(r"(?P<user>[^/?#]*@)?(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<rest>[/?#].*)?", re.DOTALL)
_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+)(:(?P<port>\d+))?")
_DEFAULT_PORT = "5432"


def parse(rest: str) -> URL:
    """What follows `postgresql://`, also where it names several hosts; ValueError or ArgumentError where it can't be read."""
    several = _SEVERAL.fullmatch(rest)
    if several is None:
        return make_url(f"postgresql://{rest}")
    found = [_HOST.fullmatch(each) for each in several["hosts"].split(",")]
    named = [each for each in found if each is not None]
    if len(named) < len(found):
        raise ValueError("no list of hosts")
    url = make_url(f"postgresql://{several['user'] or ''}{several['rest'] or ''}")
    hosts = ",".join(each["host"].strip("[]") for each in named)
    ports = ",".join(each["port"] or _DEFAULT_PORT for each in named)
    return url.update_query_dict({"host": hosts, "port": ports})


def shown(url: URL) -> str:
    """How messages name it: never with the password, nor with options that may hold one."""
    hosts = _listed(url, "host")
    plain = url.set(drivername="postgresql", query={})
    if not hosts or url.host:
        return plain.render_as_string(hide_password=True)
    ports = _listed(url, "port")
    each_has_one = len(ports) == len(hosts)
    places = [f"{host}:{port}" for host, port in zip(hosts, ports, strict=True)] if each_has_one else hosts
    user = plain.set(host="hosts.invalid").render_as_string(hide_password=True)
    return user.replace("hosts.invalid", ",".join(places), 1)


def _listed(url: URL, name: str) -> Sequence[str]:
    value = url.query.get(name, ())
    return [each for part in ([value] if isinstance(value, str) else value) for each in part.split(",")]
