"""The port `Terraform` in memory: plans, states and locks as the real one makes them, in no time.

An apply is a child process of a `Host`: it outlives whoever started it, goes on when it is adopted, and leaves its
lock behind where it is killed. A resource of a type `aws_…` is one in a `MemoryCloud`, with its tags.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, Literal

from envmgr.domain.documents.plan import Plan, ResourceChange
from envmgr.domain.documents.state import LockInfo
from envmgr.domain.errors import EnvmgrError, Interrupted, NeedsPerson, StalePlan, StateLocked, Transient
from envmgr.domain.values.environment import Changes, Output, ProcessId
from envmgr.engine.work.lock_recorder import our_name
from envmgr.host.cage.user import user_of
from envmgr.ports import Attended, PlanFile, PlanResult, Progress, Watch, Workspace

from .cloud import MemoryCloud
from .code import Resource, read_code
from .processes import Host
from .states import StatePlace

VERSION = "1.11.4"
_ERRORED = "errored.tfstate"
_CLOUDS = "aws_"
_DEFAULT_TAGS = "TF_AWS_DEFAULT_TAGS_"
_lineages, _locks = count(1), count(1)

Document = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """Where a Terraform is: which command, how far, and for which workspace."""

    command: str
    step: str
    workspace: Workspace
    destroys: bool = False
    deletes: bool = False

    @property
    def key(self) -> str:
        """Of the state that it works on."""
        return str(self.workspace.backend[1]["key"])


@dataclass
class _Apply:
    """An apply under way."""

    place: StatePlace
    key: str
    workspace: Workspace
    plan: Document
    log: Path
    steps: Iterator[str] = field(default_factory=lambda: iter(()))


class MemoryTerraform:
    """See `envmgr.ports.Terraform`. `at` is told wherever a command has come to; what it raises leaves the child alone."""

    def __init__(
        self,
        host: Host,
        cloud: MemoryCloud,
        place: Callable[[tuple[str, Mapping[str, object]]], tuple[StatePlace, str]],
        clock: Callable[[], datetime],
    ) -> None:
        """`place` gives where a backend with its key is."""
        self.versions: dict[str, str] = {}
        self.at: Callable[[Point], None] = lambda _: None
        self.calls: list[str] = []
        self.fails: dict[str, str] = {}
        """What commands fail with, before they do anything."""
        self.found: dict[str, Sequence[str]] = {}
        """What its own checks find."""
        self.is_caged = False
        """Whether its locks carry the name of its run, as in a cage."""
        self._host, self._cloud, self._place, self._clock = host, cloud, place, clock
        self._running: dict[ProcessId, _Apply] = {}
        self._said: dict[Path, Attended] = {}

    def version(self, binary: str) -> str:
        """As it was set."""
        return self.versions.get(binary, VERSION)

    def plan(self, workspace: Workspace, out: Path, watch: Watch, *, destroy: bool = False) -> PlanResult:
        """Compares code, state and cloud."""
        self._begin("plan")
        self.push_errored_state(workspace, watch)
        with self._child(watch), self._locked(workspace, "OperationTypePlan", watch.log):
            self.at(Point("plan", "begins", workspace, destroy))
            document = self._planned(workspace, destroy=destroy)
            content = json.dumps(document).encode()
            out.write_bytes(content)
            self.at(Point("plan", "ends", workspace, destroy))
        changes = _counted(document["changes"])
        for change in document["changes"]:
            watch.progress(
                Progress(phase="planned_change", text=change["address"], address=change["address"])
            )
        has_providers = any(change["type"].startswith(_CLOUDS) for change in document["resources"])
        return PlanResult(
            file=PlanFile(path=out, digest=sha256(content).hexdigest()),
            has_changes=bool(document["changes"]) or document["outputs"] != document["outputs_before"],
            changes=changes,
            lock_file='provider "registry.terraform.io/hashicorp/aws" {\n}\n' if has_providers else None,
        )

    def pack_modules(self, data: Path, digest: str, archive: Path) -> bool:
        """No code here has modules from elsewhere."""
        return False

    def show(self, workspace: Workspace, plan: PlanFile) -> Plan:
        """What was planned."""
        document = _opened(plan)
        changed = {change["address"]: tuple(change["actions"]) for change in document["changes"]}
        return Plan(
            tuple(
                ResourceChange(
                    address=each["address"],
                    type=each["type"],
                    actions=changed.get(each["address"], ("no-op",)),
                    before=each["before"],
                    after=each["after"],
                    unknown={},
                    takes_tags=each["takes_tags"],
                )
                for each in document["resources"]
            ),
            document["outputs"] != document["outputs_before"],
        )

    def document(self, workspace: Workspace, plan: PlanFile) -> Mapping[str, Any]:
        """As `terraform show -json` words it."""
        document = _opened(plan)
        changed = {change["address"]: list(change["actions"]) for change in document["changes"]}
        return {
            "format_version": "1.2",
            "resource_changes": [
                {
                    "address": each["address"],
                    "mode": "managed",
                    "type": each["type"],
                    "change": {
                        "actions": changed.get(each["address"], ["no-op"]),
                        "before": each["before"],
                        "after": each["after"],
                    },
                }
                for each in document["resources"]
            ],
        }

    def findings(self, workspace: Workspace, check: Literal["validate", "fmt"]) -> Sequence[str]:
        """What was said that it finds."""
        self._begin(check)
        return self.found.get(check, ())

    def render(self, workspace: Workspace, plan: PlanFile) -> str:
        """A line for each change."""
        changes = _opened(plan)["changes"]
        return "".join(f"{'/'.join(change['actions'])} {change['address']}\n" for change in changes)

    def apply(self, workspace: Workspace, plan: PlanFile, watch: Watch) -> Mapping[str, Output]:
        """Step by step: another process may end, or stop, between any two."""
        self._begin("apply")
        self.push_errored_state(workspace, watch)
        document = _opened(plan)
        place, key = self._place(workspace.backend)
        child = self._host.start(watch.log)
        watch.started(child)
        under_way = _Apply(place, key, workspace, document, watch.log)
        under_way.steps = self._steps(under_way)
        self._running[child] = under_way
        try:
            for step in under_way.steps:
                self.at(_point(step, under_way))
                if step != "written" and watch.stop():
                    self._stop(under_way)
                    raise Interrupted("Terraform was stopped before its end.")
        except EnvmgrError as error:
            self._end(child, watch.log, Attended(error=str(error)))
            raise
        self._end(child, watch.log, Attended(applied=_counted(document["changes"])))
        return {name: Output(None if of[1] else of[0], of[1]) for name, of in document["outputs"].items()}

    def adopt(self, workspace: Workspace, child: ProcessId | None, watch: Watch) -> Attended:
        """Lets what still runs come to its end; gives what it said."""
        under_way = self._running.get(child) if child is not None else None
        if child is not None and under_way is not None:
            adopted = Attended(applied=_counted(under_way.plan["changes"]))
            try:
                for step in under_way.steps:
                    self.at(_point(step, under_way))
            except EnvmgrError as error:
                adopted = Attended(error=str(error))
            self._end(child, watch.log, adopted)
        return self._said.get(watch.log, Attended())

    def push_errored_state(self, workspace: Workspace, watch: Watch) -> bool:
        """Brings a state that could not be written to its place."""
        left = workspace.data / _ERRORED
        if not left.is_file():
            return False
        place, key = self._place(workspace.backend)
        _write(place, key, json.loads(left.read_text()))
        left.unlink()
        return True

    def unlock(self, workspace: Workspace, lock_id: str, watch: Watch) -> None:
        """Breaks just that lock."""
        place, key = self._place(workspace.backend)
        held = place.locks.get(key)
        if held is None or held.id != lock_id:
            raise NeedsPerson(f"There is no lock {lock_id} to break.")
        del place.locks[key]

    def kill(self, child: ProcessId) -> None:
        """A child dies where it is: no part of the port."""
        self._host.end(child)
        self._running.pop(child, None)

    @property
    def running(self) -> Sequence[ProcessId]:
        """The applies under way: no part of the port."""
        return list(self._running)

    def key_of(self, child: ProcessId) -> str:
        """The state that an apply under way works on: no part of the port."""
        return self._running[child].key

    def _begin(self, command: str) -> None:
        self.calls.append(command)
        if command in self.fails:
            raise Transient(self.fails[command])

    # --- planning ---

    def _planned(self, workspace: Workspace, *, destroy: bool) -> Document:
        place, key = self._place(workspace.backend)
        code = read_code(workspace.root, workspace.variables)
        state = _state(place, key)
        there = {_address(each): self._now(each) for each in state["resources"] if self._is_there(each)}
        wanted = {} if destroy else {each.address: each for each in code.resources}
        changes = [
            {"address": address, "actions": actions, "type": address.partition(".")[0]}
            for address in sorted({*there, *wanted}, key=lambda a: (a in wanted and wanted[a].fails, a))
            if (actions := _actions(there.get(address), wanted.get(address), workspace))
        ]
        return {
            "serial": state["serial"],
            "lineage": state["lineage"],
            "destroys": destroy,
            "changes": changes,
            "resources": [
                _shown(address, there.get(address), wanted.get(address), workspace)
                for address in sorted({*there, *wanted})
            ],
            "wanted": {address: asdict(each) for address, each in wanted.items()},
            "outputs": {} if destroy else {name: list(of) for name, of in code.outputs.items()},
            "outputs_before": {n: [o["value"], o["sensitive"]] for n, o in state["outputs"].items()},
        }

    def _is_there(self, resource: Document) -> bool:
        arn = resource["instances"][0]["attributes"].get("arn")
        return arn is None or arn in self._cloud.resources

    def _now(self, resource: Document) -> Document:
        """A resource of the state as the cloud has it by now."""
        [instance] = resource["instances"]
        arn = instance["attributes"].get("arn")
        if arn is None:
            return resource
        found = {"input": self._cloud.inputs[arn], "tags_all": dict(self._cloud.resources[arn])}
        return {**resource, "instances": [{**instance, "attributes": {**instance["attributes"], **found}}]}

    # --- applying ---

    def _steps(self, under_way: _Apply) -> Iterator[str]:
        place, key, plan = under_way.place, under_way.key, under_way.plan
        state = _state(place, key)
        if (holder := place.locks.get(key)) is not None:
            raise StateLocked(f"The state {key} is locked by {holder}.")
        if (state["serial"], state["lineage"]) != (plan["serial"], plan["lineage"]):
            raise StalePlan("The state has changed since the plan was made.")
        self._lock(place, key, "OperationTypeApply", under_way.log)
        state["resources"] = [self._now(each) for each in state["resources"] if self._is_there(each)]
        yield "locked"
        failed = ""
        for change in plan["changes"]:
            failed = self._change(under_way, state, change)
            if not place.is_full:
                _write(place, key, state)
            yield f"changed {change['address']}"
            if failed:
                break
        if not failed:
            state["outputs"] = {
                name: {"value": of[0], "sensitive": of[1]} for name, of in plan["outputs"].items()
            }
        kept = self._keep(under_way, state)
        yield "written"
        del place.locks[key]
        if failed or not kept:
            raise Transient(failed or "The state could not be written to its backend; it is kept.")

    def _keep(self, under_way: _Apply, state: Document) -> bool:
        """Writes the state to its place, or beside the working folder where that takes nothing."""
        if not under_way.place.is_full:
            _write(under_way.place, under_way.key, state)
            return True
        _numbered(state)
        under_way.workspace.data.mkdir(parents=True, exist_ok=True)
        (under_way.workspace.data / _ERRORED).write_text(json.dumps(state))
        return False

    def _change(self, under_way: _Apply, state: Document, change: Document) -> str:
        """Does one change in cloud and state; gives the error of one that fails."""
        address = change["address"]
        before = next((each for each in state["resources"] if _address(each) == address), None)
        if before is not None:
            state["resources"].remove(before)
        arn = (before or {"instances": [{"attributes": {}}]})["instances"][0]["attributes"].get("arn")
        if "delete" in change["actions"] and arn is not None:
            self._cloud.resources.pop(arn, None)
        if change["actions"] == ["delete"]:
            return ""
        wanted = Resource(**under_way.plan["wanted"][address])
        attributes: Document = {"input": wanted.input, "triggers_replace": wanted.trigger}
        if wanted.type.startswith(_CLOUDS):
            tags = _tags(wanted, under_way.workspace)
            arn = f"arn:aws:memory:::{under_way.key}/{address}"
            self._cloud.resources[arn], self._cloud.inputs[arn] = tags, wanted.input
            attributes |= {"arn": arn, "tags_all": tags}
        state["resources"].append(
            {
                "mode": "managed",
                "type": wanted.type,
                "name": wanted.name,
                "provider": "memory",
                "instances": [{"attributes": attributes, **({"status": "tainted"} if wanted.fails else {})}],
            }
        )
        return f"{address}: local-exec provisioner error." if wanted.fails else ""

    def _stop(self, under_way: _Apply) -> None:
        """What was done by then is in the state already."""
        under_way.place.locks.pop(under_way.key, None)

    def _end(self, child: ProcessId, log: Path, said: Attended) -> None:
        self._host.end(child)
        self._running.pop(child, None)
        self._said[log] = said

    # --- children and locks ---

    @contextmanager
    def _child(self, watch: Watch) -> Iterator[None]:
        child = self._host.start(watch.log)
        try:
            watch.started(child)
            yield
        finally:
            self._host.end(child)

    @contextmanager
    def _locked(self, workspace: Workspace, operation: str, log: Path) -> Iterator[None]:
        place, key = self._place(workspace.backend)
        if (holder := place.locks.get(key)) is not None:
            raise StateLocked(f"The state {key} is locked by {holder}.")
        self._lock(place, key, operation, log)
        try:
            yield
        finally:
            place.locks.pop(key, None)

    def _lock(self, place: StatePlace, key: str, operation: str, log: Path) -> None:
        who = f"{user_of(log)}@{self._host.name}" if self.is_caged else our_name()
        place.locks[key] = LockInfo(f"lock-{next(_locks)}", operation, who, self._clock())


def _point(step: str, under_way: _Apply) -> Point:
    plan = under_way.plan
    deletes = any("delete" in change["actions"] for change in plan["changes"])
    return Point("apply", step, under_way.workspace, plan["destroys"], deletes)


def _actions(there: Document | None, wanted: Resource | None, workspace: Workspace) -> list[str]:
    if wanted is None:
        return ["delete"]
    if there is None:
        return ["create"]
    instance = there["instances"][0]
    has = instance["attributes"]
    if instance.get("status") == "tainted" or has["triggers_replace"] != wanted.trigger:
        return ["delete", "create"]
    tags = _tags(wanted, workspace)
    is_same = has["input"] == wanted.input and has.get("tags_all", tags) == tags
    return [] if is_same else ["update"]


def _shown(address: str, there: Document | None, wanted: Resource | None, workspace: Workspace) -> Document:
    after: Document | None = None
    if wanted is not None:
        after = {"input": wanted.input, "triggers_replace": wanted.trigger}
        if wanted.type.startswith(_CLOUDS):
            after["tags_all"] = _tags(wanted, workspace)
            after |= {"arn": of["arn"]} if (of := _attributes(there)) else {}
    return {
        "address": address,
        "type": address.partition(".")[0],
        "before": _attributes(there),
        "after": after,
        "takes_tags": wanted is not None and wanted.takes_tags,
    }


def _attributes(there: Document | None) -> Document | None:
    found: Document | None = there["instances"][0]["attributes"] if there is not None else None
    return found


def _tags(wanted: Resource, workspace: Workspace) -> dict[str, str]:
    """Those of the provider's defaults, and the code's own."""
    environment = workspace.environment.items()
    tags = {n.removeprefix(_DEFAULT_TAGS): v for n, v in environment if n.startswith(_DEFAULT_TAGS)}
    given = workspace.variables.get("tags")
    return tags | (dict(given) if wanted.takes_tags and isinstance(given, Mapping) else {})


def _counted(changes: Sequence[Document]) -> Changes:
    return Changes(
        add=sum("create" in change["actions"] for change in changes),
        change=sum("update" in change["actions"] for change in changes),
        destroy=sum("delete" in change["actions"] for change in changes),
    )


def _address(resource: Document) -> str:
    return f"{resource['type']}.{resource['name']}"


def _opened(plan: PlanFile) -> Document:
    content = plan.path.read_bytes()
    if sha256(content).hexdigest() != plan.digest:
        raise StalePlan("The file is not the plan that was made.")
    found: Document = json.loads(content)
    return found


def _state(place: StatePlace, key: str) -> Document:
    content = place.objects.get(key)
    if content:
        found: Document = json.loads(content)
        return found
    return {"version": 4, "serial": 0, "lineage": "", "outputs": {}, "resources": []}


def _numbered(state: Document) -> None:
    state["serial"] += 1
    state["lineage"] = state["lineage"] or f"{next(_lineages):08x}-lineage"


def _write(place: StatePlace, key: str, state: Document) -> None:
    _numbered(state)
    place.objects[key] = json.dumps(state).encode()
