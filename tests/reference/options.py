"""The pages of options: the organization file, the branch file and the settings, from the models that read them."""

from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from envmgr.config.branch_file import BranchFile
from envmgr.config.document import daemon_sample, default_of, is_list, sample
from envmgr.config.problems import fields_of, flow, section_of
from envmgr.config.sections.daemon import DaemonFile
from envmgr.config.sections.models import OrganizationFile
from envmgr.config.sections.values import Named

from .markdown import anchor, page, table

_COLUMNS = ("option", "type", "default", "description")

ORGANIZATION = """\
Each organization has a file of its own, such as `/etc/envmgr/acme.yaml`. `envmgr config init` writes a commented one,
`envmgr config check` says what is wrong with yours, and `envmgr config schema` prints a JSON Schema for your editor.

Unknown keys, keys given twice and values of the wrong type are refused. All mistakes are reported at once, each as
`file:line: path: what is wrong and how to fix it`.

**Which files are read.** `--config` names one file, or a folder of `*.yaml` with one organization in each. Without it
envmgr takes `$ENVMGR_CONFIG`, then `/etc/envmgr`, then `./config` (the last one only if no other user can write to it).

**Durations** are written as `30s`, `5m`, `1h` or `7d`, **sizes** as `500MB` or `2GiB`.

**Secrets** are written as `{env: NAME}`, `{file: /path}` or `{systemd: name}` and are read each time they are used.
`{systemd: name}` is a credential of the service unit (`LoadCredential=`).

Each table below is one section of the file; its heading is where the section stands, with `[]` for each entry of a list."""

BRANCH = """\
A branch may ask for things of its own in a file `.envmgr.yaml` at its root. It is read from the commit that is applied.

```yaml
variables: {message: "Hello", instances: 2}
ttl: 3d   # counted from the last push
```

Anything that runs commands (`deploy`, `on_destroy`, `health.run`) is accepted only where the organization file says
`allow_branch_deploy: true` for the repository, because those commands run with the organization's credentials.

A variable that the Terraform code does not declare is reported as a warning by `show`, `list` and `plan`, with the name
that was probably meant."""

SETTINGS = """\
Settings of the daemon itself are in a file `daemon.yaml` beside the organization files. The file is optional."""


def pages() -> dict[str, str]:
    """Each page by its name."""
    return {
        "organization-file.md": page(
            "Organization file",
            ORGANIZATION,
            *_Sections(OrganizationFile, "The whole file").write(),
            "## The whole file, commented",
            f"```yaml\n{sample().rstrip()}\n```",
        ),
        "branch-file.md": page("Branch file", BRANCH, *_Sections(BranchFile, "Options").write()),
        "settings.md": page(
            "Settings of the daemon",
            SETTINGS,
            *_Sections(DaemonFile, "The file").write(),
            "## The whole file, commented",
            f"```yaml\n{daemon_sample().rstrip()}\n```",
        ),
    }


class _Sections:
    """Writes a model section by section; one that stands at several places is written at the first."""

    def __init__(self, model: type[BaseModel], title: str) -> None:
        self._model, self._title = model, title
        self._seen: dict[type[BaseModel], str] = {}

    def write(self) -> Iterator[str]:
        """The parts of the page."""
        yield f"## {self._title}"
        yield from self._section(self._model, "", 2)

    def _section(self, model: type[BaseModel], prefix: str, level: int) -> Iterator[str]:
        rows, inner = [], list[tuple[str, type[BaseModel], str]]()
        for name, field in fields_of(model):
            path, section = f"{prefix}{name}", section_of(field.annotation)
            if section is not None and section not in self._seen:
                self._seen[section] = path
                inner.append((path, section, f"{path}[]." if is_list(field) else f"{path}."))
            rows.append((f"`{name}`", self._kind(path, field), _default(field), _described(field)))
        yield table(_COLUMNS, rows)
        for path, section, below in inner:
            yield f"{'#' * min(level, 4)} `{path}`"
            yield from self._section(section, below, level + 1)

    def _kind(self, path: str, field: FieldInfo) -> str:
        kind, section = type_name(field.annotation, field.metadata), section_of(field.annotation)
        if section is None:
            return kind
        first = self._seen[section]
        return f"[{kind if first == path else f'as `{first}`'}](#{anchor(first)})"


def _default(field: FieldInfo) -> str:
    default = default_of(field)
    if field.is_required():
        return "required"
    if default in (None, [], {}) or section_of(field.annotation) is not None:
        return ""
    return f"`{flow(default)}`"


def _described(field: FieldInfo) -> str:
    """The description, and an example where the default shows none."""
    if section_of(field.annotation) is not None or default_of(field) not in (None, [], {}):
        return field.description or ""
    return f"{field.description} Example: `{flow((field.examples or [None])[0])}`"


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
