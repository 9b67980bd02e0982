"""The modules that an organization file may name, run by the real Terraform.

Azure cannot be had on loopback, so azure-environment is checked against what the provider itself says of
its resources (`tests/data`); local-environment is applied, planned again and destroyed for real here, aws-environment by test_backends_aws.py.
"""

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from envmgr.domain.documents.plan import Plan
from envmgr.domain.values.names import EnvironmentId
from envmgr.domain.values.tags import tags_for

MODULES = Path(__file__).parents[2] / "terraform_modules"
SCHEMA = Path(__file__).parents[1] / "data" / "azurerm-5.2.0-attributes.json"
NAMES = ("aws-environment", "azure-environment", "local-environment")
ALICE = EnvironmentId("acme", "shop", "alice")
CHANGES = 2  # of `terraform plan -detailed-exitcode`


@dataclass(frozen=True)
class Workspace:
    """A copy of a module, with the variables that envmgr gives to every environment."""

    terraform: str
    folder: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, module: str, terraform: str, home: Path, **extra: str) -> "Workspace":
        """Copy the module, so that nothing Terraform writes lands in the checkout."""
        folder = home / module
        shutil.copytree(MODULES / module, folder, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        return cls.in_folder(terraform, folder, **extra)

    @classmethod
    def in_folder(cls, terraform: str, folder: Path, **extra: str) -> "Workspace":
        """Code where nothing lies beside it."""
        # Garbage is collected as seldom as envmgr has it: a provider takes a third less of a core.
        base = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "CHECKPOINT_DISABLE": "1"}
        return cls(terraform, folder, base | {"GOGC": "400"} | extra)

    def given(self, environment: EnvironmentId, branch: str, /, **variables: str) -> "Workspace":
        """The same workspace with input variables, as envmgr hands them over."""
        values = {
            "environment": environment.name,
            "project": environment.repository,
            "organization": environment.organization,
            "branch": branch,
            "tags": json.dumps(tags_for(environment, branch)),
            **variables,
        }
        added = {f"TF_VAR_{name}": value for name, value in values.items()}
        return Workspace(self.terraform, self.folder, self.environment | added)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Terraform whatever its exit code."""
        return subprocess.run(
            [self.terraform, *arguments, "-no-color"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def succeed(self, *arguments: str) -> str:
        """Run Terraform and expect exit code 0."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"terraform {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def plan(self, *arguments: str) -> int:
        """Plan into the file `plan`: the exit code of -detailed-exitcode."""
        done = self.run("plan", "-input=false", "-detailed-exitcode", "-out=plan", *arguments)
        assert done.returncode in {0, CHANGES}, done.stderr
        return done.returncode

    def show(self) -> Plan:
        """What the file `plan` holds."""
        return Plan.from_json(json.loads(self.succeed("show", "-json", "plan")))

    def apply(self) -> dict[str, Any]:
        """Apply the file `plan`, and give the outputs."""
        self.succeed("apply", "-input=false", "plan")
        return {name: output["value"] for name, output in json.loads(self.succeed("output", "-json")).items()}


@pytest.fixture
def local(terraform_binary: str, tmp_path: Path) -> Workspace:
    """An initialised local-environment; `TF_VAR_root` is the folder `root` below tmp_path."""
    workspace = Workspace.of(
        "local-environment", terraform_binary, tmp_path, TF_VAR_root=str(tmp_path / "root")
    )
    workspace.succeed("init", "-input=false")
    return workspace


@pytest.fixture
def aws(terraform_binary: str, tmp_path: Path, provider_cli_config: Path) -> Workspace:
    """An initialised aws-environment with the real provider, and no cloud behind it."""
    workspace = Workspace.of(
        "aws-environment", terraform_binary, tmp_path, TF_CLI_CONFIG_FILE=str(provider_cli_config)
    )
    workspace.succeed("init", "-input=false")
    return workspace


# --- what holds for every module -------------------------------------------------------------------------


@pytest.mark.parametrize("module", NAMES)
def test_is_laid_out_as_terraform_fmt_does(terraform_binary: str, module: str) -> None:
    done = subprocess.run(
        [terraform_binary, "fmt", "-check", "-diff", "-recursive", str(MODULES / module)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("module", NAMES)
def test_every_variable_and_output_is_typed_described_and_in_the_readme(module: str) -> None:
    readme = (MODULES / module / "README.md").read_text()
    variables = read_blocks((MODULES / module / "variables.tf").read_text())
    outputs = read_blocks((MODULES / module / "outputs.tf").read_text())

    assert [v.labels for v in variables if not {"type", "description"} <= v.attributes] == []
    assert [o.labels for o in outputs if "description" not in o.attributes] == []
    assert [b.labels[0] for b in variables + outputs if f"| `{b.labels[0]}` |" not in readme] == []


@pytest.mark.parametrize("module", NAMES)
def test_takes_what_envmgr_gives_and_says_its_url(module: str) -> None:
    variables = {block.labels[0] for block in read_blocks((MODULES / module / "variables.tf").read_text())}
    outputs = {block.labels[0] for block in read_blocks((MODULES / module / "outputs.tf").read_text())}

    assert {"environment", "project", "organization", "branch", "tags"} <= variables
    assert "url" in outputs


# --- local-environment -----------------------------------------------------------------------------------


def test_local_passes_its_own_terraform_tests(local: Workspace) -> None:
    assert "0 failed" in local.succeed("test")


def test_local_whole_life(local: Workspace, tmp_path: Path) -> None:
    workspace = local.given(ALICE, "env-alice", message="first")
    folder = tmp_path / "root/acme/shop/alice"

    workspace.plan()
    outputs = workspace.apply()
    assert outputs == {"directory": str(folder), "url": f"file://{folder}/index.html"}
    assert "first" in (folder / "index.html").read_text()
    assert json.loads((folder / "envmgr.json").read_text()) == {"tags": tags_for(ALICE, "env-alice")}
    assert workspace.plan() == 0

    changed = workspace.given(ALICE, "env-alice", message="second", port="8080")
    assert changed.plan() == CHANGES
    assert changed.apply()["url"] == "http://127.0.0.1:8080/"
    assert "second" in (folder / "index.html").read_text()
    assert changed.plan() == 0

    changed.plan("-destroy")
    plan = changed.show()
    assert plan.changes.destroy == len(plan.resources)
    changed.apply()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["index.html", "envmgr.json"])
@pytest.mark.parametrize("what", ["altered", "deleted"])
def test_local_notices_files_changed_behind_its_back(
    local: Workspace, tmp_path: Path, name: str, what: str
) -> None:
    workspace = local.given(ALICE, "env-alice")
    workspace.plan()
    workspace.apply()
    file = tmp_path / "root/acme/shop/alice" / name
    written = file.read_bytes()

    if what == "altered":
        file.write_bytes(b"\xff not text \xfe")
    else:
        file.unlink()

    assert workspace.plan() == CHANGES
    workspace.apply()
    assert file.read_bytes() == written
    assert workspace.plan() == 0


def test_local_notices_that_its_folder_is_gone(local: Workspace, tmp_path: Path) -> None:
    workspace = local.given(ALICE, "env-alice")
    workspace.plan()
    workspace.apply()

    shutil.rmtree(tmp_path / "root/acme/shop/alice")

    assert workspace.plan() == CHANGES
    workspace.apply()
    assert (tmp_path / "root/acme/shop/alice/index.html").is_file()


def test_local_destroy_removes_its_folder_and_nothing_else(local: Workspace, tmp_path: Path) -> None:
    workspace = local.given(ALICE, "env-alice")
    workspace.plan()
    workspace.apply()
    folder, outside = tmp_path / "root/acme/shop/alice", tmp_path / "outside"
    (folder / "deployed").mkdir()
    (folder / "deployed/app.js").write_text("put there by a deploy step")
    for neighbour in (tmp_path / "root/acme/shop/alice2", outside):
        neighbour.mkdir()
        (neighbour / "keep").write_text("not ours")
    (folder / "link").symlink_to(outside)

    workspace.plan("-destroy")
    workspace.apply()

    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("keep"))
    assert left == ["outside/keep", "root/acme/shop/alice2/keep"]
    assert not folder.exists()


def test_local_folder_moves_with_its_root(local: Workspace, tmp_path: Path) -> None:
    local.given(ALICE, "env-alice").plan()
    local.given(ALICE, "env-alice").apply()

    moved = local.given(ALICE, "env-alice", root=str(tmp_path / "a 'new' $root/"))
    moved.plan()
    outputs = moved.apply()

    assert not (tmp_path / "root/acme/shop/alice").exists()
    assert (tmp_path / "a 'new' $root/acme/shop/alice/index.html").is_file()
    assert outputs["url"].endswith("/a%20%27new%27%20%24root/acme/shop/alice/index.html")
    assert moved.plan() == 0


def test_local_can_be_destroyed_after_an_apply_that_failed(local: Workspace, tmp_path: Path) -> None:
    workspace = local.given(ALICE, "env-alice")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/acme").write_text("a file where the organization's folder should be")

    workspace.plan()
    assert workspace.run("apply", "-input=false", "plan").returncode == 1
    workspace.plan("-destroy")
    plan = workspace.show()
    workspace.apply()

    assert plan.changes.destroy > 0
    assert workspace.succeed("state", "list") == ""


EACH = """
module "each" {{
  source       = "./{module}"
  for_each     = jsondecode(file("given.json"))
  environment  = each.value.environment
  project      = "shop"
  organization = "acme"
  branch       = each.value.branch
  tags         = each.value.tags
  root         = "{root}"
}}
"""
HOSTILE_BRANCHES = [
    "env-$(touch pwned)",
    "env-`touch pwned`",
    "env-'; touch pwned; '",
    'env-"; touch pwned; "',
    "env-x\ntouch pwned\n",
    "env-\\n\\t\\0%s%n%%",
    "env-${path.module}-%{ if true }x%{ endif }",
    "--help",
    "env-../../../pwned",
    "env-</style><script>alert('&')</script>",
    "env-ümläut-分支-🌿",
    "env-" + "x" * 246,
]


def test_local_takes_a_branch_name_as_data(terraform_binary: str, tmp_path: Path) -> None:
    """All of them at once, each as an environment of its own."""
    module = shutil.copytree(MODULES / "local-environment", tmp_path / "all" / "module").name
    names = {f"e{number}": branch for number, branch in enumerate(HOSTILE_BRANCHES)}
    given = {
        name: {"environment": name, "branch": branch, "tags": tags_for(ALICE, branch)}
        for name, branch in names.items()
    }
    (tmp_path / "all" / "given.json").write_text(json.dumps(given))
    (tmp_path / "all" / "main.tf").write_text(EACH.format(module=module, root=tmp_path / "root"))
    workspace = Workspace.in_folder(terraform_binary, tmp_path / "all")
    workspace.succeed("init", "-input=false")

    workspace.plan()
    workspace.apply()

    files = (path.relative_to(tmp_path / "root") for path in (tmp_path / "root").rglob("*") if path.is_file())
    assert sorted(map(str, files)) == sorted(
        f"acme/shop/{name}/{file}" for name in names for file in ("envmgr.json", "index.html")
    )
    assert list(tmp_path.rglob("pwned")) == []
    for name, branch in names.items():
        shown = _shown_branch((tmp_path / "root/acme/shop" / name / "index.html").read_text())
        assert "<" not in shown
        assert html.unescape(shown) == branch
    assert workspace.plan() == 0
    workspace.plan("-destroy")
    workspace.apply()
    assert list((tmp_path / "root/acme/shop").iterdir()) == []


def _shown_branch(page: str) -> str:
    found = re.search(r"<dt>Branch</dt><dd>(.*?)</dd>", page, re.DOTALL)
    assert found is not None, page
    return found[1]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("environment", ".."),
        ("environment", "a/b"),
        ("environment", "alice\n"),
        ("project", "../shop"),
        ("project", "shop/"),
        ("organization", "."),
        ("organization", ""),
        ("root", "relative"),
        ("root", "/srv/../etc"),
        ("root", "~root/x"),
    ],
)
def test_local_refuses_a_path_that_climbs(local: Workspace, variable: str, value: str) -> None:
    done = local.given(ALICE, "env-alice", **{variable: value}).run("plan", "-input=false")

    assert done.returncode == 1
    assert f"{variable} must" in done.stderr


