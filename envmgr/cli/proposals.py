"""A plan that waits for approval, in lines for people."""

from collections.abc import Iterator

from envmgr.domain.values.pipeline.proposal import Proposal


def proposal_lines(found: Proposal) -> Iterator[str]:
    """What it would do, what the checks said, and who has approved it."""
    counts = ", ".join(f"{number} to {verb}" for verb, number in found.changes.items())
    yield f"Commit {found.commit[:10]} by {found.author}: {counts}."
    yield from (f"{action}: {address}" for action, address in found.actions)
    for check in found.checks:
        yield f"Check {check.name}: {check.outcome}{': ' if check.findings else ''}{' '.join(check.findings)}"
    for approval in found.approvals:
        yield f"Approved by {approval.by} ({approval.role}) at {approval.at:%Y-%m-%d %H:%M} UTC."
    if found.text:
        yield from found.text.removesuffix("\n").split("\n")
