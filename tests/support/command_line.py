"""The command line in this process: here on a world in memory, and elsewhere against its API on loopback."""

import contextlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

from envmgr.cli import main
from envmgr.cli.invocation import Invocation
from envmgr.commands.hosts.standing import known
from envmgr.commands.runtime import Runtime
from envmgr.composition.records import Overview


@dataclass(frozen=True, slots=True)
class Done:
    """What a verb came to."""

    code: int
    out: str
    err: str


def envmgr(*words: str, environ: Mapping[str, str] | None = None) -> Done:
    """Runs the program with nothing of this process's own environment that names a server or a place."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENVMGR_")}
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {**kept, **(environ or {})}, clear=True),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            code = main(words)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
    return Done(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def on_host(runtime: Runtime) -> Iterator[None]:
    """For a block, verbs without a server work on this runtime's records, as on its host."""
    store: Any = runtime.services.store

    @contextlib.contextmanager
    def records(_: Invocation) -> Iterator[Any]:
        yield store

    def overview(_: Invocation, chosen: str | None, *, destroyed: bool) -> Overview:
        found = store.environments(destroyed=destroyed)
        kept = [e for e in found if chosen in (None, e.id.repository, str(e.id.repository_id))]
        errors = store.unreachable().items()
        errors_of = {r: s for r, s in errors if chosen in (None, r.name, str(r))}
        untold = {r: t for r, t in store.outbox.all_unsaid().items() if chosen in (None, r.name, str(r))}
        return Overview(kept, errors_of, store.freezes.all(), known(runtime), untold)

    with (
        mock.patch.object(Invocation, "records", records),
        mock.patch.object(Invocation, "overview", overview),
        mock.patch("envmgr.composition.records.standings", side_effect=lambda _: known(runtime)),
        mock.patch.object(Invocation, "data_dir", runtime.services.layout.root),
        mock.patch("envmgr.cli.work.compose", return_value=runtime),
        mock.patch.object(Runtime, "close", return_value=None),
    ):
        yield


def both(runtime: Runtime, elsewhere: Mapping[str, str], words: Sequence[str]) -> tuple[Done, Done]:
    """The same verb on the host, and from another machine."""
    with on_host(runtime):
        here = envmgr(*words)
    return here, envmgr(*words, environ=elsewhere)
