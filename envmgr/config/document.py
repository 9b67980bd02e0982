"""The commented samples and the JSON Schema, made from the models.

`python -m envmgr.config.document` in a checkout writes them where they belong.
"""

import json
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.sections.duration import format_duration
from envmgr.config.sections.models import OrganizationFile

from .problems import fields_of, flow, section_of

SCHEMA_FILE = "organization.schema.json"
_WIDTH = 100


# --- samples ---------------------------------------------------------------------------------


def sample() -> str:
    """A commented organization file: what must be given is there, all else is commented with its default."""
    head = (
        f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
        "# An organization file. What is commented out shows its default, or an example where it has none.\n"
        "# `envmgr config check` says what is wrong with it.\n\n"
    )
    return head + "\n".join(_Sample().section(OrganizationFile, 0, live=True)).strip() + "\n"


def daemon_sample() -> str:
    """The commented file of daemon settings."""
    head = (
        f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
        "# Settings of the daemon itself: one optional file beside the organization files.\n\n"
        "daemon:\n"
    )
    daemon = section_of(DaemonFile.model_fields["daemon"].annotation)
    body = _Sample().section(daemon, 2, live=True) if daemon else []
    server = DaemonFile.model_fields["server"]
    lines = [*_description(server, 0), *map(_comment_out_whole, _Sample().option("server", server))]
    return head + "\n".join([*body, *lines]).rstrip() + "\n"


def _comment_out_whole(line: str) -> str:
    return _comment_out(line, 0)


class _Sample:
    """Writes sections; one that was written before is shown by its example only."""

    def __init__(self) -> None:
        self._seen: set[type[BaseModel]] = set()

    def section(self, model: type[BaseModel], indent: int, *, live: bool) -> list[str]:
        """The lines of a section; in a `live` one the options that may be left out are commented out."""
        self._seen.add(model)
        lines: list[str] = []
        for name, field in fields_of(model):
            option = self._option(name, field, indent, live=live and field.is_required())
            if live and not field.is_required():
                option = [_comment_out(line, indent) for line in option]
            lines += [*_description(field, indent), *option]
            if live:
                lines.append("")
        return lines

    def option(self, name: str, field: FieldInfo) -> list[str]:
        """An option at the top of a file, with all that it may have."""
        return self._option(name, field, 0, live=False)

    def _option(self, name: str, field: FieldInfo, indent: int, *, live: bool) -> list[str]:
        inner = section_of(field.annotation)
        margin = " " * indent
        if inner is None or inner in self._seen:
            return [f"{margin}{name}: {flow(_shown(field))}"]
        lines = self.section(inner, indent + (4 if is_list(field) else 2), live=live)
        return [f"{margin}{name}:", *(_as_item(lines, indent + 2) if is_list(field) else lines)]


def _as_item(lines: list[str], indent: int) -> list[str]:
    """A section's lines as the only item of a list: the dash stands before the first option."""
    first = next(i for i, line in enumerate(lines) if not line.lstrip().startswith("# "))
    dashed = " " * indent + "- " + lines[first].lstrip()
    return [*(line.removeprefix("  ") for line in lines[:first]), dashed, *lines[first + 1 :]]


def _comment_out(line: str, indent: int) -> str:
    return " " * indent + "#" + line[indent:] if line else line


def _description(field: FieldInfo, indent: int) -> list[str]:
    prefix = " " * indent + "# "
    return textwrap.wrap(
        field.description or "",
        _WIDTH,
        initial_indent=prefix,
        subsequent_indent=prefix,
        break_on_hyphens=False,
    )


def _shown(field: FieldInfo) -> object:
    """The default where it says something, else the first example."""
    default = default_of(field)
    return (field.examples or [None])[0] if default in (None, [], {}) else default


def default_of(field: FieldInfo) -> object:
    """The default as it would be written in YAML; None where there is none."""
    if field.is_required() or field.default is None:
        return None
    return TypeAdapter(field.rebuild_annotation()).dump_python(
        field.default, mode="json", exclude_none=True, by_alias=True
    )


def is_list(field: FieldInfo) -> bool:
    """Whether an option takes several of its section, whether or not it may be null."""
    kinds = (field.annotation, *get_args(field.annotation))
    return any(get_origin(kind) is tuple for kind in kinds)


# --- JSON Schema -----------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the files in the configuration folder: organizations, and daemon settings."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (OrganizationFile, "validation"),
        (DaemonFile, "validation"),
    ]
    references, schema = models_json_schema(models, schema_generator=_Generator)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "envmgr configuration file",
        "type": "object",
        "if": {"anyOf": [{"required": ["daemon"]}, {"required": ["server"]}]},
        "then": references[DaemonFile, "validation"],
        "else": references[OrganizationFile, "validation"],
        **schema,
    }


class _Generator(GenerateJsonSchema):
    """pydantic's, with defaults as people write them and without titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        model = super().model_schema(schema)
        if not model.get("required") and "minProperties" not in model:
            model["type"] = ["object", "null"]
        return model

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, tuple):
            return [self.encode_default(item) for item in dft]
        return _without_none(super().encode_default(dft))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    return value


# --- files -----------------------------------------------------------------------------------


def documents() -> dict[str, str]:
    """Every generated file: its path in the checkout and its content."""
    return {
        "config/organization.yaml.example": sample(),
        "config/daemon.yaml.example": daemon_sample(),
        f"config/{SCHEMA_FILE}": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def write(checkout: Path) -> None:
    """Writes the generated files."""
    for name, content in documents().items():
        path = checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
