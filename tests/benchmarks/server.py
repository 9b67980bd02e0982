"""Page and API with the records of many years: how soon they answer, and what those who follow a log cost."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from envmgr.commands import tokens
from envmgr.composition.compose import Start, compose
from envmgr.domain.values.asking.person import Role
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.cpu import Spent
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.log_followers import cost
from tests.benchmarks.server_load import Load, p99, said
from tests.benchmarks.server_process import ServerProcess, resident_mib, serving
from tests.benchmarks.server_records import BRANCHES, FOLLOWED, REPOSITORIES, Written, write_records
from tests.browser.http_client import Client
from tests.support import postgres
from tests.support.processes import free_port

RUNS, EVENTS = 100_000, 500_000
ALL_RUNS, ALL_EVENTS = 1_000_000, 5_000_000
RATE, PAGES, SECONDS, FOLLOWERS = 50, 10, 20, 500
API = {
    "list": "/api/v1/environments?limit=100",
    "one environment": f"/api/v1/environments/{FOLLOWED}",
    "runs": "/api/v1/runs",
    "… of one environment": f"/api/v1/runs?organization=acme&repository=r0&environment={FOLLOWED.name}",
    "events": "/api/v1/events",
    "… of one environment ": f"/api/v1/events?organization=acme&repository=r0&environment={FOLLOWED.name}",
}
"""What is asked of the API, by what it is."""
_AT_ONCE = 1000  # requests a second, so as fast as they are answered
_PAGE = {"list": "/", "one environment": f"/environments/{FOLLOWED}", "run": "/runs/1"}


def server(laboratory: Laboratory) -> list[Comparison]:
    """10,000 environments, 50 requests a second; then 500 who follow one run, by page and by API; then an hour's worth of requests."""
    place = laboratory.place("server")
    config, data = _configuration(place)
    with _serving(laboratory, config, data, "SQLite") as (served, written, visitor):
        return [
            *_speeds(served, visitor),
            _first_paint(served, visitor),
            *_followers(served, written, config, data),
            *_hour(laboratory, served, visitor),
        ]


def on_postgres(laboratory: Laboratory) -> list[Comparison]:
    """How soon page and API answer with the same records in PostgreSQL."""
    programs = postgres.find_programs()
    if programs is None:
        raise Absent("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    with postgres.running_postgres(programs) as url:
        database = postgres.make_database(url, "server")
        config, data = _configuration(laboratory.place("server-postgres"), database)
        with _serving(laboratory, config, data, "PostgreSQL") as (served, _, visitor):
            return [replace(each, name=f"PostgreSQL, {each.name}") for each in _speeds(served, visitor)]


@dataclass(frozen=True, slots=True)
class _Visitor:
    """Somebody who is signed in: the header that shows it to the page and to the API, and of how many records there are."""

    cookie: str
    bearer: str
    size: str


@contextmanager
def _serving(
    laboratory: Laboratory, config: Path, data: Path, database: str
) -> Iterator[tuple[ServerProcess, Written, _Visitor]]:
    runs, events = (ALL_RUNS, ALL_EVENTS) if laboratory.is_full else (RUNS, EVENTS)
    written = write_records(config, data, runs, events)
    [secret] = several_tokens(config, data, 1)
    size = f"{REPOSITORIES * BRANCHES:,} environments, {runs:,} runs, {events:,} events in {database}"
    with serving(config, data, config.parent / "server.log") as served:
        yield served, written, _Visitor(_cookie(served, secret), bearer(secret), size)


def _cookie(served: ServerProcess, secret: str) -> str:
    """Signs somebody in."""
    client = Client(served.url)
    client.sign_in(secret)
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in client.cookies.items())


def bearer(secret: str) -> str:
    """The header of a token."""
    return f"Authorization: Bearer {secret}"


def _speeds(served: ServerProcess, visitor: _Visitor) -> list[Comparison]:
    return [
        *_answers("API", served, API, visitor.bearer, RATE),
        *_answers("page", served, _PAGE, visitor.cookie, PAGES),
    ]


