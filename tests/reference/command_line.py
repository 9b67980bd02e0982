"""The pages of the command line and of exit codes, from click."""

import inspect
import re
from collections.abc import Iterator, Mapping

import click

from envmgr.cli.command import LazyGroup, Verb, shared_options
from envmgr.cli.program import program

from .markdown import anchor, page, table

INTRODUCTION = """\
`envmgr --help` lists the verbs, `envmgr VERB --help` describes one.

`ENV` names an environment: `alice`, `env-alice` (its branch), `shop/alice` or `acme/shop/alice`. Any form will do
as long as it means only one. In a repository with several applications, `alice` means all of them and `alice:api` one.

## Options of every verb

They may stand before or after the verb."""

EXITS = """\
Every verb ends with one of these codes, unless the table further down says otherwise."""

GENERAL = (
    ("0", "Success."),
    ("1", "Something failed. The message on standard error says what, where, and what to do."),
    ("2", "The command line is wrong, or a configuration file has mistakes."),
    ("130", "Ctrl-C. A running Terraform was asked to end first, so its state is written."),
    ("141", "Whoever read the output stopped reading, as in `envmgr list | head`."),
)
DECLINED = ("1", "You were asked and said no.")
OWN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "config check": (("2", "The files have mistakes."),),
    "doctor": (("1", "Something is not as it should be."),),
    "move-state": (DECLINED, ("1", "Not everything could be moved.")),
    "reconcile": (
        ("1", "Something failed, is not healthy, or could not be read."),
        ("2", "With `--dry-run`: there is something to do."),
    ),
    "plan": (("0", "Nothing would change."), ("2", "There are changes.")),
    "audit": (("0", "Nothing was found, or all of it was fixed."), ("2", "There are findings.")),
    "apply": (DECLINED,),
    "destroy": (DECLINED,),
    "adopt": (DECLINED,),
    "rollback": (DECLINED,),
    "approve": (DECLINED,),
    "reject": (("1", "No plan waits there, or it is another by now."),),
    "unlock": (DECLINED,),
    "drift": (("0", "There is no drift."), ("1", "A check could not run."), ("2", "There is drift.")),
    "freeze": (("1", "You may not freeze it."),),
    "thaw": (("1", "It is not frozen by people."),),
    "extend": (("1", "It has no end to extend, or the end would come nearer."),),
    "cancel": (("1", "It still runs, or nothing was running."),),
}
"""What the codes of a verb mean, where that is more than the general meaning."""
_EXIT = re.compile(r"\s*\bExit code .*", re.DOTALL)  # the help says it last, in the same words


def verbs(group: LazyGroup = program, before: str = "") -> Iterator[tuple[str, str, str, click.Command]]:
    """All verbs in the order of the help: section, full name, short help, command; those of groups too."""
    context = click.Context(group)
    for section, inside in group.sections.items():
        for name, (_, about) in inside.items():
            command = group.get_command(context, name)
            if isinstance(command, LazyGroup):
                yield from ((section, *rest) for _, *rest in verbs(command, f"{before}{name} "))  # type: ignore[misc]
            elif command is not None:
                yield section, f"{before}{name}", about, command


def pages() -> dict[str, str]:
    """Each page by its name."""
    return {
        "command-line.md": page("Command line", INTRODUCTION, _shared(), *_overview(), *_sections()),
        "exit-codes.md": page(
            "Exit codes",
            EXITS,
            table(("code", "meaning"), GENERAL),
            "## Verbs with codes of their own",
            table(
                ("verb", "code", "meaning"),
                [
                    (f"[`{name}`](command-line.md#{anchor(name)})", *row)
                    for name, rows in OWN.items()
                    for row in rows
                ],
            ),
        ),
    }


def _shared() -> str:
    return table(("option", "meaning"), [_option(each) for each in shared_options()])


def _overview() -> Iterator[str]:
    yield "## All verbs"
    yield table(("verb", "does"), [(f"[`{name}`](#{anchor(name)})", about) for _, name, about, _ in verbs()])


def _sections() -> Iterator[str]:
    section = ""
    for title, name, _, command in verbs():
        if title != section:
            section = title
            yield f"## {title}"
        yield from _verb(name, command)


def _verb(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"envmgr {name}")
    yield f"### `{name}`"
    yield f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"
    yield _EXIT.sub("", inspect.cleandoc(command.help or ""))
    own = own_options(command)
    if own:
        yield table(("option", "meaning"), [_option(each) for each in own])
    if name in OWN:
        yield "Exit codes: " + " ".join(f"`{code}`: {meaning}" for code, meaning in OWN[name])
    if isinstance(command, Verb):
        yield f"```sh\n{command.example}\n```"


def own_options(command: click.Command) -> list[click.Option]:
    """The options of a verb that not every verb has."""
    shared = {name for option in shared_options() for name in option.opts}
    return [p for p in command.params if isinstance(p, click.Option) and not shared & set(p.opts)]


def _option(option: click.Parameter) -> tuple[str, str]:
    context = click.Context(program)
    value = "" if getattr(option, "is_flag", False) else f" {option.make_metavar(context)}"
    names = ", ".join(f"`{name}{value if name.startswith('--') else ''}`" for name in option.opts)
    return names, getattr(option, "help", "") or ""
