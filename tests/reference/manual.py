"""The manual page and the shells' completions, from click."""

import inspect
import re
from collections.abc import Iterable, Iterator

import click
from click.shell_completion import ShellComplete, get_completion_class

from envmgr import __version__
from envmgr.cli.command import Verb, shared_options
from envmgr.cli.program import program

from .command_line import GENERAL, OWN, own_options, verbs

_SHELLS = {"bash": "envmgr", "zsh": "_envmgr", "fish": "envmgr.fish"}
"""Each shell, and the name that it looks for."""

_ENVIRONMENT = (
    ("ENVMGR_CONFIG", "The organization file, or the folder of them, where --config is not given."),
    ("ENVMGR_DATA_DIR", "The data folder, where --data-dir is not given."),
    ("NO_COLOR", "Set to anything: no colours."),
)
_FILES = (
    ("/etc/envmgr/", "The organization files of the service, with daemon.yaml beside them."),
    ("/var/lib/envmgr/", "The data folder of the service: records, logs, working folders."),
)


def files() -> dict[str, str]:
    """Each file by its path below `docs/`."""
    return {
        "man/envmgr.1": page(),
        **{f"completions/{shell}/{name}": _completion(shell) for shell, name in _SHELLS.items()},
    }


def page() -> str:
    """The manual page, in the macros of man(7)."""
    context = click.Context(program, info_name="envmgr")
    return "\n".join(
        [
            f'.TH ENVMGR 1 "" "envmgr {__version__}" "User Commands"',
            *(".SH NAME", r"envmgr \- a cloud environment for every git branch"),
            *(".SH SYNOPSIS", r".B envmgr", _escaped("VERB [OPTION]... [ARGUMENT]...")),
            *(".SH DESCRIPTION", *_paragraphs(program.get_short_help_str(200) or "", program.help or "")),
            *(".SH OPTIONS", "Of every verb; they may stand before and after it."),
            *_options(shared_options(), context),
            *_verbs(),
            *(".SH EXIT STATUS", *_definitions(GENERAL)),
            *(".SH ENVIRONMENT", *_definitions(_ENVIRONMENT)),
            *(".SH FILES", *_definitions(_FILES)),
            "",
        ]
    )


def _verbs() -> Iterator[str]:
    section = ""
    for title, name, _, command in verbs():
        if title != section:
            section = title
            yield f".SH {_escaped(title.upper())}"
        context = click.Context(command, info_name=f"envmgr {name}")
        yield f".SS {_escaped(command.get_usage(context).removeprefix('Usage: '))}"
        yield from _paragraphs(command.help or "")
        yield from _options(own_options(command), context)
        yield from _definitions((f"Exit {code}", meaning) for code, meaning in OWN.get(name, ()))
        if isinstance(command, Verb):
            yield from (
                ".PP",
                "Example:",
                ".PP",
                ".nf",
                ".RS",
                *map(_escaped, command.example.splitlines()),
                ".RE",
                ".fi",
            )


def _options(options: Iterable[click.Parameter], context: click.Context) -> Iterator[str]:
    yield from _definitions(
        record for each in options if (record := each.get_help_record(context)) is not None
    )


def _definitions(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, meaning in rows:
        yield from (".TP", f".B {_escaped(name)}", _escaped(" ".join(meaning.split())))


def _paragraphs(*texts: str) -> Iterator[str]:
    for text in dict.fromkeys(
        paragraph for each in texts for paragraph in inspect.cleandoc(each).split("\n\n")
    ):
        yield from (".PP", _escaped(" ".join(text.split())))


def _escaped(text: str) -> str:
    r"""Text that roff takes for text: no escapes, no requests, and `-` as people type it."""
    plain = re.sub(r"`([^`]+)`", r"\1", text).replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def _completion(shell: str) -> str:
    found: type[ShellComplete] | None = get_completion_class(shell)
    if found is None:
        raise LookupError(f"click knows no completion for {shell}.")
    return found(program, {}, "envmgr", "_ENVMGR_COMPLETE").source().strip() + "\n"
