"""Deciding over many tags and environments: what a look at a remote says of each, and what is to be done with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time

from envmgr.domain.rules.decide import decide
from envmgr.domain.rules.observation import Listing, observe
from envmgr.domain.rules.transitions.applies import applied
from envmgr.domain.values.environment import Environment, Status
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.origins.git_tag import GitTag
from envmgr.domain.values.origins.named import Asked, Named
from envmgr.domain.values.policy import Neighbours, Policy
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.laboratory import Laboratory
from tests.support.store import CLAIM

TAGS, ENVIRONMENTS = 1000, 50
_NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
_SHOP = RepositoryId("acme", "shop")
_POLICY = Policy(branches=("v*",), protected=("*",), is_named=True, inputs="inputs")


def deciding(laboratory: Laboratory) -> list[Comparison]:
    """Milliseconds of processor time for one look over 1,000 tags and 50 environments that follow them."""
    records, seen, asked = many()
    took = []
    for _ in range(laboratory.rounds + 1):
        began = process_time()
        decided(records, seen, asked)
        took.append((process_time() - began) * 1000)
    name = f"deciding over {TAGS} tags and {ENVIRONMENTS} environments"
    return [Comparison(name=name, unit="ms", ours=tuple(took[1:]), limit=20, relative=False)]


def many() -> tuple[list[Environment], Listing, Asked]:
    """Environments that have the newest tag but one, and a listing that has all of them."""
    names = [f"v1.{number // 10}.{number % 10}" for number in range(TAGS)]
    tags = {name: GitTag(f"{number:040x}", f"{number:040x}") for number, name in enumerate(names)}
    asked = Asked(named=tuple(Named(name=f"site-{n}", tags="v*") for n in range(ENVIRONMENTS)))
    before = Listing("main", {"main": "d" * 40}, {n: t for n, t in tags.items() if n != names[-1]})
    fresh = observe(_SHOP, [], before, (), _NOW, asked=asked).new
    ready = [
        replace(applied(e, replace(CLAIM, commit=e.commit), "inputs"), status=Status.READY) for e in fresh
    ]
    return ready, replace(before, tags=tags), asked


def decided(records: list[Environment], seen: Listing, asked: Asked) -> int:
    """What a look and its decisions come to: how many have something to do."""
    later = _NOW + timedelta(minutes=1)
    changed = observe(_SHOP, records, seen, (), later, asked=asked).changed
    neighbours = Neighbours()
    return sum(bool(decide(each, _POLICY, neighbours, later).reason) for each in changed)
