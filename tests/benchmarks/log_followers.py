"""Many who follow one log that grows: what that costs the server."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.cpu import Spent
from tests.benchmarks.server_process import resident_mib

SECONDS, EACH = 10, 0.2
_HEAD = "GET {path} HTTP/1.1\r\nHost: {host}\r\n{header}\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU while they follow (percent of a core), memory of the whole server then, and by how much that is more (MiB)."""

    cpu: float
    memory: float
    more: float


def cost(pid: int, url: str, path: str, headers: Sequence[str], log: Path) -> Cost:
    """Of one follower for each header, who is shown by it: the log grows by five lines a second, and each has to get all of them."""
    return asyncio.run(_cost(pid, url, path, headers, log))


async def _cost(pid: int, url: str, path: str, headers: Sequence[str], log: Path) -> Cost:
    followers, before = len(headers), resident_mib(pid)
    host = urlsplit(url).netloc
    address, _, port = host.rpartition(":")
    counts = [0] * followers

    async def follow(number: int) -> None:
        reader, writer = await asyncio.open_connection(address, int(port))
        writer.write(_HEAD.format(path=path, host=host, header=headers[number]).encode())
        started.append(await reader.readuntil(b"\r\n\r\n"))
        while data := await reader.read(65536):
            counts[number] += data.count(b"a line of it")

    started = list[bytes]()
    tasks = []
    for number in range(followers):
        tasks.append(asyncio.ensure_future(follow(number)))
        if number % 20 == 0:
            await asyncio.sleep(0.05)
    while len(started) < followers and not any(task.done() for task in tasks):
        await asyncio.sleep(0.1)
    if not all(each.startswith(b"HTTP/1.1 200") for each in started) or len(started) < followers:
        raise RuntimeError(f"not all could follow: {[e for e in started if b' 200 ' not in e][:1]}")
    await asyncio.sleep(2)
    spent = await _spent(pid, log)
    memory = resident_mib(pid)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if set(counts) != {int(SECONDS / EACH)}:
        raise RuntimeError(f"{followers} followers got {min(counts)} to {max(counts)} lines")
    return Cost(100 * spent / SECONDS, memory, memory - before)


async def _spent(pid: int, log: Path) -> float:
    """CPU seconds of the server while the log grows, and until all is read."""
    begin = Spent.by(pid)
    for number in range(int(SECONDS / EACH)):
        with log.open("a") as file:
            file.write(f"2026-11-26T10:00:00Z terraform_data.part[{number}]: a line of it\n")
        await asyncio.sleep(EACH)
    spent = (Spent.by(pid) - begin).seconds
    await asyncio.sleep(2)
    return spent
