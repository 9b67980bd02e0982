"""Asking a registry for tags and digests."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.util import Url, parse_url

from envmgr.domain.errors import NeedsPerson, Transient
from envmgr.domain.rules.pipeline.images import chosen, is_one_tag
from envmgr.domain.values.names import ref_component
from envmgr.host.asking.exchange import exchange
from envmgr.host.asking.pools import Pools
from envmgr.ports.registry import FoundImage, Login

from .challenge import Challenge, basic, challenge_of

SECONDS = 20.0
"""How long one look may take in all, with each page and the token."""

_LARGEST = 4 * 1024 * 1024
_MOST_PAGES = 100
_MOST_TAGS = 100_000
_REDIRECTS = 3
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LOOPBACK = re.compile(r"localhost|127(?:\.\d{1,3}){3}|\[::1\]")
_MANIFESTS = ", ".join(
    (
        # Lists of platforms first: what is deployed is the image, whatever machine it then runs on.
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class Registries:
    """See the port. Asks by https; a registry on this very host, named by a loopback address, by http.

    Nothing is followed to another host but the way to a token, which goes by https as well. Of what a registry sends,
    only tags and digests that look like such are used, and nothing is repeated.
    """

    def __init__(self, environ: Mapping[str, str], seconds: float = SECONDS) -> None:
        """By the proxies and authorities that `environ` names; give each look so many seconds."""
        self._pools = Pools(environ)
        self._seconds = seconds

    def newest(self, image: str, tags: str, login: Login | None) -> FoundImage:
        """See the port."""
        look = _Look(self._pools, image, login, self._seconds)
        with exchange(f"The registry of {image}", self._seconds):
            tag = tags if is_one_tag(tags) else look.chosen(tags)
            digest = look.digest(tag)
        return FoundImage(f"{image}@{digest}", tag)


@dataclass(slots=True)
class _Look:
    """One look at one image, with the way in that the registry asked for."""

    pools: Pools
    image: str
    login: Login | None
    seconds: float
    authorization: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        """Where all of the image is."""
        host, _, name = self.image.partition("/")
        is_here = _LOOPBACK.fullmatch(host.rpartition(":")[0] if ":" in host else host)
        return f"{'http' if is_here else 'https'}://{host}/v2/{name}"

    def chosen(self, pattern: str) -> str:
        """The tag that counts."""
        found = chosen(self._tags(), pattern)
        if found is None:
            raise NeedsPerson(
                f"{self.image} has no tag that matches {pattern!r} and is a version: push one, or give one tag without `*`."
            )
        return found

    def _tags(self) -> Iterator[str]:
        url, number = f"{self.base}/tags/list?n=1000", 0
        for _ in range(_MOST_PAGES):
            with closing(self._asked("GET", url)) as response:
                listed = _object(response).get("tags") or []
                for tag in listed if isinstance(listed, list) else []:
                    if isinstance(tag, str) and _TAG.fullmatch(tag):
                        number += 1
                        yield tag
                following = _next(response, url)
            if following is None:
                return
            if number > _MOST_TAGS:
                break
            url = self._same_place(following)
        raise NeedsPerson(
            f"{self.image} has more tags than are read ({_MOST_TAGS}): give one tag without `*`."
        )

    def digest(self, tag: str) -> str:
        """What a tag stands for now; a registry that does not say it is asked for the manifest itself."""
        url = f"{self.base}/manifests/{tag}"
        with closing(self._asked("HEAD", url)) as response:
            said = response.headers.get("Docker-Content-Digest", "")
        if _DIGEST.fullmatch(said):
            return str(said)
        with closing(self._asked("GET", url)) as response:
            return f"sha256:{hashlib.sha256(_body(response)).hexdigest()}"

    # --- asking ----------------------------------------------------------------------------------

    def _asked(self, method: str, url: str) -> BaseHTTPResponse:
        """An answer that is one; asked once more where the registry says how to come in."""
        response = self._send(method, url)
        if response.status == HTTPStatus.UNAUTHORIZED and not self.authorization:
            challenge = challenge_of(response.headers.get("WWW-Authenticate", ""))
            response.close()
            self.authorization = self._way_in(challenge)
            response = self._send(method, url)
        if response.status == HTTPStatus.OK:
            return response
        response.close()
        raise self._refusal(response.status)

    def _send(self, method: str, url: str) -> BaseHTTPResponse:
        for _ in range(_REDIRECTS + 1):
            response = self._request(method, url, self.authorization)
            target = response.headers.get("Location")
            if response.status not in (301, 302, 307, 308) or not target:
                return response
            response.close()
            url = self._same_place(urljoin(url, target))
        raise NeedsPerson(f"The registry of {self.image} leads from one address to another without end.")

    def _request(self, method: str, url: str, authorization: str) -> BaseHTTPResponse:
        address = parse_url(url)
        headers = {"Accept": _MANIFESTS if "/manifests/" in url else "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        return self.pools.open(method, address, self.seconds, headers)

    def _way_in(self, challenge: Challenge | None) -> str:
        """What to send from now on. Raises NeedsPerson where there is no way in."""
        if challenge is None:
            raise self._refusal(HTTPStatus.UNAUTHORIZED)
        own = basic(self.login) if self.login is not None else ""
        if challenge.scheme == "basic":
            if not own:
                raise self._refusal(HTTPStatus.UNAUTHORIZED)
            return own
        realm = parse_url(challenge.url)
        if realm.scheme != "https" and not (_is_here(realm) and _is_here(parse_url(self.base))):
            raise NeedsPerson(
                f"The registry of {self.image} sends for its token to an address that is not https: nothing was sent there."
            )
        with closing(self._request("GET", challenge.url, own)) as response:
            if response.status != HTTPStatus.OK:
                raise self._refusal(response.status)
            found = _object(response)
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Transient(f"The registry of {self.image} gave no token.")
        return f"Bearer {token}"

    def _same_place(self, url: str) -> str:
        """An address that the registry led to; only its own may be."""
        here, there = parse_url(self.base), parse_url(url)
        if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
            raise NeedsPerson(
                f"The registry of {self.image} leads to another host ({ref_component(str(there.host))}), which is not followed: name that one."
            )
        return url

    def _refusal(self, status: int) -> Exception:
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            said = "with these credentials" if self.login is not None else "without credentials"
            return NeedsPerson(f"The registry does not let envmgr see {self.image} {said} ({status}).")
        if status == HTTPStatus.NOT_FOUND:
            return NeedsPerson(f"The registry has no image {self.image}, or not with this tag (404).")
        return Transient(f"The registry of {self.image} answered {status}.")


def _is_here(address: Url) -> bool:
    return bool(_LOOPBACK.fullmatch(address.host or ""))


def _body(response: BaseHTTPResponse) -> bytes:
    """All of a body; ValueError for one that is larger than any should be."""
    # Bounded after decoding: a small body may unpack to gigabytes.
    found: bytes = response.read(_LARGEST + 1, decode_content=True)
    if len(found) > _LARGEST:
        raise ValueError("too large")
    return found


def _object(response: BaseHTTPResponse) -> Mapping[str, Any]:
    found = json.loads(_body(response))
    if not isinstance(found, dict):
        raise ValueError("no object")  # noqa: TRY004  as for a body that is no JSON
    return found


def _next(response: BaseHTTPResponse, url: str) -> str | None:
    """The next page of a list, by the header `Link`."""
    found = re.search(r'<([^<>\s]{1,2000})>\s*;[^,]*\brel="?next"?', response.headers.get("Link", ""))
    return urljoin(url, found[1]) if found else None
