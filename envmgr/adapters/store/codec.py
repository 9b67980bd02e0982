"""Domain values as JSON text, exactly and both ways.

The text is ASCII (everything else is escaped), so lone surrogates and NUL, which neither database
takes in text, come back as they went in.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from envmgr.domain.documents.claim_document import claim_document, parse_claim
from envmgr.domain.values.asking.person import Asker, Kind
from envmgr.domain.values.deployment import Deployment, WayBack
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import (
    Changes,
    Claim,
    Offered,
    Output,
    Pin,
    ProcessId,
    Tagged,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.pipeline.verdict import Outcome, Result, Verdict
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.step import Step

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_decode = json.JSONDecoder().raw_decode  # without the second pass for blanks: these are the hot paths
_ESCAPED = "\x1a"
_CLAIM_FIELDS = tuple(field.name for field in fields(Claim))


AS_MOMENT = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'
"""PostgreSQL's form for what `dump_moment` writes."""


def dump_moment(moment: datetime) -> str:
    """An aware time as ISO 8601 in UTC with six digits of a second; ValueError for one without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def load_moment(text: str | None) -> datetime | None:
    """What `dump_moment` wrote; None for None."""
    return None if text is None else datetime.fromisoformat(text)


def dump_text(text: str) -> str:
    """Any text, with what a database refuses escaped."""
    return _ESCAPED + json.dumps(text) if _is_refused(text) else text


def _is_refused(text: str) -> bool:
    if "\0" in text or text.startswith(_ESCAPED):
        return True
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def load_text(text: str | None) -> str | None:
    """What `dump_text` wrote; None for None."""
    return json.loads(text[1:]) if text and text[0] == _ESCAPED else text


def dump_claim(claim: Claim) -> str:
    """A claim as a JSON object."""
    return _encode(claim_document(claim))


class _KeptClaim(Claim):
    """A claim that is parsed when a field is first asked for: most who read environments ask for none."""

    __slots__ = ("_text",)

    _text: str

    def __getattr__(self, name: str) -> Any:
        if name not in _CLAIM_FIELDS:
            raise AttributeError(name)
        claim = parse_claim(_decode(self._text)[0])
        for field in _CLAIM_FIELDS:
            object.__setattr__(self, field, getattr(claim, field))
        return getattr(claim, name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Claim):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in _CLAIM_FIELDS)

    __hash__ = None  # type: ignore[assignment]  # as a claim's: its mappings have none


def load_claim(text: str) -> Claim:
    """What `dump_claim` wrote; members of a later release are left out."""
    claim = _KeptClaim.__new__(_KeptClaim)
    object.__setattr__(claim, "_text", text)
    return claim


def dump_outputs(outputs: Mapping[str, Output]) -> str:
    """Outputs as `{name: [value, sensitive]}`; a sensitive value is never written, whoever gives it."""
    return _encode({n: [None if o.sensitive else o.value, o.sensitive] for n, o in outputs.items()})


def load_outputs(text: str) -> dict[str, Output]:
    """What `dump_outputs` wrote."""
    if text == "{}":
        return {}
    return {name: Output(value, sensitive) for name, (value, sensitive) in _decode(text)[0].items()}


def dump_resources(resources: tuple[str, ...]) -> str:
    """Resource addresses as a JSON array."""
    return _encode(resources)


def load_resources(text: str) -> tuple[str, ...]:
    """What `dump_resources` wrote."""
    return () if text == "[]" else tuple(_decode(text)[0])


def dump_actions(actions: tuple[tuple[str, str], ...]) -> str:
    """What happened to which resource, as a JSON array of pairs."""
    return _encode(actions)


def load_actions(text: str) -> tuple[tuple[str, str], ...]:
    """What `dump_actions` wrote."""
    return () if text == "[]" else tuple((action, address) for action, address in _decode(text)[0])


def dump_process(process: ProcessId) -> str:
    """A process as a JSON array; equal processes give equal text."""
    parts = [process.host, process.boot, process.pid, process.started]
    # As older releases wrote it, where no more is known: the database compares the text.
    return _encode([*parts, process.machine] if process.machine else parts)


@lru_cache(1000)  # hundreds of runs on a page are of a few processes
def load_process(text: str) -> ProcessId:
    """What `dump_process` wrote."""
    return ProcessId(*_decode(text)[0])


def dump_changes(changes: Changes) -> str:
    """Plan counts as a JSON array."""
    return _encode([changes.add, changes.change, changes.destroy])


@lru_cache(1000)
def load_changes(text: str) -> Changes:
    """What `dump_changes` wrote."""
    return Changes(*_decode(text)[0])


def dump_pin(pin: Pin) -> str:
    """A pin as a JSON array."""
    return _encode([pin.commit, pin.over, *filter(None, [pin.source])])


def load_pin(text: str) -> Pin:
    """What `dump_pin` wrote."""
    return Pin(*_decode(text)[0])


def dump_waits(waits: Waits) -> str:
    """What is waited for, as a JSON array."""
    return _encode([waits.on, *waits.about])


def load_waits(text: str) -> Waits:
    """What `dump_waits` wrote."""
    on, *about = _decode(text)[0]
    return Waits(WaitsFor(on), tuple(about))


def dump_tagged(tagged: Tagged) -> str:
    """What is noted of a tag, as a JSON array; the time as ISO 8601."""
    offered = tagged.offered and [tagged.offered.name, tagged.offered.commit]
    return _encode([tagged.object, tagged.at and tagged.at.isoformat(), offered])


def load_tagged(text: str) -> Tagged:
    """What `dump_tagged` wrote."""
    made, at, offered = _decode(text)[0]
    return Tagged(object=made, at=load_moment(at), offered=Offered(*offered) if offered else None)


def dump_schedule(schedule: Schedule) -> str:
    """A schedule as a JSON object."""
    steps = [[step.name, step.run, step.timeout.total_seconds()] for step in schedule.down_run]
    return _encode([schedule.up, schedule.down, schedule.timezone, steps])


def load_schedule(text: str) -> Schedule:
    """What `dump_schedule` wrote."""
    up, down, timezone, steps = _decode(text)[0]
    down_run = tuple(
        Step(name=name, run=_command(run), timeout=timedelta(seconds=seconds)) for name, run, seconds in steps
    )
    return Schedule(up=up, down=down, timezone=timezone, down_run=down_run)


def dump_drift(drift: Drift) -> str:
    """What drift checks found, as a JSON object; times as ISO 8601."""
    moments = {
        "tried_at": drift.tried_at,
        "checked_at": drift.checked_at,
        "failing_since": drift.failing_since,
    }
    return _encode(
        {
            **{name: moment and moment.isoformat() for name, moment in moments.items()},
            "differences": [[d.address, d.action, dict(d.attributes)] for d in drift.differences],
            "error": drift.error,
            "changing": dict(drift.changing),
            "noise": drift.noise,
            "corrected": drift.corrected,
            **({"failing_checks": drift.failing_checks} if drift.failing_checks else {}),
        }
    )


def load_drift(text: str) -> Drift:
    """What `dump_drift` wrote."""
    data = _decode(text)[0]
    found = [Difference(address=a, action=action, attributes=how) for a, action, how in data["differences"]]
    return Drift(
        tried_at=datetime.fromisoformat(data["tried_at"]),
        checked_at=load_moment(data["checked_at"]),
        differences=tuple(found),
        error=data["error"],
        failing_since=load_moment(data["failing_since"]),
        changing=data["changing"],
        noise=tuple(data["noise"]),
        corrected=data["corrected"],
        failing_checks=tuple(data.get("failing_checks", ())),
    )


def dump_deployment(found: Deployment) -> str:
    """A deployment as a JSON array."""
    # An earlier release reads all but what is unknown.
    begun: list[object] = [list(found.begun)] if found.begun or found.back else []
    if (back := found.back) is not None:
        begun.append([back.failures, back.why, back.retry_at and back.retry_at.isoformat()])
    return _encode(
        [found.commit, found.rules, found.apply, found.after, found.healthy_commit, found.ended, *begun]
    )


def load_deployment(text: str) -> Deployment:
    """What `dump_deployment` wrote."""
    commit, rules, apply, after, healthy_commit, ended, *begun = _decode(text)[0]
    return Deployment(
        commit=commit,
        rules=rules,
        apply=apply,
        after=after,
        healthy_commit=healthy_commit,
        ended=ended,
        begun=tuple(begun[0]) if begun else (),
        back=_way_back(*begun[1]) if begun[1:] else None,
    )


def _way_back(failures: int, why: str, retry_at: str | None) -> WayBack:
    return WayBack(failures, why, load_moment(retry_at))


def dump_health(found: Health) -> str:
    """How an environment answers, as a JSON array with the check in it; durations in seconds."""
    check = found.check
    asked = [
        check.url,
        check.run,
        check.expect,
        check.body,
        *map(timedelta.total_seconds, (check.timeout, check.interval)),
    ]
    return _encode([asked, found.condition, found.since.isoformat(), found.message])


def load_health(text: str) -> Health:
    """What `dump_health` wrote."""
    (url, run, expect, body, timeout, interval), condition, since, message = _decode(text)[0]
    check = HealthCheck(
        url=url,
        run=_command(run),
        expect=expect,
        body=body,
        timeout=timedelta(seconds=timeout),
        interval=timedelta(seconds=interval),
    )
    return Health(
        check=check, condition=Condition(condition), since=datetime.fromisoformat(since), message=message
    )


def dump_tests(found: Verdict) -> str:
    """What tests said, as a JSON array."""
    results = [[each.name, each.outcome, each.seconds, each.message] for each in found.results]
    return _encode([found.on, found.commit, found.run, found.at.isoformat(), results])


def load_tests(text: str) -> Verdict:
    """What `dump_tests` wrote."""
    on, commit, run, at, results = _decode(text)[0]
    said = tuple(Result(name, Outcome(outcome), *rest) for name, outcome, *rest in results)
    return Verdict(on=on, commit=commit, run=run, at=datetime.fromisoformat(at), results=said)


def _command(run: str | list[str]) -> str | tuple[str, ...]:
    return run if isinstance(run, str) else tuple(run)


def dump_json(value: Mapping[str, Any]) -> str:
    """An object of plain values."""
    return _encode(dict(value))


def load_json(text: str) -> Mapping[str, Any]:
    """What `dump_json` wrote."""
    found: Mapping[str, Any] = _decode(text)[0]
    return found


def dump_asker(asker: Asker) -> str:
    """Who asks, as a JSON object."""
    return _encode({"kind": asker.kind, "name": asker.name, "groups": asker.groups})


def load_asker(text: str) -> Asker:
    """What `dump_asker` wrote."""
    found = _decode(text)[0]
    return Asker(Kind(found["kind"]), found["name"], tuple(found["groups"]))
