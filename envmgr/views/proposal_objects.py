"""The JSON objects of plans, and of what is said of them; see `objects`."""

from typing import Annotated, TypedDict


class ChangesObject(TypedDict):
    """How many resources a plan touches."""

    add: Annotated[int, "To be made."]
    change: Annotated[int, "To be changed in place."]
    destroy: Annotated[int, "To be destroyed."]


class PlannedResource(TypedDict):
    """One resource that a plan touches."""

    address: Annotated[str, "The resource's address in Terraform."]
    actions: Annotated[list[str], "What the plan does with it, in Terraform's words."]


class CheckObject(TypedDict):
    """What a check of a plan came to."""

    name: Annotated[str, "The check's name."]
    outcome: Annotated[str, "`passed`, `warned`, `asks` (for an approval) or `refused`."]
    findings: Annotated[list[str], "What it found, in sentences."]
    run: Annotated[int | None, "Its run."]


class ApprovalObject(TypedDict):
    """That somebody approved a plan."""

    by: Annotated[str, "Who."]
    role: Annotated[str, "Her role at the time."]
    at: Annotated[str, "When."]


class ProposalObject(TypedDict):
    """A plan that waits for approval, or was turned down."""

    commit: Annotated[str, "The commit that was planned."]
    digest: Annotated[str, "Stands for what the plan would do: with other changes it is another."]
    author: Annotated[str, "Who made the commit, as it says itself."]
    changes: Annotated[ChangesObject, "How many resources."]
    resources: Annotated[list[PlannedResource], "The resources it touches, up to 300."]
    reasons: Annotated[list[str], "Why it has to be approved."]
    requested_at: Annotated[str, "Since when it waits."]
    expires_at: Annotated[str, "Until when; after that it is planned again."]
    needed: Annotated[int, "How many people have to approve it."]
    role: Annotated[str, "Of which role, or a higher one."]
    approvals: Annotated[list[ApprovalObject], "Who has approved it."]
    checks: Annotated[list[CheckObject], "What its checks came to."]
    rejected: Annotated[
        dict[str, str] | None, "By whom (`by`), why (`reason`), when (`at`); null: it was not."
    ]
    run: Annotated[int | None, "The run that planned it; null where the commit changes no infrastructure."]
