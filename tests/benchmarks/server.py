"""Page and API with the records of many years: how soon they answer, and what those who follow a log cost."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import chain, repeat
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from envmgr.commands import tokens
from envmgr.composition.compose import Start, compose
from envmgr.domain.values.asking.person import Role
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import Spent
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.log_followers import cost
from tests.benchmarks.server_process import ServerProcess, serving
from tests.benchmarks.server_records import BRANCHES, FOLLOWED, REPOSITORIES, write_records
from tests.browser.http_client import Client
from tests.support.processes import free_port

RUNS, EVENTS = 100_000, 500_000
ALL_RUNS, ALL_EVENTS = 1_000_000, 5_000_000
RATE, PAGES, SECONDS, FOLLOWERS = 50, 10, 20, 500
_API = {
    "list": "/api/v1/environments?limit=100",
    "one environment": f"/api/v1/environments/{FOLLOWED}",
    "runs": "/api/v1/runs",
    "… of one environment": f"/api/v1/runs?organization=acme&repository=r0&environment={FOLLOWED.name}",
    "events": "/api/v1/events",
    "… of one environment ": f"/api/v1/events?organization=acme&repository=r0&environment={FOLLOWED.name}",
}
_PAGE = {"list": "/", "one environment": f"/environments/{FOLLOWED}", "run": "/runs/1"}


def server(laboratory: Laboratory) -> list[Comparison]:
    """10,000 environments, 50 requests a second; then 500 who follow one run, by page and by API."""
    place = laboratory.place("server")
    runs, events = (ALL_RUNS, ALL_EVENTS) if laboratory.is_full else (RUNS, EVENTS)
    config, data = _configuration(place)
    log = write_records(config, data, runs, events)
    secret = _token(config, data)
    size = f"{REPOSITORIES * BRANCHES:,} environments, {runs:,} runs, {events:,} events in SQLite"
    with serving(config, data, place / "server.log") as served:
        client = Client(served.url)
        client.sign_in(secret)
        cookie = "Cookie: " + "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        bearer = f"Authorization: Bearer {secret}"
        first = len(client.get("/").text.encode())
        found = _answers("API", served, _API, bearer, RATE)
        found += _answers("page", served, _PAGE, cookie, PAGES)
        found.append(_figure("page: first paint of the list", first / 1000, "kB", 200, size))
        ways = {
            "page": (f"/runs/{runs}/live", cookie),
            "API": (f"/api/v1/runs/{runs}/log?follow=1", bearer),
        }
        for way, (path, header) in ways.items():
            log.write_text("")
            each = cost(served.pid, served.url, path, header, log, FOLLOWERS)
            found.append(_figure(f"{way}: {FOLLOWERS} follow one run, CPU", each.cpu, "% of a core", 10))
            found.append(_figure("… memory that they add", each.more, "MiB", 150))
            found.append(_figure("… memory of the server", each.memory, "MiB", None))
    return found


def _configuration(place: Path) -> tuple[Path, Path]:
    config, data = place / "config", place / "data"
    config.mkdir()
    names = "".join(f"  - {{name: r{number}, url: /srv/r{number}.git}}\n" for number in range(REPOSITORIES))
    (config / "acme.yaml").write_text(f"organization: acme\nbackend: {{local: {{}}}}\nrepositories:\n{names}")
    (config / "daemon.yaml").write_text(f"server: {{listen: '127.0.0.1:{free_port()}', requests: 1000000}}\n")
    return config, data


def _token(config: Path, data: Path) -> str:
    runtime = compose(Start(config=config, data_dir=data, actor="bench", environ=dict(os.environ)))
    try:
        return tokens.create(runtime, tokens.Wish(name="bench", role=Role.ADMIN))[0]
    finally:
        runtime.close()


def _answers(
    what: str, served: ServerProcess, paths: dict[str, str], header: str, rate: int
) -> list[Comparison]:
    """The 99th percentile of each, asked for in turn at a rate that all have together; and what a request costs."""
    name, _, value = header.partition(": ")
    taken: dict[str, list[float]] = {path: [] for path in paths.values()}
    begin, before = time.perf_counter() + 0.5, Spent.by(served.pid)

    def ask(number: int, path: str) -> None:
        due = begin + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        connection = HTTPConnection(urlsplit(served.url).netloc, timeout=30)
        connection.request("GET", path, headers={name: value})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path} is answered with {answer.status}")
        taken[path].append((time.perf_counter() - due) * 1000)  # from when it was due: what waits has waited

    order = chain.from_iterable(repeat(tuple(paths.values())))
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(rate * SECONDS), order))
    spent = (Spent.by(served.pid) - before).seconds * 1000 / (rate * SECONDS)
    each = [
        _figure(f"{what}: {label.strip()}", _p99(taken[path]), "ms", 100, _said(rate, taken[path]))
        for label, path in paths.items()
    ]
    return [*each, _figure(f"{what}: CPU of a request", spent, "ms", None)]


def _said(rate: int, figures: Sequence[float]) -> str:
    return f"99th percentile at {rate} requests a second; the median is {median(figures):.0f} ms"


def _p99(figures: Sequence[float]) -> float:
    return sorted(figures)[max(0, round(len(figures) * 0.99) - 1)]


def _figure(name: str, value: float, unit: str, limit: float | None, note: str = "") -> Comparison:
    return Comparison(name=name, unit=unit, ours=(value,), limit=limit, relative=False, note=note)
