"""The group of verbs: complete, each with help and an example, imported late."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from envmgr.cli.invocation import Invocation
from envmgr.cli.program import program

VERBS = (
    *(
        "demo",
        "doctor",
        "daemon",
        "reconcile",
        "list",
        "show",
        "output",
        "events",
        "history",
        "logs",
        "plan",
        "drift",
    ),
    *("apply", "rollback", "destroy", "cancel", "suspend", "resume", "approve", "reject", "extend", "unlock"),
    *("config check", "config init", "config schema"),
)


def help_of(*words: str) -> str:
    """What `envmgr WORDS --help` prints."""
    done = CliRunner().invoke(program, [*words, "--help"], prog_name="envmgr")
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    """And the options that all share."""
    said = help_of(*verb.split())
    example = said.split("\nExample:\n")[1]
    assert example.startswith("  envmgr ")
    assert verb in example
    assert "--config" in said
    assert "--data-dir" in said


def test_the_help_names_every_verb() -> None:
    """In sections, without importing them."""
    said = help_of()
    assert all(f"\n  {verb.split()[0]} " in said for verb in VERBS)
    assert all(f"\n{section}:\n" in said for section in ("Start", "Run", "See", "Change"))
    assert all(f"\n  {verb.split()[1]} " in help_of("config") for verb in VERBS if " " in verb)


def test_a_wrong_verb_gets_the_nearest_named() -> None:
    """With exit code 2."""
    done = CliRunner().invoke(program, ["recncile"])
    assert done.exit_code == 2
    assert "did you mean reconcile?" in done.output


def test_a_number_that_no_database_counts_to_is_a_wrong_command_line() -> None:
    """It is refused before the records are asked, which would take it for a fault of envmgr."""
    done = CliRunner().invoke(program, ["history", "--limit", str(10**20)])
    assert done.exit_code == 2
    assert "is not in the range" in done.output


def test_a_checked_file_tells_the_named_environments_too(tmp_path: Path) -> None:
    """`list` refers to `config check` for what is watched, so nothing that is watched may be missing there."""
    (tmp_path / "acme.yaml").write_text(
        "organization: acme\n"
        "repositories:\n"
        "  - name: shop\n"
        "    url: https://git.example.com/acme/shop.git\n"
        "    environments:\n"
        "      - {name: staging, branch: main}\n"
        '      - {name: production, tags: "v*", after: [staging]}\n'
    )
    words = ["--config", str(tmp_path), "config", "check"]
    done = CliRunner().invoke(program, words, obj=Invocation({}), prog_name="envmgr")
    assert "  shop: env-*, main as staging, tags v* as production of https://" in done.output, done.output


def test_a_checked_file_warns_of_what_is_not_there(tmp_path: Path) -> None:
    """In words and as JSON, by line; it is no mistake: another host may have it."""
    (tmp_path / "acme.yaml").write_text(
        "organization: acme\n"
        "repositories:\n"
        "  - name: shop\n"
        "    url: https://git.example.com/acme/shop.git\n"
        f"    checks: [{{name: policy, rego: {tmp_path}/policies}}]\n"
    )
    said = f"acme.yaml:5: repositories[0].checks[0].rego: {tmp_path}/policies: there is no such file or folder, on this host"
    for form in ([], ["--json"]):
        words = ["--config", str(tmp_path), "config", "check", *form]
        done = CliRunner().invoke(program, words, obj=Invocation({}), prog_name="envmgr")
        assert (done.exit_code, said in done.output) == (0, True), done.output
