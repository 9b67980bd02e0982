"""Whose a resource is: by what a state listed, never by its tags alone; and in doubt it is the environment's own."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.domain.audit.ownership import is_listed, judge, missing
from envmgr.domain.values.environment import Changes, ProcessId, Run, RunKind, RunStatus
from envmgr.domain.values.names import EnvironmentId
from tests.unit.domain_example import NOW, SHOP

OURS, STRANGERS = "arn:aws:s3:::ours", "arn:aws:s3:::strangers"
IDENTITY = EnvironmentId("acme", SHOP.name, "a")


def run(kind: RunKind, status: RunStatus, changes: Changes | None = None) -> Run:
    """A run of an environment's."""
    return Run(
        id=1,
        environment=IDENTITY,
        kind=kind,
        commit="c",
        status=status,
        started_at=NOW - timedelta(hours=1),
        owner=ProcessId("h", "b", 1, 1),
        changes=changes,
    )


WENT_WELL = run(RunKind.APPLY, RunStatus.SUCCEEDED, Changes(add=1))


def test_a_strangers_resource_holds_no_destroy_up() -> None:
    """Our tags on it, and no state ever listed it."""
    found = judge([OURS, STRANGERS], [OURS], [WENT_WELL])
    assert (found.own, found.others) == ((OURS,), (STRANGERS,))


@pytest.mark.parametrize(
    "doubt",
    [
        run(RunKind.APPLY, RunStatus.INTERRUPTED),
        run(RunKind.APPLY, RunStatus.RUNNING),
        run(RunKind.APPLY, RunStatus.FAILED, Changes(add=1)),
    ],
)
def test_what_a_cut_off_apply_may_have_made_is_its_own(doubt: Run) -> None:
    """Terraform may have been killed between a creation and its record of it."""
    assert judge([STRANGERS], [OURS], [doubt, WENT_WELL]).own == (STRANGERS,)


@pytest.mark.parametrize(
    "harmless",
    [run(RunKind.APPLY, RunStatus.FAILED), run(RunKind.PLAN, RunStatus.INTERRUPTED)],
)
def test_a_run_that_applied_nothing_made_nothing(harmless: Run) -> None:
    """A plan that failed is no doubt."""
    assert judge([STRANGERS], [OURS], [harmless, WENT_WELL]).others == (STRANGERS,)


@given(st.sets(st.sampled_from([OURS, STRANGERS, "/subscriptions/1/resourceGroups/rg"])))
def test_where_nothing_is_known_all_is_its_own(left: set[str]) -> None:
    """No identifiers, as an older release left them; no runs, as after a lost database."""
    for found in (judge(left, None, [WENT_WELL]), judge(left, [], [])):
        assert set(found.own) == left
        assert found.others == ()


GROUP = "/subscriptions/1/resourceGroups/rg-a"
SERVER = f"{GROUP}/providers/Microsoft.DBforPostgreSQL/flexibleServers/db"


@pytest.mark.parametrize(
    ("identifier", "listed", "expected"),
    [
        (OURS, OURS, True),
        (OURS, "ours", True),
        ("arn:aws:ec2:eu-west-1:1:natgateway/nat-1", "nat-1", True),
        ("arn:aws:ec2:eu-west-1:1:natgateway/nat-12", "nat-1", False),
        (STRANGERS, "ours", False),
        (SERVER.lower(), SERVER, True),
        (f"{SERVER}/databases/x", SERVER, True),
        (SERVER, GROUP, False),
        ("/srv/a", "a", False),
    ],
)
def test_is_listed(identifier: str, listed: str, expected: bool) -> None:
    """By ARN, by the ID at its end, by Azure's ID in whatever case; what lies in a listed group is not listed."""
    assert is_listed(identifier, [listed]) is expected


GROUP = "/subscriptions/1/resourceGroups/rg-alice"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/alice"
POLICY = "arn:aws:iam::1:policy/alice"


@pytest.mark.parametrize(
    ("listed", "there", "gone"),
    [
        ((OURS,), (OURS,), ()),
        ((OURS, "arn:aws:sns:eu-west-1:1:topic"), (OURS,), ()),
        ((OURS, "ours"), (), (OURS,)),
        ((OURS,), (STRANGERS,), (OURS,)),
        ((POLICY, "ours"), (), ()),
        ((), (), ()),
        ((GROUP, VAULT), (GROUP.upper(),), ()),
        ((GROUP, VAULT), (), (GROUP,)),
        ((GROUP, f"{GROUP}2"), (f"{GROUP}2", VAULT), (GROUP,)),
        ((VAULT,), (), (VAULT,)),
    ],
)
def test_what_is_gone_is_told_by_groups_or_where_nothing_at_all_is_there(
    listed: tuple[str, ...], there: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    assert missing(listed, there) == gone
