"""Values with the real Terraform: they arrive as they were written, and no file of a branch beats them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from envmgr.adapters.terraform.confinement import Confinement
from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.cage import CageLimits
from envmgr.ports import Workspace
from tests.integration.test_terraform_adapter import Make, Place, make

__all__ = ["make"]

ECHO = 'resource "terraform_data" "it" {{ input = jsonencode({}) }}\noutput "it" {{ value = terraform_data.it.output }}\n'
OURS = {
    "environment": "alice",
    "project": "shop",
    "organization": "acme",
    "branch": "env-alice",
    "application": "api",
    "tags": {"environment": "alice"},
    "word": "ours",
}


def given(make: Make, **settings: Any) -> Place:
    """A place with variables or environment variables of its own."""
    place = make()
    for name, value in settings.items():
        setattr(place, name, value)
    return place


def arrived(place: Place) -> Any:
    """What Terraform had as the values, by what it applied."""
    place.plan()
    return json.loads(str(place.apply()["it"].value))


@pytest.mark.parametrize(
    "name",
    [
        "terraform.tfvars",
        "terraform.tfvars.json",
        "a.auto.tfvars",
        "zzzz.auto.tfvars.json",
        "\U0010ffff.auto.tfvars",
        os.fsdecode(b"\xff\xff.auto.tfvars.json"),
    ],
)
def test_no_file_of_a_branch_beats_our_values(make: Make, name: str) -> None:
    """Whatever it is called, and wherever it sorts."""
    place = given(make, variables=OURS)
    names = [*OURS]
    place.code("".join(f'variable "{name}" {{}}\n' for name in names))
    place.code(ECHO.format("{" + ", ".join(f"{name} = var.{name}" for name in names) + "}"), "echo.tf")
    theirs = dict.fromkeys(names, "dev")
    is_json = name.endswith(".json")
    place.code(json.dumps(theirs) if is_json else "".join(f'{n} = "dev"\n' for n in names), name)
    assert arrived(place) == OURS


def test_values_keep_their_types(make: Make) -> None:
    """A list is a list, a text a text, null is null: whatever type the variable has, or none."""
    values: dict[str, object] = {
        "zones": ["a", "b"],
        "postgres": "15.10",
        "truth": "true",
        "nothing": "null",
        "required": None,
        "nul": "a\0b",
        "long": "x" * 200_000,
        "number": "2",
        "map": {"a-b": ["${x}", 1.5, None, True]},
        "emoji": "\U0001f600",
        "undeclared": 1,
        "undeclared_too": 2,
        "undeclared_three": 3,
    }
    declared = [name for name in values if not name.startswith("undeclared")]
    place = given(make, variables=values)
    types = {"postgres": "any", "truth": "any", "nothing": "any", "number": "number"}
    place.code(
        "".join(f'variable "{n}" {{ type = {types.get(n, "any")} }}\n' for n in declared if n != "zones")
    )
    place.code('variable "zones" {}\n', "zones.tf")
    place.code(ECHO.format("{" + ", ".join(f"{n} = var.{n}" for n in declared) + "}"), "echo.tf")
    assert arrived(place) == {**{n: values[n] for n in declared}, "number": 2}
    assert "undeclared" not in place.log


def test_a_value_that_does_not_fit_is_named_without_the_value(make: Make) -> None:
    """Text for a list is neither taken apart nor told to be missing."""
    place = given(make, variables={"zones": "s3cr3t"})
    place.code('\nvariable "zones" { type = list(string) }\n')
    said = place.fails(NeedsPerson, place.plan)
    assert said == (
        "The value of the variable zones (main.tf:2) does not fit: list of string required. "
        "Give another under `variables` in the organization file or in the branch's .envmgr.yaml."
    )
    assert "s3cr3t" not in place.log
    assert "/proc/" not in place.log


def test_a_file_that_sets_what_the_organization_gives_is_refused_by_name(make: Make) -> None:
    """What is given as TF_VAR_… has no type, so that it can't be given in another way; destroying goes on."""
    place = given(make, environment={"TF_VAR_password": "s3cr3t-value"})
    place.code('variable "word" {}\nvariable "password" { default = "" }\n')
    place.plan()
    place.code('# password = "x"\nother = 1\n', "fine.auto.tfvars")
    place.plan()
    for name, text in {
        "terraform.tfvars": '/* x */ password /* y */ = "dev"',
        "zz.auto.tfvars.json": '{"\\u0070assword": "dev"}',
    }.items():
        place.code(text, name)
        said = place.fails(NeedsPerson, place.plan)
        assert said == (
            f"{name} sets the variable password, which the organization gives as TF_VAR_password: remove it there."
        )
        place.plan(destroy=True)
        (place.root / name).unlink()


def test_ephemeral_variables_have_the_same_value_in_plan_and_apply(make: Make) -> None:
    """Terraform reads these anew for an apply; a branch's file is no other source for it then."""
    place = given(make, variables={"word": "ours"})
    place.code(
        'variable "word" { ephemeral = true }\nvariable "own" { ephemeral = true }\n'
        'resource "terraform_data" "x" {\n  input = 1\n'
        '  provisioner "local-exec" { command = "exit ${var.word == "ours" ? 0 : 1}" }\n}\n'
    )
    place.code('word = "dev"\nown = "mine"\n', "terraform.tfvars")
    place.plan()
    place.apply()


def test_an_environment_variable_no_process_takes_is_named(make: Make) -> None:
    """The organization's own may be as long as a file is."""
    place = given(make, environment={"KUBECONFIG_TEXT": "x" * 200_000})
    place.code('variable "word" {}\n')
    assert "KUBECONFIG_TEXT" in place.fails(NeedsPerson, place.plan)


def test_values_of_files_never_stay_on_disk(make: Make, tmp_path: Path) -> None:
    """They are in memory that only Terraform is given."""
    place = given(make, variables={"word": "s3cr3t-on-disk"})
    place.code('variable "word" { type = number }\n')
    place.fails(NeedsPerson, place.plan)
    found = [p for p in tmp_path.rglob("*") if p.is_file() and b"s3cr3t-on-disk" in p.read_bytes()]
    assert found == []


def test_no_agent_of_envmgrs_user_signs_for_terraform(tmp_path: Path) -> None:
    """Whoever may run code in there would sign in with keys that were never given to the organization."""
    workspace = Workspace(
        root=tmp_path, data=tmp_path, binary="terraform", backend=("local", {}), variables={}, environment={}
    )
    own = {"SSH_AUTH_SOCK": "/run/agent", "PATH": "/bin"}
    confinement = Confinement(
        workspace=workspace,
        providers=ProviderCache(tmp_path),
        own=own,
        home=tmp_path,
        cli_config=tmp_path,
        settings=tmp_path,
    )
    environment = confinement.environment(confinement.of("plan", CageLimits(), tmp_path))
    assert "SSH_AUTH_SOCK" not in environment
    assert environment["PATH"] == "/bin"
