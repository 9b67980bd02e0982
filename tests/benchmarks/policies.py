"""Checking a large plan with the policies that come with envmgr."""

from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

from envmgr.adapters.policy.rego import RegoPolicies
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.laboratory import Laboratory

RESOURCES, ATTRIBUTES = 2000, 20
_POLICIES = Path(__file__).parents[2] / "config" / "policies"


def policies(laboratory: Laboratory) -> list[Comparison]:
    """Milliseconds of processor time, that of the process that evaluates among it, for all of them together."""
    document, engine = plan(), RegoPolicies(seconds=120)
    took = []
    for _ in range(laboratory.rounds + 1):
        began = _spent()
        engine.evaluate(_POLICIES, document)
        took.append((_spent() - began) * 1000)
    name = f"the shipped policies on {RESOURCES} resources"
    return [Comparison(name=name, unit="ms", ours=tuple(took[1:]), limit=1000, relative=False)]


def plan() -> dict[str, Any]:
    """A plan as Terraform says it, of machines with a usual number of attributes."""
    return {
        "format_version": "1.2",
        "resource_changes": [_created(number) for number in range(RESOURCES)],
        "configuration": {
            "provider_config": {"aws": {"expressions": {"region": {"constant_value": "eu-west-1"}}}}
        },
        "envmgr": {"environment": "alice"},
    }


def _created(number: int) -> dict[str, Any]:
    attributes = {f"attribute_{each}": f"value {each} of {number}, some text" for each in range(ATTRIBUTES)}
    after = {
        **attributes,
        "region": "eu-west-1",
        "instance_type": "t3.micro",
        "tags": {"environment": "alice"},
    }
    return {
        "address": f"aws_instance.web[{number}]",
        "mode": "managed",
        "type": "aws_instance",
        "name": "web",
        "index": number,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {"actions": ["create"], "before": None, "after": after, "after_unknown": {"id": True}},
    }


def _spent() -> float:
    return sum(each.ru_utime + each.ru_stime for each in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))
