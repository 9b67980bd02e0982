"""The head of a fork that waits for somebody's yes, as the command line shows it."""

from collections.abc import Iterator, Sequence

from envmgr.cli.screen import printable
from envmgr.domain.errors import UsageError
from envmgr.domain.values import reference
from envmgr.domain.values.names import EnvironmentId, ref_component
from envmgr.views.asking import HeadObject


def environment_of(found: HeadObject) -> EnvironmentId:
    """The environment that it is for."""
    return EnvironmentId(found["organization"], found["repository"], found["environment"])


def named(text: str, heads: Sequence[HeadObject]) -> HeadObject | None:
    """The one whose environment a text means; None where it means none. Raises UsageError where it means several."""
    found = [each for each in heads if text in reference.forms(environment_of(each), each["environment"])]
    if len(found) > 1:
        names = ", ".join(str(environment_of(each)) for each in found)
        raise UsageError(f"{ref_component(text)!r} may mean {names}: say which.")
    return found[0] if found else None


def lines(found: HeadObject) -> Iterator[str]:
    """What somebody has to know before she says yes: whose it is, and which commit."""
    yield (
        f"{environment_of(found)} (fork): pull request {found['number']} of {printable(found['author'])} "
        f"into {printable(found['base'])}: {printable(found['title'])}"
    )
    yield f"  {printable(found['url'])}"
    yield f"  Its head is {found['commit']}: that commit's code would be run with this repository's credentials."
    if found["approved_commit"] is not None:
        yield f"  Before, {found['approved_commit']} was approved by {printable(found['approved_by'] or '')}."
