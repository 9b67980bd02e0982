"""What one host may do beside others, as a rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.rules.hosts.standing import ahead_for_sure, conflict, numbers, why_passive
from envmgr.domain.values.environment import ProcessId
from envmgr.domain.values.hosts.host import Configured, Host

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def host(name: str, **fields: object) -> Host:
    """A host that was just heard of, with a daemon."""
    return replace(
        Host(
            process=ProcessId(name, f"boot of {name}", 1, 1, f"id of {name}"),
            version="1.10.0",
            schema="0020",
            serves=True,
            draining=False,
            started_at=NOW,
            beat_at=NOW,
            silence=SECOND,
            configurations={"acme": Configured(digest="d", since=NOW)},
        ),
        **fields,  # type: ignore[arg-type]
    )


ONE, TWO = host("one"), host("two")


def test_hosts_of_one_release_and_configuration_all_work() -> None:
    """That is how it should be."""
    assert why_passive(ONE, "0020", [ONE, TWO], "acme") == ""
    assert conflict(ONE.process, [ONE, TWO]) == ""


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (host("one", draining=True), "one is drained"),
        (host("one", schema="0019"), "upgraded to revision 0020, and envmgr on one knows 0019"),
        (host("one", ahead=timedelta(minutes=2)), "The clock of one is 120 s ahead of the database's"),
        (host("one", version="1.9.2"), "two works with envmgr 1.10.0, one with 1.9.2"),
        (
            host("one", configurations={"acme": Configured(digest="e", since=NOW - SECOND)}),
            "The configuration of acme on one differs from the newer one on two",
        ),
    ],
)
def test_who_is_behind_leaves_the_work_to_others(mine: Host, said: str) -> None:
    """And says so; who is ahead works, and so does everybody once nobody is ahead any more."""
    assert said in why_passive(mine, "0020", [mine, TWO], "acme")
    assert why_passive(TWO, "0020", [mine, TWO], "acme") == ""
    silent = replace(TWO, silence=timedelta(minutes=1))
    if mine.schema == "0020" and not mine.draining and not mine.ahead:
        assert why_passive(mine, "0020", [mine, silent], "acme") == ""


def test_another_configuration_counts_where_it_differs() -> None:
    """Only in that organization."""
    old, new = Configured(digest="e", since=NOW - SECOND), Configured(digest="d", since=NOW)
    mine = host("one", configurations={"acme": old, "umbra": new})
    theirs = host("two", configurations={"acme": new, "umbra": new, "initech": new})
    found = [bool(why_passive(mine, "0020", [mine, theirs], name)) for name in ("acme", "umbra", "initech")]
    assert found == [True, False, False]


@given(
    st.lists(
        st.builds(
            lambda digest, version, schema, draining, silence: (digest, version, schema, draining, silence),
            st.sampled_from("abc"),
            st.sampled_from(["1.9", "1.10"]),
            st.sampled_from(["0019", "0020"]),
            st.booleans(),
            st.sampled_from([1, 31]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
)
def test_those_who_work_have_one_configuration_and_there_is_one_if_any_may(
    drawn: list[tuple[str, str, str, bool, int]], since: dict[str, int]
) -> None:
    """The newest one of those who live, by one release; a host that is alone is never kept from work by others."""
    hosts = [
        host(
            f"host-{number}",
            version=version,
            schema=schema,
            draining=draining,
            silence=silence * SECOND,
            configurations={"acme": Configured(digest=digest, since=NOW + since.get(digest, 0) * SECOND)},
        )
        for number, (digest, version, schema, draining, silence) in enumerate(drawn)
    ]
    may = [each for each in hosts if each.lives and each.schema == "0020" and not each.draining]
    working = [each for each in may if not why_passive(each, "0020", hosts, "acme")]
    assert bool(working) is bool(may)
    newest = max(((c.since, c.digest) for each in may for c in each.configurations.values()), default=None)
    assert {(c.since, c.digest) for each in working for c in each.configurations.values()} <= {newest}
    assert len({each.version for each in working}) <= 1
    for each in may:
        assert why_passive(each, "0020", [each], "acme") == ""


def test_a_name_is_one_hosts() -> None:
    """Of two machines of one name the second is refused, for as long as the first is heard of."""
    twin = replace(TWO.process, host="one")
    assert "Another host called one (ID id of on, this one is id of tw)" in conflict(twin, [ONE])
    assert conflict(twin, [replace(ONE, silence=timedelta(minutes=1))]) == ""
    assert conflict(replace(twin, boot=ONE.process.boot), [ONE]) == ""  # processes of one boot see each other


def test_an_id_is_one_boots() -> None:
    """Of a machine and its copy the second is refused; after a restart only until the one before is silent."""
    copy = replace(ONE.process, boot="another")
    assert "If it is a copy of the other, delete host-id" in conflict(copy, [ONE])
    assert conflict(copy, [ONE], is_dead=True) == ""
    assert conflict(copy, [replace(ONE, silence=timedelta(seconds=31))]) == ""


@pytest.mark.parametrize(
    ("older", "newer"), [("1.9", "1.10"), ("1.9.9", "2.0"), ("1.0", "1.0.1"), ("0+unknown", "0.1rc1")]
)
def test_versions_are_compared_by_number(older: str, newer: str) -> None:
    """Not by their letters."""
    assert numbers(older) < numbers(newer)


@given(st.integers(-100, 100), st.integers(0, 50), st.integers(0, 50))
def test_a_clock_is_only_as_far_ahead_as_is_sure(ahead: int, there: int, back: int) -> None:
    """Whatever time the question took, and the answer: never further than it is, and as far where both took none."""
    found = ahead_for_sure(NOW + (ahead - there) * SECOND, NOW, NOW + (ahead + back) * SECOND) / SECOND
    assert abs(found) <= abs(ahead)
    assert found * ahead >= 0
    if there == back == 0:
        assert found == ahead
