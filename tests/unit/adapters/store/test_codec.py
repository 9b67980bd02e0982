"""What the store writes comes back as it was, whatever it is."""

import pickle
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck as Hypothesis
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.adapters.store import codec, records, rows, schema
from envmgr.adapters.store.columns import free_text, moment
from envmgr.adapters.store.connect import open_store
from envmgr.adapters.store.store import SqlStore
from envmgr.domain.rules.observation import Observed
from envmgr.domain.values.asking.person import Role
from envmgr.domain.values.deployment import Deployment, WayBack
from envmgr.domain.values.drift import Difference, Drift
from envmgr.domain.values.environment import (
    Absence,
    Applied,
    Changes,
    Claim,
    Environment,
    Event,
    Failure,
    Guard,
    Hold,
    Life,
    Offered,
    Output,
    Pin,
    ProcessId,
    RepositoryState,
    Run,
    Source,
    SourceKind,
    Status,
    Suspended,
    Suspension,
    Tagged,
    Waits,
    WaitsFor,
)
from envmgr.domain.values.environment.origin import Origin, OriginKind
from envmgr.domain.values.health import Condition, Health, HealthCheck
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.pipeline.proposal import Approval, Checked, CheckOutcome, Proposal, Rejection, Terms
from envmgr.domain.values.pipeline.verdict import Outcome, Result, Verdict
from envmgr.domain.values.schedule import Schedule
from envmgr.domain.values.step import Step
from tests.support.examples import examples

