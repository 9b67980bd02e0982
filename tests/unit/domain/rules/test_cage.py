"""What each child that runs a branch's words sees, may write, reaches and is given: one row for each purpose."""

from dataclasses import replace
from datetime import timedelta

import pytest

from envmgr.domain.rules.cage import REGISTRIES, TERRAFORM, confine
from envmgr.domain.values.cage import (
    Cage,
    CageLimits,
    CageRules,
    Credentials,
    Ground,
    Network,
    Purpose,
    Reach,
)

GROUND = Ground(
    code="/code",
    folders=("/data",),
    passing=("/tmp-of-it",),
    state="/state",
    outside=("/srv/own",),
    arriving=("/incoming",),
    sources=("/terraform.rc",),
    tools=("/terraform",),
    secrets=("/token",),
    state_at=("state.example:443",),
    clouds_at=("cloud.example:443",),
)
LISTED = Network(reach=Reach.LISTED, allow=("*.amazonaws.com:443",))
RULES = CageRules(kind="bwrap", network=LISTED, readable=("/opt/node",))
NOTHING = Network(reach=Reach.NOTHING)
TO_STATE = replace(LISTED, allow=(*LISTED.allow, "state.example:443"))
TO_CLOUDS = replace(LISTED, allow=(*TO_STATE.allow, "cloud.example:443"))

CODE, DATA, PASSING, STATE, INCOMING = "/code", "/data", "/tmp-of-it", "/state", "/incoming"
OUTSIDE = "/srv/own"
STEP = (LISTED, Credentials.DEPLOY, {PASSING, CODE, DATA, OUTSIDE}, {"/token"})
# network, credentials, what it may write, what it sees beside its tools
TABLE = {
    Purpose.INIT: (
        Network(reach=Reach.LISTED, allow=(*LISTED.allow, *REGISTRIES, "state.example:443")),
        Credentials.BACKEND,
        {PASSING, CODE, DATA, INCOMING, STATE},
        {"/terraform.rc", "/token"},
    ),
    Purpose.VALIDATE: (NOTHING, Credentials.NONE, {PASSING}, {CODE, DATA}),
    Purpose.SHOW: (NOTHING, Credentials.NONE, {PASSING}, {CODE, DATA}),
    Purpose.PLAN: (TO_CLOUDS, Credentials.READING, {PASSING, CODE, DATA, STATE}, {"/token", OUTSIDE}),
    Purpose.APPLY: (TO_CLOUDS, Credentials.WRITING, {PASSING, CODE, DATA, STATE, OUTSIDE}, {"/token"}),
    Purpose.STATE: (TO_STATE, Credentials.WRITING, {PASSING, CODE, DATA, STATE}, {"/token"}),
    Purpose.BUILD: STEP,
    Purpose.DEPLOY: STEP,
    Purpose.ON_DESTROY: STEP,
    Purpose.DOWN: STEP,
    Purpose.TEST: STEP,
    Purpose.HEALTH: STEP,
    Purpose.CHECK: (LISTED, Credentials.NONE, {PASSING, CODE, DATA}, {OUTSIDE}),
}


def cage(purpose: Purpose, rules: CageRules = RULES) -> Cage:
    """What comes of some rules."""
    return confine(purpose, rules, GROUND, CageLimits())


def test_every_purpose_has_its_row() -> None:
    assert TABLE.keys() == set(Purpose)


@pytest.mark.parametrize("purpose", Purpose)
def test_the_table(purpose: Purpose) -> None:
    network, credentials, writes, sees = TABLE[purpose]
    found = cage(purpose)
    assert (found.network, found.credentials) == (network, credentials)
    assert set(found.writes) == writes
    assert set(found.sees) == {"/terraform", "/opt/node", *sees}
    assert found.is_closed


def test_no_step_sees_a_state_of_terraforms() -> None:
    for purpose in set(Purpose) - TERRAFORM:
        assert STATE not in {*cage(purpose).sees, *cage(purpose).writes}


@pytest.mark.parametrize("reach", [Reach.NOTHING, Reach.PUBLIC, Reach.HOST])
def test_the_network_is_what_was_asked_for_and_never_more(reach: Reach) -> None:
    """Neither does a list of registries open what is closed altogether."""
    rules = replace(RULES, network=Network(reach=reach))
    for purpose in set(Purpose) - {Purpose.VALIDATE, Purpose.SHOW}:
        assert cage(purpose, rules).network == Network(reach=reach)
    assert cage(Purpose.SHOW, rules).network == NOTHING


@pytest.mark.parametrize("purpose", Purpose)
def test_the_way_to_the_hosts_network_is_inherited_only_with_it(purpose: Purpose) -> None:
    assert "HTTPS_PROXY" not in cage(purpose).inherits
    assert "HTTPS_PROXY" in cage(purpose, CageRules()).inherits
    assert ("SSL_CERT_FILE" in cage(purpose).inherits) == (purpose in TERRAFORM)
    assert "HOME" not in cage(purpose).inherits


@pytest.mark.parametrize("purpose", Purpose)
def test_without_a_cage_there_are_limits_and_an_environment(purpose: Purpose) -> None:
    found = confine(
        purpose, CageRules(limits=CageLimits(memory=2)), GROUND, CageLimits(memory=3, processes=4)
    )
    assert not found.is_closed
    assert (found.sees, found.writes, found.network.reach) == ((), (), Reach.HOST)
    assert found.limits == CageLimits(memory=2, processes=4)
    assert found.outlives == (purpose not in TERRAFORM)


def test_the_tighter_limit_holds() -> None:
    own = CageLimits(memory=5, time=timedelta(minutes=15))
    rules = CageLimits(memory=7, cpu_seconds=9, disk=1, time=timedelta(minutes=5))
    assert own.within(rules) == replace(rules, memory=5)


def test_what_outlives_a_cage_is_a_deploys_alone_and_only_where_that_is_said() -> None:
    asked = replace(RULES, outlive=True)
    assert [p for p in Purpose if cage(p, asked).outlives] == [Purpose.DEPLOY]
    assert not any(cage(p).outlives for p in Purpose)


def test_what_an_organization_asks_for_holds_for_all_that_a_child_starts() -> None:
    """What holds for each process whatever it asks for, such as Terraform's own limit, is not one of all together."""
    rules = replace(RULES, limits=CageLimits(cores=2, disk=100))
    cage = confine(Purpose.PLAN, rules, GROUND, CageLimits(memory=1024, cpu_seconds=9, processes=50))
    assert cage.together == CageLimits(cores=2, disk=100, processes=50)
    assert cage.limits == CageLimits(memory=1024, cpu_seconds=9, cores=2, disk=100, processes=50)