def _first_paint(served: ServerProcess, visitor: _Visitor) -> Comparison:
    first = Load(served.url, visitor.cookie).ask("/")
    return figure("page: first paint of the list", first / 1000, "kB", 200, visitor.size)


def _followers(served: ServerProcess, written: Written, config: Path, data: Path) -> Iterator[Comparison]:
    """Each of them somebody else: who asks by one token for all costs less."""
    secrets = several_tokens(config, data, FOLLOWERS)
    ways = {
        "page": (f"/runs/{written.run}/live", [_cookie(served, secret) for secret in secrets]),
        "API": (f"/api/v1/runs/{written.run}/log?follow=1", [bearer(secret) for secret in secrets]),
    }
    for way, (path, headers) in ways.items():
        written.log.write_text("")
        each = cost(served.pid, served.url, path, headers, written.log)
        yield figure(f"{way}: {FOLLOWERS} follow one run, CPU", each.cpu, "% of a core", 10)
        yield figure("… memory that they add", each.more, "MiB", 150)
        yield figure("… memory of the server", each.memory, "MiB", None)


def _hour(laboratory: Laboratory, served: ServerProcess, visitor: _Visitor) -> Iterator[Comparison]:
    """As many requests as an hour brings at the same rate, as fast as they are answered; the first tenth warms up."""
    count = 3600 * RATE // (1 if laboratory.is_full else 10)
    load, paths = Load(served.url, visitor.bearer), tuple(API.values())
    load.times(paths, _AT_ONCE, count // 10)
    before = resident_mib(served.pid)
    load.times(paths, _AT_ONCE, count - count // 10)
    grown = resident_mib(served.pid) - before
    yield figure(f"API: growth of memory over {count:,} requests", grown, "MiB", 5, f"after {before:.0f} MiB")


def _configuration(place: Path, database: str = "") -> tuple[Path, Path]:
    config, data = place / "config", place / "data"
    config.mkdir()
    names = "".join(f"  - {{name: r{number}, url: /srv/r{number}.git}}\n" for number in range(REPOSITORIES))
    (config / "acme.yaml").write_text(f"organization: acme\nbackend: {{local: {{}}}}\nrepositories:\n{names}")
    daemon = f"daemon: {{database: '{database}'}}\n" if database else ""
    (config / "daemon.yaml").write_text(f"{daemon}{listening()}")
    return config, data


def listening() -> str:
    """The lines of `daemon.yaml` by which a server listens and sets nobody any limit."""
    return f"server: {{listen: '127.0.0.1:{free_port()}', requests: 1000000}}\n"


def several_tokens(config: Path, data: Path, count: int) -> list[str]:
    """New tokens of administrators."""
    runtime = compose(Start(config=config, data_dir=data, actor="bench", environ=dict(os.environ)))
    known = len(tokens.listed(runtime))
    wishes = [tokens.Wish(name=f"bench{known + number}", role=Role.ADMIN) for number in range(count)]
    try:
        return [tokens.create(runtime, wish)[0] for wish in wishes]
    finally:
        runtime.close()


def _answers(
    what: str, served: ServerProcess, paths: dict[str, str], header: str, rate: int
) -> list[Comparison]:
    """The 99th percentile of each, and what a request costs."""
    before = Spent.by(served.pid)
    taken = Load(served.url, header).times(tuple(paths.values()), rate, rate * SECONDS)
    spent = (Spent.by(served.pid) - before).seconds * 1000 / (rate * SECONDS)
    each = [
        figure(f"{what}: {label.strip()}", p99(taken[path]), "ms", 100, said(rate, taken[path]))
        for label, path in paths.items()
    ]
    return [*each, figure(f"{what}: CPU of a request", spent, "ms", None)]


def figure(name: str, value: float, unit: str, limit: float | None, note: str = "") -> Comparison:
    """One figure, without anything by hand."""
    return Comparison(name=name, unit=unit, ours=(value,), limit=limit, relative=False, note=note)
