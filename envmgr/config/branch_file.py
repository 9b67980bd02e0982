"""`.envmgr.yaml`: what a branch asks for itself. Whoever can push writes it, so nothing in it is trusted."""

from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import Field

from envmgr.config.sections.deploy import CommandStep, DeployStep, Health
from envmgr.config.sections.rules import Schedule
from envmgr.config.sections.section import Section
from envmgr.config.sections.values import Period, Variables
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.names import first

from .parsing import lines, parse, validate
from .yaml_tree import Problem, Tree

BRANCH_FILE: Final = ".envmgr.yaml"
MAX_BYTES: Final = 64 * 1024
_SHOWN = 10
_NO_COMMANDS: Final = (
    "this repository takes no commands from branches; remove it, or ask for allow_branch_deploy"
)


class BranchFile(Section):
    """What a branch may ask for; everything is optional."""

    variables: Variables = Field(
        default={},
        description="Input variables for this branch's environment; they win over all others.",
        examples=[{"instances": 2}],
    )
    ttl: Period | None = Field(
        default=None,
        description="How long the environment lives; cut to the organization's `ttl.max`.",
        examples=["7d"],
    )
    deploy: tuple[DeployStep, ...] = Field(
        default=(),
        description="Deploy steps instead of the repository's; only with `allow_branch_deploy: true` there.",
        examples=[[{"name": "build", "run": "make image", "timeout": "15m"}]],
    )
    on_destroy: tuple[CommandStep, ...] = Field(
        default=(),
        description="Commands before Terraform destroys; only with `allow_branch_deploy: true`.",
        examples=[[{"name": "drain", "run": "make drain"}]],
    )
    health: Health | None = Field(
        default=None,
        description="What must answer before the environment is ready; `run` only with `allow_branch_deploy: true`.",
        examples=[{"url": "{outputs.url}", "expect": 200, "timeout": "5m"}],
    )
    schedule: Schedule | None = Field(
        default=None,
        description="When the environment is up.",
        examples=[{"up": "0 8 * * 1-5", "down": "0 19 * * 1-5", "timezone": "Europe/Berlin"}],
    )


def parse_branch_file(content: bytes, *, allow_deploy: bool) -> BranchFile:
    """Reads a branch file; an empty one asks for nothing.

    Raises NeedsPerson with a line `.envmgr.yaml:line: path: what and how to fix it` for each mistake.
    """
    if len(content) > MAX_BYTES:
        raise NeedsPerson(f"{BRANCH_FILE}:1: it is larger than 64 KiB; keep only what envmgr reads")
    tree = parse(content, trusted=False)
    branch_file = _validate(tree, allow_deploy=allow_deploy)
    if branch_file is None or tree.problems:
        raise NeedsPerson(first(lines(BRANCH_FILE, tree), _SHOWN, "\n", "\nand {} more"))
    return branch_file


def _validate(tree: Tree, *, allow_deploy: bool) -> BranchFile | None:
    value = {} if tree.value is None else tree.value
    if not isinstance(value, dict):
        tree.problems.append(Problem(1, (), "it must be a mapping of keys to values, such as `ttl: 7d`"))
        return None
    if not allow_deploy:
        tree.problems.extend(Problem(tree.line(path), path, _NO_COMMANDS) for path in _commands(value))
    return validate(tree, BranchFile, value)


def _commands(value: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    """Where a branch file brings commands of its own."""
    yield from ((key,) for key in ("deploy", "on_destroy") if key in value)
    health = value.get("health")
    if isinstance(health, Mapping) and "run" in health:
        yield ("health", "run")
    schedule = value.get("schedule")
    if isinstance(schedule, Mapping) and "down_run" in schedule:
        yield ("schedule", "down_run")
