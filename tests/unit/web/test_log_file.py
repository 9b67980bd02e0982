"""A log as it is sent."""

import asyncio
from pathlib import Path

import pytest
from starlette.types import Message

from envmgr.web.log_file import LogFile


@pytest.mark.parametrize("written", [0, 5, LogFile.chunk_size, LogFile.chunk_size + 5])
def test_a_log_that_grows_on_its_way_is_no_longer_than_it_was_said_to_be(
    tmp_path: Path, written: int
) -> None:
    """The server breaks off what goes on, and the last piece with it."""
    path = tmp_path / "log"
    path.write_bytes(b"a" * written)
    found = LogFile(path)
    with path.open("ab") as file:
        file.write(b"b" * 3 * LogFile.chunk_size)
    sent = asyncio.run(_answered(found))
    assert sent[0]["type"] == "http.response.start"
    assert int(found.headers["content-length"]) == written
    assert b"".join(each["body"] for each in sent[1:]) == b"a" * written
    assert [each.get("more_body", False) for each in sent[1:]] == [True] * (len(sent) - 2) + [False]


async def _answered(found: LogFile) -> list[Message]:
    """What is sent to who asks for all of it."""
    sent: list[Message] = []

    async def receive() -> Message:
        return await asyncio.Future()

    async def send(message: Message) -> None:
        sent.append(message)

    await found({"type": "http", "method": "GET", "headers": []}, receive, send)
    return sent
