"""The generated documents: complete, up to date in the checkout, and true."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from envmgr.config.branch_file import BranchFile
from envmgr.config.document import daemon_sample, documents, is_list, json_schema, sample, write
from envmgr.config.load import ConfigurationError, load
from envmgr.config.problems import flow, section_of
from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.pipeline.environments import NamedEnvironment
from envmgr.config.settings import Settings
from tests.unit.config_example import EXAMPLE

CHECKOUT = Path(__file__).parents[3]


def options(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        inner = section_of(field.annotation)
        if inner is not None and inner is not model:
            yield from options(inner, f"{prefix}{name}.")


ALL = [
    (f"{model.__name__}.{path}", field)
    for model in (OrganizationFile, BranchFile, DaemonFile)
    for path, field in options(model)
]


@pytest.mark.parametrize(("path", "field"), ALL, ids=[path for path, _ in ALL])
def test_every_option_has_a_description_and_examples_that_hold(path: str, field: FieldInfo) -> None:
    assert field.description, f"{path} needs a description"
    assert field.description.endswith("."), f"{path}'s description is no sentence"
    assert field.examples, f"{path} needs an example"
    for example in field.examples:
        TypeAdapter(field.rebuild_annotation()).validate_python(example)
        assert YAML(typ="safe", pure=True).load(f"key: {flow(example)}") == {"key": example}


@pytest.mark.parametrize("name", documents())
def test_the_files_in_the_checkout_are_up_to_date(name: str) -> None:
    found = (CHECKOUT / name).read_text(encoding="utf-8")
    assert found == documents()[name], "run `python -m envmgr.config.document` in the checkout"


def test_the_samples_load_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "organization.yaml").write_text(sample())
    (tmp_path / "daemon.yaml").write_text(daemon_sample())
    configuration = load(tmp_path)
    assert configuration.settings == Settings()
    expected = OrganizationFile.model_validate(
        {"organization": "acme", "repositories": [{"name": "shop", "url": configuration_url()}]}
    )
    assert configuration.organizations == (expected,)
    assert configuration.warnings == ()


def configuration_url() -> str:
    field = next(field for path, field in ALL if path == "OrganizationFile.repositories.url")
    return str((field.examples or [""])[0])


def uncomment(text: str) -> str:
    return re.sub(r"^( *)#(?=\S|  )", r"\1", text, flags=re.MULTILINE)


def test_uncommented_the_sample_has_every_option(tmp_path: Path) -> None:
    text = uncomment(sample())
    for path, field in ALL:
        if path.startswith("OrganizationFile."):
            assert re.search(rf"^ *(- )?{field.alias or path.rpartition('.')[2]}:", text, re.MULTILINE), path
    (tmp_path / "acme.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path)
    sentences = [line.split(": ", 2)[2] for line in raised.value.problems]
    assert sentences == [
        "give exactly one of local, azurerm and s3",
        "give either binary or version",
        "give either token_file, or issuer and signing_key",
        "give either token_file, or issuer and signing_key",
        "give either url or webhook",
        "give either username and password, or ssh_key",
        "give exactly one of token, app (GitHub) and identity (Azure DevOps)",
        "give one of directory and module, not both",
        "give one of bucket and storage_account",
        "give one of function and app_service",
        "give one of url and run",
        "give one of rego, run and terraform",
        "give one of branch and tags",
    ]


def test_uncommented_the_daemon_sample_loads(tmp_path: Path) -> None:
    (tmp_path / "organization.yaml").write_text(sample())
    (tmp_path / "daemon.yaml").write_text(uncomment(daemon_sample()))
    settings = load(tmp_path).settings
    assert settings.database is not None
    assert settings.disk_reserve == Settings().disk_reserve


def test_the_files_are_written_where_they_belong(tmp_path: Path) -> None:
    write(tmp_path)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == set(documents())


# --- JSON Schema -----------------------------------------------------------------------------

SCHEMA = json_schema()


def errors(document: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.json_path for error in validator.iter_errors(document)]


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_schema_is_one_and_accepts_what_loads() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(documents()["config/organization.schema.json"]) == SCHEMA
    for text in (
        sample(),
        daemon_sample(),
        EXAMPLE,
        uncomment(daemon_sample()),
        "daemon: {disk_reserve: 2GiB}",
    ):
        assert errors(yaml(text)) == []


def test_the_schema_accepts_its_own_defaults_and_examples() -> None:
    for definition in SCHEMA["$defs"].values():
        for name, option in definition["properties"].items():
            schema = {**option, "$defs": SCHEMA["$defs"]}
            values = [
                *option["examples"],
                *([option["default"]] if option.get("default") is not None else []),
            ]
            for value in values:
                assert jsonschema.Draft202012Validator(schema).is_valid(value), (
                    definition["title"],
                    name,
                    value,
                )


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("organization", "Acme"),
        ("organisation", "acme"),
        ("backend", {}),
        ("backend", {"local": {}, "s3": {"bucket": "b"}}),
        ("backend", {"s3": {"bucket": "b", "access_key": "x"}}),
        ("backend", {"s3": {"bucket": "b", "key": "x"}}),
        ("polling", {"interval": 30}),
        ("polling", {"interval": "30"}),
        ("limits", {"concurrency": 0}),
        ("limits", {"concurrency": "2"}),
        ("drift", {"action": "maybe"}),
        ("environment_variables", {"A": {"vault": "x"}}),
        ("environment_variables", {"A": {"env": "X", "file": "/x"}}),
        ("environment_variables", {"A": 5}),
        ("environment_variables", {"TF_LOG": "trace"}),
        ("environment_variables", {"TF_CLI_ARGS_plan": "-lock=false"}),
        ("environment_variables", {"1A": "x"}),
        ("variables", {"tags": {}}),
        ("variables", {"a b": 1}),
        ("repositories", None),
        ("repositories", [{"name": "shop"}]),
        ("repositories", [{"name": "shop", "url": "ext::sh"}]),
        ("repositories", [{"name": "shop", "url": "/x", "branches": []}]),
        ("repositories", [{"name": "shop", "url": "/x", "terraform": {"directory": "a", "module": "b"}}]),
        ("repositories", [{"name": "shop", "url": "/x", "terraform": {"directory": "../a"}}]),
        ("daemon", {}),
    ],
)
def test_the_schema_refuses_mistakes(where: str, value: object) -> None:
    document = copy.deepcopy(yaml(EXAMPLE))
    assert errors(document) == []
    document[where] = value
    assert errors(document)


def test_a_list_that_may_be_null_is_drawn_as_a_list() -> None:
    """Not as one section."""
    fields = NamedEnvironment.model_fields
    assert [is_list(fields[name]) for name in ("deploy", "checks", "images", "health", "drift")] == [
        *[True] * 3,
        *[False] * 2,
    ]
