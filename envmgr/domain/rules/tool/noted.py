"""How claims note a version: Terraform's as it is, OpenTofu's with its name before it, as its numbers are Terraform's, too."""

from envmgr.domain.rules.versions import version

OPENTOFU = "opentofu-"


def is_opentofu(noted: str) -> bool:
    """Whether a noted version is one of OpenTofu."""
    return noted.startswith(OPENTOFU)


def number(noted: str) -> str:
    """The version's number alone."""
    return noted.removeprefix(OPENTOFU)


def named(noted: str) -> str:
    """A noted version as people call it."""
    return f"{'OpenTofu' if is_opentofu(noted) else 'Terraform'} {number(noted)}"


def takes_values_to_apply(noted: str) -> bool:
    """Whether `apply` of a saved plan may be given the values of variables: OpenTofu's only from 1.11 on.

    Before that the values are in the plan, and nothing else is looked for.
    """
    found = version(number(noted))
    return not is_opentofu(noted) or found is None or found.numbers[:2] >= (1, 11)
