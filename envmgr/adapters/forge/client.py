"""The one client that speaks with forges: what is the same for all kinds of them."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

from envmgr.domain.errors import EnvmgrError, NeedsOperator, NotThere, Transient

from .answer import Answer
from .budget import Budget
from .cache import Cache
from .failure import refusal
from .signing import SignIn
from .wire import Wire

MOST_PAGES = 100
"""So many pages of a list are read; one that is longer is refused rather than cut."""

_REDIRECTS = 3
_MOVED = frozenset({301, 302, 307, 308})
_PORTS = {"http": 80, "https": 443}

Query = Mapping[str, str | int]


def linked(answer: Answer) -> str | None:
    """The next page of a list, by the header `Link`."""
    found = re.search(r'<([^<>\s]{1,4000})>\s*;[^,]*\brel="?next"?', answer.headers.get("link", ""))
    return found[1] if found else None


def limited_by_status(answer: Answer) -> bool:
    """Whether an answer says to ask later: 429, or 403 or 503 together with when."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in answer.headers:
        return True
    is_spent = "0" in (answer.headers.get(n) for n in ("x-ratelimit-remaining", "ratelimit-remaining"))
    return answer.status == HTTPStatus.FORBIDDEN and (is_spent or "retry-after" in answer.headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a kind of forge is spoken with: the headers of each request, how lists go on, what its refusals mean.

    `unknown`: the statuses by which it says that it does not know who asks. `where` names the forge in sentences.
    """

    where: str
    headers: Mapping[str, str] = field(default_factory=dict)
    next_page: Callable[[Answer], str | None] = linked
    is_limited: Callable[[Answer], bool] = limited_by_status
    unknown: Collection[int] = frozenset({HTTPStatus.UNAUTHORIZED})


def segment(value: str) -> str:
    """One segment of a path, quoted. NotThere for one that would lead to another place, which nothing can be called."""
    if value in ("", ".", ".."):
        raise NotThere("Nothing on a forge has a name without letters.")
    return quote(value, safe="")


class ForgeClient:
    """Asks one forge by one sign-in, for all repositories that are there. Safe for several threads at once.

    Answers are JSON, each within a time limit and a size. Nothing is followed or asked for beyond the scheme, host
    and port of `base`, below which all paths are.
    """

    def __init__(
        self,
        base: str,
        dialect: Dialect,
        sign_in: SignIn,
        wire: Wire,
        budget: Budget,
        cache: Cache | None = None,
        account: str = "",
    ) -> None:
        """Speaks with the forge whose calls are below `base`; `account` says as whom, without a secret."""
        self.base, self.account = base.rstrip("/"), account or base
        self.dialect, self.budget = dialect, budget
        self._sign_in, self._wire = sign_in, wire
        self._cache = cache if cache is not None else Cache()

    def get(self, path: str, query: Query | None = None) -> Answer:
        """What is at a path; NotThere, and what the port says, where it cannot be had."""
        return self._read(self._url(path, query))

    def again(self, answer: Answer) -> Answer:
        """What is now at the address of an answer."""
        return self._read(answer.url)

    def pages(self, path: str, query: Query | None = None) -> Iterator[Answer]:
        """All pages of a list, one after another; raises rather than leave one out."""
        url, seen = self._url(path, query), set[str]()
        while url not in seen:
            if len(seen) >= MOST_PAGES:
                raise NeedsOperator(
                    f"{self.dialect.where} has a longer list than is read ({MOST_PAGES} pages of {urlsplit(url).path}): is the right repository named?"
                )
            seen.add(url)
            answer = self._read(url)
            yield answer
            following = self.dialect.next_page(answer)
            if following is None:
                return
            url = self._same_place(url, following)
        raise Transient(f"{self.dialect.where} did not answer as it should: a list of it never ends.")

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Query | None = None,
        expected: Collection[int] = (),
    ) -> Answer:
        """Writes something: the answer, where it is a success or one of the statuses that are `expected`."""
        url = self._url(path, query)
        content = None if body is None else json.dumps(body).encode()
        with self.budget.writing():
            answer, error = self._asked(method, url, content)
        self.budget.count("write")
        if error is not None and answer.status not in expected:
            raise error
        return answer

    def _read(self, url: str) -> Answer:
        for _ in range(_REDIRECTS + 1):
            self.budget.reading()
            answer, error = self._asked("GET", url)
            target = answer.headers.get("location")
            # Who is not known may be led to a page to sign in.
            if answer.status not in _MOVED or answer.status in self.dialect.unknown or not target:
                break
            url = self._same_place(url, target)
        if error is not None:
            raise error
        return answer

    def _asked(
        self, method: str, url: str, content: bytes | None = None
    ) -> tuple[Answer, EnvmgrError | None]:
        """An answer, and what to raise where it is no success; asked once more where the sign-in can be renewed."""
        answer, sent = self._once(method, url, content)
        if answer.status in self.dialect.unknown and self._sign_in.renew():
            answer, sent = self._once(method, url, content)
        if (
            answer.status not in self.dialect.unknown
            and HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
        ):
            return answer, None
        return answer, refusal(answer, method, sent, self.dialect.unknown)

    def _once(self, method: str, url: str, content: bytes | None) -> tuple[Answer, Mapping[str, str]]:
        sent = {"Accept": "application/json", **self.dialect.headers, **self._sign_in.headers()}
        if content is not None:
            sent["Content-Type"] = "application/json"
        kept = self._cache.get(url) if method == "GET" else None
        if kept is not None:
            sent["If-None-Match"] = kept.tag
        try:
            status, headers, body = self._wire.exchange(method, url, sent, content)
        except Transient:
            self.budget.count("failed")
            raise
        if kept is not None and status == HTTPStatus.NOT_MODIFIED:
            self.budget.count("unchanged")
            self.budget.learn(headers)
            return self._answer(url, kept.status, kept.headers, kept.body()), sent
        answer = self._answer(url, status, headers, body)
        if self.dialect.is_limited(answer):
            raise self.budget.limited(headers)
        self.budget.learn(headers)
        if method == "GET":
            self.budget.count("read")
        if method == "GET" and status == HTTPStatus.OK:
            self._cache.put(url, status, headers, body)
        return answer, sent

    def _answer(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """What came back, read. A success that is no JSON is no answer; a refusal need not be any."""
        where, found = self.dialect.where, None
        try:
            # NaN and Infinity, which Python reads, are no JSON.
            found = json.loads(body, parse_constant=_refused) if body.strip() else None
        except (ValueError, RecursionError):
            is_success = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
            if is_success and status not in self.dialect.unknown:
                raise Transient(
                    f"{where} did not answer as it should: what it sent is no JSON ({status})."
                ) from None
        return Answer(status=status, headers=headers, body=found, url=url, where=where)

    def _url(self, path: str, query: Query | None) -> str:
        return f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")

    def _same_place(self, here: str, target: str) -> str:
        """An address that the forge led to; only its own may be, since the token goes along."""
        try:
            there = urljoin(here, target)
            is_same = _place(there) == _place(self.base) and "@" not in urlsplit(there).netloc
        except ValueError:
            is_same = False
        if not is_same:
            raise NeedsOperator(
                f"{self.dialect.where} leads to another address than its `url`, which is not followed: is that one right?"
            )
        return there


def _place(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme)


def _refused(constant: str) -> Any:
    raise ValueError(constant)