# --- aws-environment -------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_aws_passes_its_own_terraform_tests(aws: Workspace) -> None:
    assert "0 failed" in aws.succeed("test")


# --- azure-environment: the module's text against the provider's own schema ------------------------------

_OPENING = re.compile(r'([a-z_]+)((?: "[^"]+")*) \{')
_ATTRIBUTE = re.compile(r"([a-z0-9_]+) += ")
_REFERENCE = re.compile(r"\b(azurerm_[a-z_]+)\.[a-z_]+(?:\[[^\]]+\])?\.([a-z_]+)")
_META_ATTRIBUTES = {"count", "for_each", "depends_on", "provider"}
_META_BLOCKS = {"lifecycle"}


@dataclass
class Block:
    """A block of HCL: its kind, labels, and what it sets."""

    kind: str
    labels: tuple[str, ...] = ()
    attributes: set[str] = field(default_factory=set)
    blocks: list["Block"] = field(default_factory=list)


def read_blocks(text: str) -> list[Block]:
    """The blocks of a file that `terraform fmt` has laid out: one opening, attribute or end per line."""
    stack, depth = [Block("file")], 0
    for code in (line.strip() for line in text.splitlines()):
        if code.startswith("#"):
            continue
        if depth == 0 and (opening := _OPENING.fullmatch(code)):
            block = Block(opening[1], tuple(re.findall(r'"([^"]+)"', opening[2])))
            stack[-1].blocks.append(block)
            stack.append(block)
            continue
        if depth == 0 and code == "}":
            stack.pop()
            continue
        if depth == 0 and (attribute := _ATTRIBUTE.match(code)):
            stack[-1].attributes.add(attribute[1])
        depth += sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
    assert (len(stack), depth) == (1, 0), (
        "the file has unbalanced brackets, or is not as terraform fmt lays it out"
    )
    return stack[0].blocks


