"""How much anybody may take of page and API, and who is counted as whom."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from envmgr.config.settings import ProxySettings, ServerSettings
from envmgr.domain.errors import Transient
from envmgr.domain.values.asking.person import Asker, Kind, Person
from envmgr.web.forwarded import address_of
from envmgr.web.live import stream as streams
from envmgr.web.live.readers import Reader
from envmgr.web.live.stream import Streams, event
from tests.support.memory_asking import MemoryPages

from .conftest import Site

PROXY = ProxySettings(networks=("10.0.0.0/8", "unix"))


def _address(site: Site, client: str | None, said: str, proxy: ProxySettings | None = PROXY) -> str:
    """Where a request seems to come from, by its connection and what it says in X-Forwarded-For."""
    runtime = site.app.state.door.runtime
    site.app.state.door.runtime = replace(runtime, server=ServerSettings(proxy=proxy))
    headers = [(b"x-forwarded-for", each.encode()) for each in said.split("|") if each]
    where = None if client is None else (client, 1234)
    return address_of(Request({"type": "http", "app": site.app, "client": where, "headers": headers}))


@pytest.mark.parametrize(
    ("client", "said", "address"),
    [
        ("10.1.1.1", "198.51.100.7", "198.51.100.7"),
        (None, "198.51.100.7", "198.51.100.7"),
        ("10.1.1.1", "203.0.113.9, 198.51.100.7, 10.2.2.2", "198.51.100.7"),
        ("10.1.1.1", "203.0.113.9|198.51.100.7", "198.51.100.7"),
        ("10.1.1.1", "203.0.113.9, odd", "10.1.1.1"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "10.2.2.2", "10.1.1.1"),
        ("10.1.1.1", "2001:db8::5", "2001:db8::/64"),
        ("::ffff:10.1.1.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (None, "", "the socket"),
    ],
)
def test_behind_a_proxy_each_stranger_is_counted_alone(
    shared: Site, client: str | None, said: str, address: str
) -> None:
    """By the last address that a proxy of ours did not have itself; what a stranger writes before that is nobody's."""
    assert _address(shared, client, said) == address


@pytest.mark.parametrize("client", ["10.1.1.1", None])
def test_without_a_proxy_that_is_believed_nobody_is(shared: Site, client: str | None) -> None:
    """Also not over a socket, unless the settings name it."""
    seen = {_address(shared, client, said, proxy=None) for said in ("198.51.100.7", "198.51.100.8")}
    assert seen == {client or "the socket"}
    hers = _address(shared, None, "198.51.100.7", ProxySettings(networks=("10.0.0.0/8",)))
    assert hers == "the socket"


def test_streams_are_bounded_for_one_and_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """An end of one makes room for another."""
    monkeypatch.setattr(streams, "MOST", 3)
    monkeypatch.setattr(streams, "OF_ONE", 2)

    async def play() -> None:
        found = Streams()
        first = await _opened(found, "ann")
        await _opened(found, "ann")
        with pytest.raises(HTTPException) as hers:
            await _opened(found, "ann")
        await _opened(found, "bob")
        with pytest.raises(HTTPException) as all_of_them:
            await _opened(found, "carol")
        assert (hers.value.status_code, all_of_them.value.status_code) == (429, 503)
        first.cancel()
        await asyncio.wait({first})
        await _opened(found, "carol")

    asyncio.run(play())


async def _opened(found: Streams, name: str) -> "asyncio.Task[None]":
    """One more stream, until it ends. Raises what it is refused with."""
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def sent(message: Message) -> None:
        if message.get("body"):
            begun.set()

    async def nothing_comes() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    answer = found.answer(Reader(Person(Asker(Kind.PERSON, name), {})), endless())
    task = asyncio.create_task(answer({"type": "http"}, nothing_comes, sent))
    has_begun = asyncio.create_task(begun.wait())
    await asyncio.wait({task, has_begun}, return_when=asyncio.FIRST_COMPLETED)
    has_begun.cancel()
    if task.done():
        task.result()
    return task


@pytest.mark.parametrize(
    ("data", "lines"), [(b"", ["data: "]), (b"a\r\nb\rc\nd", ["data: a", "data: b", "data: c", "data: d"])]
)
def test_no_line_of_an_event_is_more_than_its_data(data: bytes, lines: list[str]) -> None:
    """Whatever ends a line in what is sent is the end of a line of data."""
    assert event(7, data, "line").decode().split("\n") == ["event: line", "id: 7", *lines, "", ""]


@pytest.mark.parametrize("amiss", ["database", "disk"])
def test_whether_it_can_work_is_told_of_each_and_looked_at_once_a_second(
    site: Site, amiss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask: nobody needs a token for it."""
    assert site.client.get("/readyz").text == "database: ok\ndisk: ok\n"
    looks = []

    def away(*_: object) -> Mapping[str, str]:
        looks.append(1)
        if amiss == "database":
            raise Transient("away")
        return {"short": "of it"}

    layout = type(site.app.state.door.runtime.services.layout)
    if amiss == "database":
        monkeypatch.setattr(MemoryPages, "last_event", away)
    else:
        monkeypatch.setattr(layout, "shortage", away)
    assert site.client.get("/readyz").status_code == 200, "it was looked at just now"
    site.app.state.standing._looked -= 1
    answers = [site.client.get("/readyz") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {503}
    assert [line.split(":")[0] for line in answers[0].text.splitlines() if not line.endswith("ok")] == [amiss]
    assert len(looks) == 1