ANY_CHARACTER = st.characters(codec=None)  # lone surrogates too: a branch's undecodable bytes
texts = st.text(ANY_CHARACTER, max_size=20) | st.sampled_from(["", "\x1a", '\x1a"x"', "\0", "\udcff", "None"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))])
moments = st.datetimes(
    min_value=datetime.fromisoformat("0002-01-01"),
    max_value=datetime.fromisoformat("9998-01-01"),
    timezones=zones,
)
sources = st.builds(Source, st.sampled_from(SourceKind), texts, texts, texts)
claims = st.builds(
    Claim,
    commit=texts,
    source=sources,
    variables=st.dictionaries(texts, json_values, max_size=3),
    tags=st.dictionaries(texts, texts, max_size=3),
    terraform_version=texts,
    backend=st.tuples(texts, st.dictionaries(texts, json_values, max_size=3)),
    fingerprint=texts,
    lock_file=st.none() | texts,
    lineage=texts,
)
outputs = st.dictionaries(
    texts, st.builds(Output, json_values) | st.just(Output(None, sensitive=True)), max_size=3
)
words = st.text("0123456789abcdef", min_size=1, max_size=40)
spans = st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds))
commands = texts | st.lists(texts, min_size=1, max_size=3).map(tuple)
schedules = st.builds(
    Schedule,
    up=texts,
    down=texts,
    timezone=texts,
    down_run=st.lists(st.builds(Step, name=texts, run=commands, timeout=spans), max_size=2).map(tuple),
)
drifts = st.builds(
    Drift,
    tried_at=moments,
    checked_at=st.none() | moments,
    differences=st.lists(
        st.builds(
            Difference, address=texts, action=texts, attributes=st.dictionaries(texts, texts, max_size=2)
        ),
        max_size=2,
    ).map(tuple),
    error=texts,
    failing_since=st.none() | moments,
    changing=st.dictionaries(texts, st.integers(0, 9), max_size=2),
    noise=st.lists(texts, max_size=2).map(tuple),
    corrected=st.booleans(),
)
deployments = st.builds(
    Deployment,
    commit=st.none() | words,
    rules=texts,
    apply=st.none() | st.integers(1, 2**60),
    after=st.none() | st.integers(1, 2**60),
    healthy_commit=st.none() | words,
    ended=st.booleans(),
    begun=st.lists(words, max_size=2).map(tuple),
    back=st.none() | st.builds(WayBack, st.integers(1, 99), texts, st.none() | moments),
)
said = st.builds(Result, texts, st.sampled_from(Outcome), st.floats(0, 10**6, allow_nan=False), texts)
verdicts = st.builds(
    Verdict,
    on=texts,
    commit=words,
    run=st.integers(1, 10**6),
    at=moments,
    results=st.lists(said, max_size=3).map(tuple),
)
whoever = {"by": texts, "who": texts, "role": st.sampled_from(Role), "at": moments}
proposals = st.builds(
    Proposal,
    **dict.fromkeys(("on", "commit", "digest"), words),
    author=texts,
    terms=st.builds(
        Terms,
        needed=st.integers(1, 9),
        role=st.sampled_from(Role),
        expires=spans,
        allows_author=st.booleans(),
        frees_rollback=st.booleans(),
    ),
    requested_at=moments,
    expires_at=moments,
    reasons=st.lists(texts, max_size=2).map(tuple),
    changes=st.dictionaries(st.sampled_from(["add", "change", "destroy"]), st.integers(0, 9)),
    actions=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    text=texts,
    run=st.none() | st.integers(1, 9),
    checks=st.lists(
        st.builds(Checked, texts, st.sampled_from(CheckOutcome), st.just(("found",)), st.none() | st.just(1)),
        max_size=2,
    ).map(tuple),
    approvals=st.lists(st.builds(Approval, **whoever), max_size=2).map(tuple),
    rejection=st.none() | st.builds(Rejection, texts, texts, moments),
)
healths = st.builds(
    Health,
    check=st.builds(
        HealthCheck, url=texts, run=commands, expect=st.integers(), body=texts, timeout=spans, interval=spans
    ),
    condition=st.sampled_from(Condition),
    since=moments,
    message=texts,
)
waits = st.builds(Waits, st.sampled_from(WaitsFor), st.lists(texts, max_size=3).map(tuple))
optional_moments, optional_words = st.none() | moments, st.none() | words
guards = st.none() | st.sampled_from(Guard)
environments = st.builds(
    Environment,
    id=st.just(EnvironmentId("acme", "shop", "alice")),
    branch=texts,
    tagged=st.none()
    | st.builds(
        Tagged,
        object=texts,
        at=st.none() | moments,
        offered=st.none() | st.builds(Offered, name=texts, commit=texts),
    ),
    origin=st.builds(
        Origin,
        st.sampled_from(OriginKind),
        st.booleans(),
        st.none() | st.integers(0, 2**31 - 1),
        st.none() | texts,
    ),
    commit=words,
    status=st.sampled_from(Status),
    message=texts,
    waits=st.none() | waits,
    silent_since=st.none() | moments,
    refused=texts,
    absence=st.none() | st.builds(Absence, since=moments, count=st.integers(0, 99)),
    claim=st.none() | claims,
    applied=st.builds(
        Applied,
        commit=optional_words,
        fingerprint=optional_words,
        inputs=optional_words,
        outputs=outputs,
        resources=st.lists(texts, max_size=3).map(tuple),
        identifiers=st.none() | st.lists(texts, max_size=3).map(tuple),
        url=st.none() | texts,
        serial=st.none() | st.integers(0, 2**60),
    ),
    suspended=st.none()
    | st.builds(
        Suspended,
        texts.filter(bool),
        by=st.none() | st.sampled_from(Suspension),
        over=optional_words,
        at=optional_moments,
    ),
    hold=st.builds(Hold, guards, guards),
    failure=st.builds(Failure, st.integers(0, 99), st.just("") | words, optional_moments),
    life=st.builds(
        Life,
        created_at=moments,
        pushed_at=optional_moments,
        resumed_at=optional_moments,
        expires_at=optional_moments,
        warned_at=optional_moments,
    ),
    pin=st.none() | st.builds(Pin, words, optional_words),
    schedule=st.none() | schedules,
    drift=st.none() | drifts,
    deployment=st.none() | deployments,
    health=st.none() | healths,
    tests=st.none() | verdicts,
    proposal=st.none() | proposals,
    ending=st.booleans(),
    updated_at=moments,
)


@given(claims)
def test_claims(claim: Claim) -> None:
    """Equal both ways, in each field, and after a copy."""
    kept = codec.load_claim(codec.dump_claim(claim))
    assert kept == claim
    assert claim == kept
    assert pickle.loads(pickle.dumps(kept)) == claim
    assert replace(kept, fingerprint="0") == replace(claim, fingerprint="0")
    for field in fields(Claim):
        assert getattr(codec.load_claim(codec.dump_claim(claim)), field.name) == getattr(claim, field.name)
    assert kept not in list[object](["a claim", None])