def schema_problems(block: Block, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """What the provider would not take of a block, and what it wants beside."""
    attributes, blocks = schema["attributes"], schema.get("blocks", {})
    for name in sorted(block.attributes - _META_ATTRIBUTES):
        if attributes.get(name, "unknown") not in {"required", "optional"}:
            yield f"{where}.{name} is {attributes.get(name, 'unknown')}"
    for name, kind in attributes.items():
        if kind == "required" and name not in block.attributes:
            yield f"{where}.{name} is missing"
    present = [inner for inner in block.blocks if inner.kind not in _META_BLOCKS]
    for name, kind in blocks.items():
        if kind["required"] and name not in {inner.kind for inner in present}:
            yield f"{where}.{name} is missing"
    for inner in present:
        if "attributes" not in blocks.get(inner.kind, {}):
            yield f"{where}.{inner.kind} is an unknown block"
        else:
            yield from schema_problems(inner, blocks[inner.kind], f"{where}.{inner.kind}")


def module_problems(text: str, schema: Mapping[str, Any]) -> list[str]:
    """All that is wrong with a module's text: its resources, its provider block, what it refers to."""
    found: list[str] = []
    for block in read_blocks(text):
        if block.kind == "provider":
            found += schema_problems(block, schema["provider"], "provider")
        elif block.kind == "resource" and block.labels[0] in schema["resources"]:
            found += schema_problems(block, schema["resources"][block.labels[0]], ".".join(block.labels))
        elif block.kind == "resource":
            found.append(f"{block.labels[0]} is an unknown resource type")
    for resource, attribute in _REFERENCE.findall(text):
        known = schema["resources"].get(resource, {"attributes": {}})
        if attribute not in {**known["attributes"], **known.get("blocks", {})}:
            found.append(f"{resource} has no attribute {attribute}")
    return found


@pytest.fixture(scope="module")
def azurerm_schema() -> dict[str, Any]:
    """What azurerm 5.2.0 says of the resource types that the module uses."""
    schema: dict[str, Any] = json.loads(SCHEMA.read_text())
    return schema


def _azure_text() -> str:
    return "\n".join(path.read_text() for path in sorted((MODULES / "azure-environment").glob("*.tf")))


def test_azure_fits_the_providers_schema(azurerm_schema: dict[str, Any]) -> None:
    assert module_problems(_azure_text(), azurerm_schema) == []


def test_azure_uses_every_resource_type_of_the_saved_schema(azurerm_schema: dict[str, Any]) -> None:
    used = {block.labels[0] for block in read_blocks(_azure_text()) if block.kind == "resource"}

    assert used == set(azurerm_schema["resources"])


def test_azure_tags_whatever_can_be_tagged(azurerm_schema: dict[str, Any]) -> None:
    taggable = {
        name for name, schema in azurerm_schema["resources"].items() if "tags" in schema["attributes"]
    }
    untagged = [
        block.labels
        for block in read_blocks(_azure_text())
        if block.kind == "resource" and block.labels[0] in taggable and "tags" not in block.attributes
    ]

    assert "azurerm_resource_group" in taggable
    assert untagged == []


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("  https_only ", "  http_only ", "azurerm_linux_web_app.app.http_only is unknown"),
        ("  os_type  ", "  # os_type  ", "azurerm_service_plan.plan.os_type is missing"),
        ("    ftps_state ", "    scm_type ", "azurerm_linux_web_app.app.site_config.scm_type is computed"),
        ("    storage {", "    storages {", "provider.features.storages is an unknown block"),
        ("  site_config {", "  identity {", "azurerm_linux_web_app.app.site_config is missing"),
        (
            ".app.default_hostname",
            ".app.default_host_name",
            "azurerm_linux_web_app has no attribute default_host_name",
        ),
        ('"azurerm_storage_account"', '"azurerm_account"', "azurerm_account is an unknown resource type"),
    ],
)
def test_the_schema_check_finds(azurerm_schema: dict[str, Any], right: str, wrong: str, problem: str) -> None:
    text = _azure_text()
    assert right in text

    assert problem in module_problems(text.replace(right, wrong, 1), azurerm_schema)
