"""The types of single options: what they accept, how they are named to people, and their JSON Schema.

Messages are the ends of sentences that begin with the option's path: `polling.interval: it must be …`.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

from envmgr.config.settings import LOOPBACK
from envmgr.domain.values.pipeline.variables import RESERVED, VARIABLE_PATTERN

from .duration import PATTERN as DURATION_PATTERN
from .duration import format_duration, parse_duration
from .patterns import matching
from .secrets import Secret, SecretReference, parse_secret
from .size import PATTERN as SIZE_PATTERN
from .size import format_size, parse_size
from .watching import including


@dataclass(frozen=True, slots=True)
class Named:
    """How people call a type, in the table of options and in messages."""

    name: str


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("it must be text; put it in quotes")  # noqa: TRY004  pydantic's protocol
    return value


NAME_PATTERN = r"[a-z0-9-]+"
ENV_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"

Name = Annotated[
    str,
    AfterValidator(matching(NAME_PATTERN, "it must be a name of lower-case letters, digits and `-`")),
    Field(json_schema_extra={"pattern": f"^{NAME_PATTERN}$"}),
    Named("name"),
]


def _variable_name(name: str) -> str:
    if not re.fullmatch(VARIABLE_PATTERN, name):
        raise ValueError("Terraform takes no variable of this name; use letters, digits, `_` and `-`")
    if name in RESERVED:
        raise ValueError(f"envmgr sets the variable {name} itself; choose another name")
    return name


VariableName = Annotated[
    str,
    AfterValidator(_variable_name),
    Field(
        json_schema_extra={"allOf": [{"pattern": f"^{VARIABLE_PATTERN}$"}, {"not": {"enum": [*RESERVED]}}]}
    ),
]


def _json_value(value: object) -> object:
    """A value that Terraform can be given as JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("no such number can be given to Terraform")
    if isinstance(value, dict):
        return {str(key): _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json_value(inner) for inner in value]
    if value is not None and not isinstance(value, str | int | float):
        raise ValueError("it must be text, a number, true, false, a list or a mapping")
    return value


JsonValue = Annotated[Any, PlainValidator(_json_value), WithJsonSchema({}), Named("any value")]
Variables = dict[VariableName, JsonValue]

_OURS: Final[Mapping[str, str]] = {
    "TF_DATA_DIR": "envmgr gives every environment a data folder of its own; remove it",
    "TF_WORKSPACE": "envmgr keeps environments apart by state key, not by workspace; remove it",
    "TF_IN_AUTOMATION": "envmgr sets it itself; remove it",
    "TF_INPUT": "nobody is there to answer Terraform's questions; remove it and give `variables`",
    "TF_CLI_CONFIG_FILE": "write the file's path in `terraform: {cli_config: …}` instead",
    "TERRAFORM_CONFIG": "write the file's path in `terraform: {cli_config: …}` instead",
    "TF_PLUGIN_CACHE_DIR": "envmgr keeps one provider cache that is safe for several runs at once; remove it",
    "TF_CLI_ARGS": "it would change the commands that envmgr relies on; remove it",
    "TF_ENCRYPTION": "envmgr cannot read encrypted states; remove it, and let the bucket or container encrypt them",
    "TF_LOG": "Terraform's debug log holds secrets and mixes with what envmgr reads; remove it",
}


def _environment_name(name: str) -> str:
    if not re.fullmatch(ENV_PATTERN, name):
        raise ValueError("an environment variable's name has only letters, digits and `_`, no digit first")
    for ours, sentence in _OURS.items():
        if name == ours or (ours in ("TF_CLI_ARGS", "TF_LOG") and name.startswith(f"{ours}_")):
            raise ValueError(sentence)
    if name.removeprefix("TF_VAR_") in RESERVED and name.startswith("TF_VAR_"):
        raise ValueError(f"envmgr sets {name} itself; remove it")
    return name


_NOT_OURS: Final = f"^(?!({'|'.join(_OURS)}|TF_(CLI_ARGS|LOG)_.*|TF_VAR_({'|'.join(RESERVED)}))$)"

EnvironmentName = Annotated[
    str,
    AfterValidator(_environment_name),
    Field(json_schema_extra={"allOf": [{"pattern": f"^{ENV_PATTERN}$"}, {"pattern": _NOT_OURS}]}),
]

# --- scalars ---------------------------------------------------------------------------------


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("it must be a duration: a number and a unit, such as 30s, 5m, 1h or 7d")  # noqa: TRY004
    return parse_duration(value)


def _positive(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("it must be a duration of at least one second, such as 30s")
    return value


Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION_PATTERN}$"}),
    Named("duration"),
]
Period = Annotated[Duration, AfterValidator(_positive)]
"""A duration of at least one second."""


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return parse_size(value if isinstance(value, str) else "")


