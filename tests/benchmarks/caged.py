"""The same work in a cage and without one: Terraform on AWS, the start of a command, a push of code, the proxy's memory."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from envmgr.adapters.processes import identify
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.rules.cage import confine
from envmgr.domain.values.cage import CageLimits, CageRules, Ground, Network, Purpose, Reach
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import default_tags_environment, tags_for
from envmgr.host.cage.bubblewrap import caged, require
from envmgr.host.children.child import Start
from envmgr.ports import Watch, Workspace
from tests.benchmarks.by_hand import module_files
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds, settled, timed
from tests.benchmarks.laboratory import Absent, Laboratory
from tests.benchmarks.ordinary_user import as_ordinary_user
from tests.benchmarks.subject import Subject
from tests.support.proxies import forked

_STARTS = 20
_CONNECTS = ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/3128; sleep 0.4"]
"""Only who asks for something has a proxy."""
_MOST_PAIRS = 48
_PLAN, _PLAN_CPU = "plan in a cage, aws-environment", "… its processor time, which other work slows less"
_APPLY, _APPLY_CPU = "apply in a cage, aws-environment", "… its processor time, as above"
_MILLISECONDS = 1000.0
_OPEN = CageRules(kind="bwrap", network=Network(reach=Reach.HOST))


def caged_terraform(laboratory: Laboratory) -> list[Comparison]:
    """Plan and apply of `aws-environment` on moto, in a cage that has the host's network, and without a cage.

    In pairs, first the one and then the other, until it is sure whether the target is reached.
    """
    place = _place(laboratory, "caged-terraform")
    terraform = TerraformCommands(
        place / "providers", identify, cli_config=laboratory.cli_config, timeout=timedelta(minutes=10)
    )
    binary = _noting(place, laboratory.terraform)
    rules = {"caged": replace(_OPEN, readable=(laboratory.terraform,)), "bare": CageRules()}
    spaces = {kind: _Space(place / kind, laboratory, binary, each) for kind, each in rules.items()}

    def work(kind: str, number: int) -> Mapping[str, float]:
        space = spaces[kind].next(number)
        out, watch = place / f"{kind}-{number}.plan", Watch(log=place / f"{kind}.log")
        used = _used(space)
        made, planned = timed(lambda: terraform.plan(space, out, watch))
        used_by_plan = _used(space)
        _, applied = timed(lambda: terraform.apply(space, made.file, watch))
        return {
            _PLAN: planned,
            _PLAN_CPU: used_by_plan - used,
            _APPLY: applied,
            _APPLY_CPU: _used(space) - used_by_plan,
        }

    return settled(
        lambda name, ours, by_hand: replace(_ratio(name, (ours, by_hand), 1.03), settles=True),
        (lambda number: work("caged", number), lambda number: work("bare", number)),
        (laboratory.rounds, _MOST_PAIRS),
    )


def _noting(place: Path, terraform: str) -> str:
    """A Terraform that notes its processor time: nobody outside a cage is told of that by the kernel."""
    path = place / "terraform"
    path.write_text(f'#!/bin/sh\n{terraform} "$@"\ncode=$?\ntimes >> "$TF_DATA_DIR/times"\nexit $code\n')
    path.chmod(0o700)
    return str(path)


def _used(space: Workspace) -> float:
    """Seconds of all commands so far: each notes the shell's, then those of what it started, in minutes and seconds."""
    path = space.data / "times"
    lines = path.read_text().splitlines()[1::2] if path.exists() else []
    parts = (part.rstrip("s").split("m") for line in lines for part in line.split())
    return sum(60 * float(minutes) + float(rest) for minutes, rest in parts)


class _Space:
    """A workspace that is initialised once; each round's plan has something new in it."""

    def __init__(self, folder: Path, laboratory: Laboratory, binary: str, rules: CageRules) -> None:
        root = folder / "source"
        root.mkdir(parents=True)
        for name, text in module_files("aws-environment").items():
            (root / name).write_text(text)
        identity = EnvironmentId("acme", "shop", folder.name)
        tags = tags_for(identity, f"env-{folder.name}")
        self._space = Workspace(
            root=root,
            data=folder / "data",
            binary=binary,
            backend=("local", {"path": str(folder / "state/terraform.tfstate")}),
            variables={
                "environment": folder.name,
                "project": "shop",
                "organization": "acme",
                "branch": f"env-{folder.name}",
                "tags": dict(tags),
            },
            environment={**laboratory.aws_environment, **default_tags_environment(tags)},
            cage=rules,
        )

    def next(self, number: int) -> Workspace:
        """The same with another tag, so that there is something to apply.

        One with another key: of a key that has another value moto keeps both, and tells no more than ten.
        """
        tags = {**dict(self._space.variables["tags"]), f"round-{number}": "new"}  # type: ignore[call-overload]
        return replace(self._space, variables={**self._space.variables, "tags": tags})


