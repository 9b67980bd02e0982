"""What is wrong with a configuration, in our words: what, where, and how to fix it."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from .yaml_tree import Path, Problem, Tree, plain_value

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": "it must be text; put it in quotes",
    "int_type": "it must be a whole number, without quotes",
    "int_from_float": "it must be a whole number",
    "bool_type": "it must be true or false, without quotes",
    "tuple_type": "it must be a list",
    "dict_type": "it must be a mapping of keys to values",
    "model_type": "it must be a mapping of keys to values",
    "model_attributes_type": "it must be a mapping of keys to values",
}


def problems_of(error: ValidationError, model: type[BaseModel], tree: Tree) -> Iterator[Problem]:
    """The problems that a model found in a file, each with its line."""
    for details in error.errors(include_url=False, include_input=False):
        path = tuple(step for step in details["loc"] if step != "[key]")
        yield Problem(tree.line(path), path, _sentence(details, model, path))


def option_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """The option that a path of keys and indexes leads to; None where the models have none."""
    field: FieldInfo | None = None
    current: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int):
            continue
        field = next((f for name, f in fields_of(current) if name == step), None) if current else None
        if field is None:
            return None
        current = section_of(field.annotation)
    return field


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The options of a section by their names in a file, which may be words that Python keeps for itself."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model within an annotation such as `tuple[RepositorySection, ...]` or `Health | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(section_of, get_args(annotation))), None)


def write_example(key: str, value: object) -> str:
    """An option as one line of YAML."""
    return f"{key}: {flow(value)}"


def flow(value: object) -> str:
    """A value as YAML on one line, quoted only where it must be."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(write_example(flow(str(key)), inner) for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if not isinstance(value, str) or _is_plain(text) else json.dumps(text, ensure_ascii=False)


def _is_plain(text: str) -> bool:
    begins = text[:1].isalnum() or text.startswith(("/", "."))
    special = set(text) & set(" ,#[]{}*&!|>\"'%`") or (":" in text and not text.startswith("https://"))
    return begins and not special and plain_value(text) == text


def _sentence(details: "ErrorDetails", model: type[BaseModel], path: Path) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(model, path)
    option = option_at(model, path)
    if kind == "missing":
        return f"it is missing: {_lower(option)}{_example(option, path)}"
    if kind == "value_error":
        return str(context["error"])
    return f"{_expected(kind, context, details['msg'])}{_example(option, path)}"


def _expected(kind: str, context: Mapping[str, Any], message: str) -> str:
    if kind == "literal_error":
        return f"it must be one of {context['expected']}".replace("'", "")
    if kind == "greater_than_equal":
        return f"it must be at least {context['ge']}"
    if kind == "less_than_equal":
        return f"it must be at most {context['le']}"
    return _EXPECTED.get(kind, f"it cannot be read ({message.lower()})")


def _unknown(model: type[BaseModel], path: Path) -> str:
    option = option_at(model, path[:-1])
    section = model if len(path) == 1 else section_of(option.annotation) if option else None
    known = [name for name, _ in fields_of(section)] if section else []
    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.6)
    if near:
        return f"there is no such key; did you mean {near[0]}?"
    return f"there is no such key; known here: {', '.join(known)}"


def _lower(option: FieldInfo | None) -> str:
    text = (option.description or "").rstrip(".") if option else ""
    return text[:1].lower() + text[1:]


def _example(option: FieldInfo | None, path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    if option is None or not option.examples or not names:
        return ""
    return f"; for example `{write_example(names[-1], option.examples[0])}`"