Size = Annotated[
    int,
    PlainValidator(_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^{SIZE_PATTERN}$"}, {"type": "integer"}]}),
    Named("size"),
]

Number = Annotated[int, Field(strict=True), Named("whole number")]
Count = Annotated[Number, Field(ge=1)]
Flag = Annotated[bool, Field(strict=True), Named("true or false")]
Text = Annotated[
    str,
    AfterValidator(matching(r"(?s)[^\0]*[^\0\s][^\0]*", "it must not be empty")),
    Field(json_schema_extra={"minLength": 1}),
    Named("text"),
]


def _command(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return value
    words = value if isinstance(value, list | tuple) else ()
    if words and all(isinstance(word, str) and "\0" not in word for word in words) and words[0].strip():
        return tuple(words)
    raise ValueError('it must be a command, such as "make image", or a list of its words')


Command = Annotated[
    str | tuple[str, ...],
    PlainValidator(_command),
    PlainSerializer(lambda value: value if isinstance(value, str) else list(value)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        }
    ),
    Named("command"),
]
"""Text for `sh -eu -c`, or an argv."""

CAUSES: Final = ("always", "infrastructure", "code")


def _when(value: object) -> str | tuple[str, ...]:
    if isinstance(value, str) and value in CAUSES:
        return value
    if isinstance(value, dict) and value.keys() == {"paths"}:
        paths = value["paths"]
        if isinstance(paths, list) and paths and all(isinstance(path, str) and path for path in paths):
            return including(tuple(paths))
    raise ValueError('it must be always, infrastructure, code or a list of paths, such as {paths: ["web/*"]}')


When = Annotated[
    str | tuple[str, ...],
    PlainValidator(_when),
    PlainSerializer(lambda value: value if isinstance(value, str) else {"paths": list(value)}),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": [*CAUSES]},
                {
                    "type": "object",
                    "properties": {"paths": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
                    "required": ["paths"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
    Named("always, infrastructure, code or paths"),
]
"""A cause, or patterns of paths of which one must have changed."""

_REFERENCE_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "env": {"type": "string", "description": "an environment variable of envmgr's own process"},
        "file": {"type": "string", "pattern": "^/", "description": "a file's absolute path"},
        "systemd": {"type": "string", "pattern": "^[^/]+$", "description": "a systemd credential's name"},
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}


def _write_secret(secret: Secret) -> str | dict[str, str]:
    return {secret.kind: secret.name} if isinstance(secret, SecretReference) else secret


SecretValue = Annotated[
    Secret,
    PlainValidator(parse_secret),
    PlainSerializer(_write_secret),
    WithJsonSchema({"anyOf": [{"type": "string"}, _REFERENCE_SCHEMA]}),
    Named("text or secret reference"),
]

# --- places ----------------------------------------------------------------------------------


def _absolute(value: str) -> str:
    if not value.startswith("/") or "\0" in value:
        raise ValueError("it must be an absolute path, such as /etc/envmgr/terraform.rc")
    return value


AbsolutePath = Annotated[
    str, AfterValidator(_absolute), Field(json_schema_extra={"pattern": "^/"}), Named("absolute path")
]


def _binary(value: str) -> str:
    if not value.strip() or value.startswith("-") or ("/" in value and not value.startswith("/")):
        raise ValueError("it must be a program's name or absolute path, such as terraform or /usr/bin/tofu")
    return value


Binary = Annotated[str, AfterValidator(_binary), Named("program")]


def _relative(value: str) -> str:
    parts = value.split("/")
    if not value or value.startswith(("/", "-", "~")) or ".." in parts or not value.isprintable():
        raise ValueError("it must be a relative path without `..`, such as terraform")
    if ".git" in parts or "\\" in value:
        raise ValueError("it must be a folder of the code, not of git; for example terraform")
    return "/".join(part for part in parts if part not in ("", ".")) or "."


RelativePath = Annotated[
    str,
    AfterValidator(_relative),
    Field(json_schema_extra={"pattern": r"^[^/~-]", "not": {"pattern": r"(^|/)\.\.(/|$)"}}),
    Named("relative path"),
]

_SCP_STYLE = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9.\[\]:_][A-Za-z0-9.\[\]:_-]*:[^-].*")


def _url(value: str) -> str:
    if not value.isprintable() or value != value.strip() or value.startswith("-") or "::" in value[:20]:
        raise ValueError(_URL_SENTENCE)
    if value.startswith("/") or _SCP_STYLE.fullmatch(value):
        return value
    try:
        parts = urlsplit(value)
        host, password, _ = parts.hostname or "", parts.password, parts.port
    except ValueError:
        raise ValueError(_URL_SENTENCE) from None
    if password is not None:
        raise ValueError("a password does not belong in a URL; write it in `credentials`")
    if parts.scheme == "file" and parts.path.startswith("/") and not host:
        return value
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("code and credentials would cross the network unprotected; write https:// or ssh://")
    if parts.scheme not in ("https", "http", "ssh") or not host or host.startswith("-"):
        raise ValueError(_URL_SENTENCE)
    if parts.username and (parts.scheme != "ssh" or parts.username.startswith("-")):
        raise ValueError("a user name does not belong in an https URL; write it in `credentials`")
    return value


_URL_SENTENCE: Final = (
    "it must be an https, ssh or file URL, user@host:path or an absolute path, "
    "such as https://git.example.com/acme/shop.git"
)
GitUrl = Annotated[
    str,
    AfterValidator(_url),
    Field(
        json_schema_extra={"pattern": r"^(https?://|ssh://|file:///|/|[A-Za-z0-9._][A-Za-z0-9._-]*@[^:]+:)"}
    ),
    Named("URL or path"),
]


def network(value: str) -> str:
    """A network as it is written in full. Raises ValueError."""
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("it must be a network, such as 10.0.0.0/8 or fd00::/8") from None


Network = Annotated[str, AfterValidator(network), Named("network")]


def _pattern(sentence: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in ("", "!") and value.isprintable() and not value.startswith(("-", "refs/")):
            return value
        raise ValueError(sentence)

    return check


BranchPattern = Annotated[
    str,
    AfterValidator(_pattern('it must be a branch pattern, such as "env-*" or "!env-skip"')),
    Named("branch pattern"),
]
RefPattern = Annotated[
    str,
    AfterValidator(_pattern('it must be the name of a branch or tag, such as main or "v*"')),
    Named("name"),
]
"""What a branch or tag is called, or a pattern of it."""