@as_ordinary_user("caged-start")
def caged_start(laboratory: Laboratory) -> list[Comparison]:
    """From the start of a command that does nothing to its end, in a cage and without one."""
    place = _place(laboratory, "caged-start")
    rounds = [
        (_started(["true"]), *(_start(place, reach) for reach in _REACHES.values()))
        for _ in range(_STARTS + 1)
    ]
    bare, *figures = zip(*rounds[1:], strict=True)  # the first of each warms up
    return [
        *(
            Comparison(name=name, unit="ms", ours=found, by_hand=bare, limit=40, relative=False, note=_by())
            for name, found in zip(_REACHES, figures, strict=True)
        ),
        Comparison(
            name="memory of the proxy of a cage",
            unit="MiB",
            ours=tuple(_memory_of_proxy(place) for _ in range(laboratory.rounds)),
            limit=30,
            relative=False,
            note="the most that it had resident, what it shares with others counted in full",
        ),
    ]


_REACHES = {
    "start of a caged command, no network": Reach.NOTHING,
    "start of a caged command, by the proxy": Reach.PUBLIC,
}


def _start(place: Path, reach: Reach) -> float:
    with _made(place, reach, ["true"]) as (start, begin):
        _started_as(start)
        return (time.perf_counter() - begin) * _MILLISECONDS


@contextmanager
def _made(place: Path, reach: Reach, argv: list[str]) -> Iterator[tuple[Start, float]]:
    rules = CageRules(kind="bwrap", network=Network(reach=reach))
    cage = confine(Purpose.DEPLOY, rules, Ground(code=str(place)), CageLimits())
    start = Start(argv=argv, folder=place, environment={"PATH": os.environ["PATH"]}, output=1, errors=2)
    begin = time.perf_counter()
    with caged(start, cage, place / "1.log") as made:
        yield made, begin


def _started_as(start: Start) -> None:
    subprocess.run(start.argv, env=dict(start.environment), pass_fds=start.keep_open, check=True)


def _started(argv: list[str]) -> float:
    return seconds(lambda: subprocess.run(argv, check=True)) * _MILLISECONDS


def _memory_of_proxy(place: Path) -> float:
    before = forked()
    with _made(place, Reach.PUBLIC, _CONNECTS) as (start, _):
        process = subprocess.Popen(start.argv, env=dict(start.environment), pass_fds=start.keep_open)
        time.sleep(0.2)
        [proxy] = forked() - before
        status = Path(f"/proc/{proxy}/status").read_text()
        process.wait()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@as_ordinary_user("caged-code-push")
def caged_code_push(laboratory: Laboratory) -> list[Comparison]:
    """A push of code alone, from the poll that sees it to `ready`: three steps in cages with a proxy each, and without."""
    place = _place(laboratory, "caged-code-push")
    cages: dict[str, dict[str, object]] = {
        "caged": {"kind": "bwrap", "readable": [sys.prefix, sys.base_prefix]},
        "bare": {"kind": "none"},
    }
    pushes = {kind: _Push(place / kind, laboratory, cage) for kind, cage in cages.items()}
    try:
        found = interleaved(laboratory.rounds, pushes["caged"].seconds, pushes["bare"].seconds)
    finally:
        for push in pushes.values():
            push.subject.close()
    return [_ratio(f"push of code with its steps in cages, {_by()}", found, 1.3)]


class _Push:
    """An environment to which code is pushed."""

    def __init__(self, folder: Path, laboratory: Laboratory, cage: Mapping[str, object]) -> None:
        folder.mkdir()
        self.subject = Subject(folder, terraform={"binary": laboratory.terraform}, cage=dict(cage))
        check = f"{shlex.quote(sys.executable)} -m py_compile app.py"
        steps = {"check": check, "pack": "tar -cf app.tar app.py", "publish": "cp app.tar published.tar"}
        self._shop = self.subject.repository(
            deploy=[{"name": name, "run": run} for name, run in steps.items()]
        )
        code = {"terraform/main.tf": 'resource "terraform_data" "app" {}\n', "app.py": "print(0)\n"}
        self._shop.commit("env-alice", code)
        self.subject.reconcile()
        self.subject.ready("alice")

    def seconds(self, number: int) -> float:
        self._shop.commit("env-alice", {"app.py": f"print({number})\n"})
        taken = seconds(self.subject.reconcile)
        self.subject.ready("alice")
        return taken


def _by() -> str:
    return "as root" if os.geteuid() == 0 else "as an unprivileged user"


def _ratio(name: str, found: tuple[tuple[float, ...], tuple[float, ...]], limit: float | None) -> Comparison:
    caged_ones, bare = found
    note = "by hand is the same without a cage"
    return Comparison(name=name, unit="s", ours=caged_ones, by_hand=bare, limit=limit, paired=True, note=note)


def _place(laboratory: Laboratory, name: str) -> Path:
    """A folder; Absent where no cage can be made."""
    try:
        require()
    except NeedsPerson as error:
        raise Absent(str(error)) from error
    return laboratory.place(name)
