"""The Probe as the composition root makes it."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from envmgr.domain.values.health import HealthCheck
from envmgr.ports import Probe


class HealthProbe:
    """Asks by HTTP, whose libraries are loaded when somebody is asked first: most commands ask nobody."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` names proxies and authorities."""
        self._environ = environ

    def ask(self, check: HealthCheck, url: str, networks: Sequence[str] = ()) -> str:
        """See the port."""
        return self._http.ask(check, url, networks)

    @cached_property
    def _http(self) -> Probe:
        from .http import HttpProbe

        return HttpProbe(self._environ)
