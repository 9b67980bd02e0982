"""What policies that read by name are given: enough to find just what they would in all of the plan."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envmgr.adapters.policy.narrowing import narrowed
from envmgr.adapters.policy.rego import RegoPolicies
from envmgr.adapters.policy.source import BadPolicy, parsed
from envmgr.domain.errors import NeedsOperator
from tests.support.examples import examples

POLICIES = Path(__file__).parents[4] / "config" / "policies"
SHIPPED = [parsed(file.name, file.read_text()) for file in sorted(POLICIES.glob("*.rego"))]
RULE = """# reads: by name
package envmgr

deny contains change.address if {
	some change in input.resource_changes
	"""


def resource(**after: Any) -> dict[str, Any]:
    """A resource of a plan with attributes that nobody reads beside those given."""
    return {
        "address": "aws_instance.it",
        "mode": "managed",
        "type": "aws_instance",
        "change": {"actions": ["create"], "before": None, "after": {**after, "user_data": "x"}, "other": 1},
    }


def test_only_what_is_named_is_given() -> None:
    found = narrowed(
        {
            "resource_changes": [resource(instance_type="t3.micro", region="here")],
            "configuration": {"provider_config": {"aws": {"any": 1}}, "root_module": {"large": True}},
            "envmgr": {"branch": "main"},
        },
        SHIPPED,
    )
    assert found == {
        "resource_changes": [
            {
                "address": "aws_instance.it",
                "type": "aws_instance",
                "change": {"actions": ["create"], "after": {"instance_type": "t3.micro", "region": "here"}},
            }
        ],
        "configuration": {"provider_config": {"aws": {"any": 1}}},
        "envmgr": {"branch": "main"},
    }


def test_who_promises_nothing_gets_all() -> None:
    """Also where only one file of several does not."""
    silent = parsed("other.rego", "package envmgr\n\nlimit := 5\n")
    document = {"resource_changes": [resource(size="x")]}
    assert narrowed(document, [*SHIPPED, silent]) == document


@pytest.mark.parametrize(
    "line",
    [
        "change.change.after != change.change.before",
        "some value in change.change.after",
        "some key, value in change.change.after",
        "change.change.after[_] == 1",
        'change.change.after[lower("X")] == 1',
        "count(change.change) > 1",
        "walk(change, [path, value])",
        "contains(json.marshal(change), value)",
        "some key\n\tchange.change.after[key] == 1",
        "some key, value in input.resource_changes",
        "count(input.resource_changes) > 5",
        "x := input\n\tx.resource_changes",
    ],
)
def test_a_promise_that_is_not_kept_is_refused(line: str, tmp_path: Path) -> None:
    """So that it waits, and finds nothing by mistake."""
    with pytest.raises(BadPolicy, match="reads: by name"):
        narrowed({}, [parsed("it.rego", f"{RULE}{line}\n}}\n")])
    (tmp_path / "it.rego").write_text(f"{RULE}{line}\n}}\n")
    with pytest.raises(NeedsOperator):
        RegoPolicies().evaluate(tmp_path, {"resource_changes": [resource()]})


_TYPES = st.sampled_from(["aws_instance", "aws_db_instance", "aws_s3_bucket", "azurerm_storage_account"])
_NAMES = st.sampled_from(["acl", "region", "location", "instance_type", "size", "tags", "name", "user_data"])
_VALUES = st.sampled_from(
    ["public-read", "us-east-1", "eu-west-1", "m7i.48xlarge", "t3.micro", 5, None, True]
)
_CHANGES = st.builds(
    lambda kind, after, actions: {**resource(), "type": kind, "change": {"actions": actions, "after": after}},
    _TYPES,
    st.dictionaries(_NAMES, _VALUES),
    st.sampled_from([["create"], ["delete"], ["delete", "create"], ["no-op"]]),
)


@settings(max_examples=examples(10), deadline=None)
@given(st.lists(st.lists(_CHANGES, max_size=8), min_size=1, max_size=1))
def test_the_shipped_policies_find_the_same_in_both(plans: list[list[dict[str, Any]]]) -> None:
    for changes in plans:
        document = {"resource_changes": changes, "configuration": {}}
        whole = RegoPolicies(narrows=False).evaluate(POLICIES, document)
        assert RegoPolicies().evaluate(POLICIES, document) == whole
