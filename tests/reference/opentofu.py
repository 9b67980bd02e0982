"""The page of how OpenTofu differs from Terraform, as far as envmgr meets it: from the list that the tests try."""

from tests.support.opentofu import compared, recorded

from .markdown import page, table

_VERSIONS, _TERRAFORM = compared()

INTRODUCTION = f"""\
OpenTofu is used in Terraform's place with `terraform: {{version: "~> 1.11", tool: opentofu}}`, which fetches it (see
[Terraform versions](../guides/terraform-versions.md)), or with `terraform: {{binary: tofu}}`. envmgr takes 1.10 or newer.

**It was not run itself.** None of the package registries that the tests install from has it. This list was made from the source of
OpenTofu {", ".join(_VERSIONS)}, and the tests run real Terraform {_TERRAFORM} in its place, which a thin program makes behave by it: whole lives are tried so, with versions
fetched and verified, applied, changed and destroyed. What the list has not, was not tried. Try an environment
that may be lost before you go over."""

READING = """\
## What differs

*since* is the version of OpenTofu; *source* is where it is in OpenTofu's repository. *tried* says how: *played* in
whole lives by the program in OpenTofu's place, *in part* by what it would say or leave, *no* by reading alone."""

NOT_THERE = """\
## What does not go

- **Encrypted states.** What an environment has, and that nothing of it is left, is read from its state. Let the bucket or
  container encrypt it.
- **`destroy = false` in a lifecycle**, where an environment is to be destroyed: what is left behind would be known to nobody.
- **From OpenTofu back to Terraform**, with the same state: Terraform does not take the providers of `registry.opentofu.org` for its own. Destroy
  and apply again, or replace the providers by hand (`terraform state replace-provider`)."""


def pages() -> dict[str, str]:
    """Each page by its name."""
    rows = [
        (
            each.what + ".",
            each.meets + ".",
            each.since,
            f"`{each.source}`",
            _tried(each.tried, played=each.played),
        )
        for each in recorded()
    ]
    columns = ("OpenTofu", "envmgr", "since", "source", "tried")
    return {"opentofu.md": page("OpenTofu", INTRODUCTION, NOT_THERE, READING, table(columns, rows))}


def _tried(by: str, *, played: bool) -> str:
    return "played" if by and played else "in part" if by else "no"
