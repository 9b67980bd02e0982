"""The commented samples, the JSON Schema and the table of options, all made from the models.

`python -m envmgr.config.document` in a checkout writes them where they belong.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.sections.duration import format_duration
from envmgr.config.sections.models import Organization
from envmgr.config.sections.values import Named

from .branch_file import BranchFile
from .problems import flow, section_of

SCHEMA_FILE = "organization.schema.json"
BEGIN, END = "<!-- options:begin -->", "<!-- options:end -->"
_WIDTH = 100
_TITLES: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Organization file", Organization),
    ("Branch file `.envmgr.yaml`", BranchFile),
    ("Daemon settings", DaemonFile),
)


# --- samples ---------------------------------------------------------------------------------


def sample() -> str:
    """A commented organization file: what must be given is there, all else is commented with its default."""
    head = (
        f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
        "# An organization file. What is commented out shows its default, or an example where it has none.\n"
        "# `envmgr config check` says what is wrong with it.\n\n"
    )
    return head + "\n".join(_Sample().section(Organization, 0, live=True)).strip() + "\n"


def daemon_sample() -> str:
    """The commented file of daemon settings."""
    head = (
        f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
        "# Settings of the daemon itself: one optional file beside the organization files.\n\n"
        "daemon:\n"
    )
    daemon = section_of(DaemonFile.model_fields["daemon"].annotation)
    body = _Sample().section(daemon, 2, live=True) if daemon else []
    return head + "\n".join(body).rstrip() + "\n"


class _Sample:
    """Writes sections; one that was written before is shown by its example only."""

    def __init__(self) -> None:
        self._seen: set[type[BaseModel]] = set()

    def section(self, model: type[BaseModel], indent: int, *, live: bool) -> list[str]:
        """The lines of a section; in a `live` one the options that may be left out are commented out."""
        self._seen.add(model)
        lines: list[str] = []
        for name, field in model.model_fields.items():
            option = self._option(name, field, indent, live=live and field.is_required())
            if live and not field.is_required():
                option = [_comment_out(line, indent) for line in option]
            lines += [*_description(field, indent), *option]
            if live:
                lines.append("")
        return lines

    def _option(self, name: str, field: FieldInfo, indent: int, *, live: bool) -> list[str]:
        inner = section_of(field.annotation)
        margin = " " * indent
        if inner is None or inner in self._seen:
            return [f"{margin}{name}: {flow(_shown(field))}"]
        lines = self.section(inner, indent + (4 if _is_list(field) else 2), live=live)
        return [f"{margin}{name}:", *(_as_item(lines, indent + 2) if _is_list(field) else lines)]


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
    default = _default(field)
    return (field.examples or [None])[0] if default in (None, [], {}) else default


def _default(field: FieldInfo) -> object:
    """The default as it would be written in YAML; None where there is none."""
    if field.is_required() or field.default is None:
        return None
    return TypeAdapter(field.rebuild_annotation()).dump_python(field.default, mode="json", exclude_none=True)


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


# --- JSON Schema -----------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the files in the configuration folder: organizations, and daemon settings."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (Organization, "validation"),
        (DaemonFile, "validation"),
    ]
    references, schema = models_json_schema(models, schema_generator=_Generator)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "envmgr configuration file",
        "type": "object",
        "if": {"required": ["daemon"]},
        "then": references[DaemonFile, "validation"],
        "else": references[Organization, "validation"],
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


# --- table of options ------------------------------------------------------------------------


def option_table() -> str:
    """Markdown: a table for each kind of file, a row `option | type | default | description` for each option."""
    return "\n".join(_tables()).strip() + "\n"


def _tables() -> Iterator[str]:
    seen: dict[type[BaseModel], str] = {}
    for title, model in _TITLES:
        yield from (f"### {title}", "", "| option | type | default | description |", "|---|---|---|---|")
        yield from _rows(model, "", seen)
        yield ""


def _rows(model: type[BaseModel], prefix: str, seen: dict[type[BaseModel], str]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner = section_of(field.annotation)
        kind = type_name(field.annotation, field.metadata)
        if inner is not None and inner in seen:
            kind = f"as `{seen[inner]}`"
        yield _row(path, kind, field, is_section=inner is not None)
        if inner is not None and inner not in seen:
            seen[inner] = path
            yield from _rows(inner, f"{path}[]." if _is_list(field) else f"{path}.", seen)


def _row(path: str, kind: str, field: FieldInfo, *, is_section: bool) -> str:
    default = _default(field)
    if field.is_required():
        shown = "required"
    elif default in (None, [], {}) or is_section:
        shown = ""
    else:
        shown = f"`{flow(default)}`"
    cells = (f"`{path}`", kind, shown, field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def type_name(annotation: Any, metadata: Iterable[object] = ()) -> str:
    """What people call a type: `duration`, `list of text`, `report, correct or off`."""
    named = next((item.name for item in metadata if isinstance(item, Named)), None)
    if named is not None:
        return named
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(inner[0], reversed(inner[1:]))
    if origin in (Union, UnionType):
        return type_name(next(item for item in inner if item is not NoneType))
    if origin is tuple:
        return f"list of {type_name(inner[0])}s"
    if origin is Literal:
        return f"{', '.join(inner[:-1])} or {inner[-1]}"
    return {str: "text", bool: "true or false", int: "whole number"}.get(annotation, "mapping")


# --- files -----------------------------------------------------------------------------------


def documents() -> dict[str, str]:
    """Every generated file: its path in the checkout and its content."""
    return {
        "config/organization.yaml.example": sample(),
        "config/daemon.yaml.example": daemon_sample(),
        f"config/{SCHEMA_FILE}": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def with_options(readme: str) -> str:
    """A README with the table of options between its markers; unchanged where it has none."""
    block = f"{BEGIN}\n\n{option_table()}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, readme, flags=re.DOTALL)


def write(checkout: Path) -> None:
    """Writes the generated files, and the table where the README has its markers."""
    for name, content in documents().items():
        path = checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    readme = checkout / "README.md"
    if readme.is_file():
        readme.write_text(with_options(readme.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
