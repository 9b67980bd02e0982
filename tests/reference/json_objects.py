"""The page of JSON: what each verb gives, and every object with its fields."""

import inspect
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from envmgr.views import asking, doubt_objects, image_objects, objects, proposal_objects, tested

from .markdown import anchor, page, table

INTRODUCTION = """\
`--json` makes a verb print one JSON document on standard output. Progress and messages go to standard error. Fields are
added over time; those listed here keep their names and meanings.

Times are ISO 8601 in UTC, to the second. A verb that changes an environment gives it as it is afterwards. Where a verb
works on all applications of an environment, it gives an array with an object for each of them."""

_ENVIRONMENT = ("EnvironmentObject", "one", "of several applications an array")
GIVES: Mapping[str, tuple[str, str, str]] = {
    "config check": ("ConfigurationObject", "one", ""),
    "doctor": ("DoctorObject", "array", ""),
    "migrate": ("MigrationObject", "one", ""),
    "move-state": ("MovedObject", "array", ""),
    "reconcile": ("PassObject", "one", "with `--dry-run` a [Foresight](#foresight)"),
    "token create": ("NewTokenObject", "one", ""),
    "token list": ("TokenObject", "array", ""),
    "hosts list": ("HostObject", "array", ""),
    "versions list": ("VersionObject", "array", ""),
    "list": ("ListedObject", "array", ""),
    "show": (
        "EnvironmentInFull",
        "one",
        "of several applications one [Listed](#listed) with each of them in full",
    ),
    "output": (
        "OutputObject",
        "map",
        "with `NAME` its bare value; of several applications an object of these objects",
    ),
    "events": ("EventObject", "array", "with `--follow` an object on each line"),
    "history": ("RunObject", "array", ""),
    "logs": ("LogObject", "one", "with `--follow` a [LogLine](#logline) on each line"),
    "plan": ("PlanObject", "one", "of several applications an array"),
    "drift": ("CheckedObject", "array", ""),
    "audit": ("FindingObject", "array", ""),
    "apply": _ENVIRONMENT,
    "adopt": ("EnvironmentObject", "one", ""),
    "promote": _ENVIRONMENT,
    "rollback": _ENVIRONMENT,
    "destroy": _ENVIRONMENT,
    "cancel": ("CancelledObject", "one", ""),
    "suspend": _ENVIRONMENT,
    "freeze": ("FreezeObject", "array", ""),
    "thaw": ("FreezeObject", "array", ""),
    "resume": _ENVIRONMENT,
    "approve": ("EnvironmentObject", "array", "of a fork's head a [Head](#head)"),
    "reject": _ENVIRONMENT,
    "extend": _ENVIRONMENT,
}
"""Verb → the object it gives, whether one, an array, or an object of them by name, and what is different when."""
_ABOUT = {
    "MigrationObject": "Records that were copied to another database.",
    "MovedObject": "One state that was to be moved.",
}
_SHAPES = {
    "one": "{article} {}",
    "array": "an array of {}",
    "map": "an object with {article} {} for each name",
}


def kinds() -> dict[str, Any]:
    """Every object by the name of its type, in the order in which it is written."""
    return {
        name: kind
        for module in (objects, tested, proposal_objects, image_objects, doubt_objects, asking)
        for name, kind in vars(module).items()
        if is_typeddict(kind) and not name.startswith("_") and kind.__module__ == module.__name__
    }


def pages() -> dict[str, str]:
    """Each page by its name."""
    rows = []
    for verb, (name, shape, otherwise) in GIVES.items():
        article = "an" if name[0] in "AEIO" else "a"
        gives = _SHAPES[shape].format(f"[{title(name)}](#{anchor(title(name))})", article=article)
        rows.append(
            (f"[`{verb}`](command-line.md#{anchor(verb)})", f"{gives}; {otherwise}" if otherwise else gives)
        )
    return {
        "json.md": page(
            "JSON",
            INTRODUCTION,
            "## What each verb gives",
            table(("verb", "gives"), rows),
            "## Objects",
            *_objects(),
        )
    }


def title(name: str) -> str:
    """What the page calls an object: its type's name without what all of them have."""
    return name.removesuffix("Object")


def _objects() -> Iterator[str]:
    for name, kind in kinds().items():
        yield f"### {title(name)}"
        yield _ABOUT.get(name) or inspect.getdoc(kind) or ""
        yield table(
            ("field", "type", "meaning"),
            [(f"`{field}`", _type(hint), _meaning(hint)) for field, hint in _fields(kind).items()],
        )


def _fields(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _meaning(hint: Any) -> str:
    if get_origin(hint) is NotRequired:
        return f"{_meaning(get_args(hint)[0])} May be missing."
    return str(hint.__metadata__[0])


def _type(hint: Any) -> str:
    """What JSON calls a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Annotated, NotRequired):
        return _type(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(_type(each) for each in inner)
    if origin is list:
        return f"array of {_type(inner[0])}"
    if origin is dict:
        return f"object, {_type(inner[1])} by name"
    if is_typeddict(hint):
        return f"[{title(hint.__name__)}](#{anchor(title(hint.__name__))})"
    return {str: "text", int: "number", float: "number", bool: "true or false", NoneType: "null", Any: "any"}[
        hint
    ]
