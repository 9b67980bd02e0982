"""The objects of the API as JSON Schema, made from the types that the documents are made by."""

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from envmgr.views import asking, objects
from envmgr.web.problems import MEDIA_TYPE

from .examples import EXAMPLES

_PLAIN: Mapping[Any, Mapping[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Any: {},
}
_GIVEN = (
    objects.ListedObject,
    objects.EnvironmentInFull,
    objects.RunObject,
    objects.EventObject,
    asking.RequestObject,
    asking.TokenObject,
    asking.NewTokenObject,
    asking.RepositoryObject,
    asking.OrganizationObject,
    asking.MeObject,
    asking.HeadObject,
    asking.HostObject,
    objects.FreezeObject,
)
_PAGED = ("Listed", "Run", "Event", "Request", "Token", "Repository", "Organization", "Head", "Host")
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, where, and what to do."},
        "needs": {"type": "string", "description": "Of a 403: the role that may."},
        "problems": {
            "type": "array",
            "description": "Of a 422: each thing that cannot be understood.",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
    },
}
_SAID = {
    304: "It is as `If-None-Match` says.",
    400: "It cannot be understood.",
    401: "Say who you are: no token, or one that is not valid.",
    403: "You may see it, and not do that; `needs` is the role that may.",
    404: "There is nothing of that name, or you may not see it.",
    409: "It cannot be done as things stand.",
    413: "The body is too large.",
    415: "The body is not JSON, or does not say so.",
    416: "The log has no such range.",
    422: "Something in it cannot be understood; `problems` says what.",
    429: "Too many requests; `Retry-After` says when to try again.",
    503: "It cannot be done just now; `Retry-After` says when to try again.",
}


def schemas() -> dict[str, Any]:
    """Every object by name."""
    found: dict[str, Any] = {"Problem": _PROBLEM}
    for kind in _GIVEN:
        _add(kind, found)
    for name in _PAGED:
        found[f"{name}Page"] = {
            "type": "object",
            "description": "A page; `next` is what `after` must be for the following one, null where there is none.",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": _reference(name)},
                "next": {"type": ["string", "null"]},
            },
        }
    return found


def gives(name: str, said: str, *, status: int = 200, also: tuple[int, ...] = ()) -> dict[int | str, Any]:
    """What a call answers: an object (or a page of them) by its name, or a problem."""
    content = {"schema": _reference(name), "example": EXAMPLES[name]}
    answers: dict[int | str, Any] = {status: {"description": said, "content": {"application/json": content}}}
    return {**answers, **dict(problems(400, 401, 403, 404, 422, 429, 503, *also))}


def problems(*statuses: int) -> Iterator[tuple[int | str, Any]]:
    """The problems that a call may answer with."""
    for status in statuses:
        answer: dict[str, Any] = {"description": _SAID[status]}
        if status != 304:
            answer["content"] = {MEDIA_TYPE: {"schema": _reference("Problem")}}
        yield status, answer


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _name(kind: type) -> str:
    return kind.__name__.removesuffix("Object")


def _add(kind: type, found: dict[str, Any]) -> dict[str, str]:
    """Adds an object, and those within it; gives how it is referred to."""
    name = _name(kind)
    if name not in found:
        found[name] = {}  # an object may be within itself
        fields = get_type_hints(kind, include_extras=True)
        required = sorted(getattr(kind, "__required_keys__", fields))
        found[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").partition("\n")[0],
            "required": [field for field in fields if field in required],
            "properties": {field: _schema(type_, found) for field, type_ in fields.items()},
        }
    return _reference(name)


def _schema(kind: Any, found: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = _schema(arguments[0], found)
        return {**inner, "description": arguments[1]}
    if origin is NotRequired:
        return _schema(arguments[0], found)
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(each, found) for each in arguments]}
    if origin is list:
        return {"type": "array", "items": _schema(arguments[0], found)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], found)}
    return dict(_add(kind, found)) if is_typeddict(kind) else dict(_PLAIN[kind])