@given(claims, claims)
def test_claims_differ_as_they_did(one: Claim, other: Claim) -> None:
    """A kept claim is equal to exactly what it was equal to before."""
    assert (codec.load_claim(codec.dump_claim(one)) == other) == (one == other)


def test_a_claim_has_no_other_fields() -> None:
    """A typo is an error, not a loop."""
    kept = codec.load_claim("{}")
    with pytest.raises(AttributeError):
        kept.commits  # type: ignore[attr-defined]  # noqa: B018


@given(outputs)
def test_outputs(value: dict[str, Output]) -> None:
    """Values of any JSON type."""
    assert codec.load_outputs(codec.dump_outputs(value)) == value


@given(json_values.filter(bool))
def test_a_sensitive_output_is_never_written(value: object) -> None:
    """Whoever hands its value over."""
    text = codec.dump_outputs({"key": Output(value, sensitive=True)})
    assert codec.load_outputs(text) == {"key": Output(None, sensitive=True)}


@given(st.builds(ProcessId, texts, texts, st.integers(), st.integers(), texts))
def test_processes(value: ProcessId) -> None:
    """Equal text for equal processes: the database compares them."""
    assert codec.load_process(codec.dump_process(value)) == value
    assert codec.dump_process(replace(value)) == codec.dump_process(value)


@given(st.builds(Changes, st.integers(), st.integers(), st.integers()), st.lists(texts).map(tuple))
def test_changes_and_resources(changes: Changes, resources: tuple[str, ...]) -> None:
    """Small values."""
    assert codec.load_changes(codec.dump_changes(changes)) == changes
    assert codec.load_resources(codec.dump_resources(resources)) == resources


@given(texts)
def test_text_is_kept_plain_where_databases_take_it(value: str) -> None:
    """And is taken by both of them where it is not."""
    column = free_text()
    kept = column.dump(value)
    assert column.load(kept) == value
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    if value.isprintable():
        assert kept == value


@given(moments, moments)
def test_times_sort_as_text(one: datetime, other: datetime) -> None:
    """To the microsecond, whatever zone they came in."""
    column = moment()
    assert column.load(column.dump(one)) == one
    assert (column.dump(one) < column.dump(other)) == (one < other)


def test_tables_have_the_fields_of_their_dataclasses() -> None:
    """A field that is not kept would be lost in silence."""
    identity = list(rows.IDENTITY)
    known = sorted(set(schema.environments.c.keys()) - {"writes"})  # which the store counts for itself
    assert known == sorted(column.name for column in records.COLUMNS)
    kept = {
        Run: (["id", *identity], schema.runs),
        RepositoryState: (["organization", "name"], schema.repositories),
    }
    for kind, (key, table) in kept.items():
        names = [field.name for field in fields(kind) if field.name not in ("id", "environment")]
        assert sorted(table.c.keys()) == sorted([*key, *names])
    assert sorted(schema.events.c.keys()) == sorted(
        # What an event is of stands in the same columns, whether that is an environment or a place.
        [*identity, *(field.name for field in fields(Event) if field.name not in ("environment", "place"))]
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SqlStore:
    """One database for all examples."""
    return open_store(None, tmp_path_factory.mktemp("data"))


@settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[Hypothesis.function_scoped_fixture]
)
@given(desired=environments)
def test_whole_environments(store: SqlStore, desired: Environment) -> None:
    """Through a real database."""
    with store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM environments")
    store.revise(desired.id.repository_id, lambda _: Observed(new=(desired,)))
    assert store.environment(desired.id) == desired


@settings(deadline=None)
@given(want=environments)
def test_a_record_comes_back_from_its_row(want: Environment) -> None:
    """Whatever its parts say: each field of each part has a column, and each column a field."""
    row = records.values(want)
    found = records.environment(tuple(row[column.name] for column in records.COLUMNS))  # type: ignore[arg-type]
    assert found == want
    for field in fields(Environment):
        assert getattr(found, field.name) == getattr(want, field.name)


def test_any_folder_name(tmp_path: Path) -> None:
    """A store in a folder whose name has a percent sign and spaces works."""
    open_store(None, tmp_path / "100 %(x)s {y}").close()


def test_a_time_without_a_zone_is_refused() -> None:
    """It could be any of 24."""
    with pytest.raises(ValueError, match="no time zone"):
        moment().dump(datetime.fromisoformat("2026-01-01"))
