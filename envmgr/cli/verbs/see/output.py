"""`envmgr output`."""

import json
from collections.abc import Mapping

import click

from envmgr.cli.command import environment_argument, json_option, pass_invocation, verb
from envmgr.cli.invocation import Invocation
from envmgr.cli.lookup import known_records
from envmgr.cli.screen import emit, emit_json, printable, say
from envmgr.domain.errors import NeedsPerson, UsageError
from envmgr.domain.values.environment import Output
from envmgr.views import documents

_Every = Mapping[str, Mapping[str, Output]]


@verb("output", example='envmgr output alice\ncurl "$(envmgr output alice url)"', remote=True)
@environment_argument
@click.argument("name", required=False)
@click.option("--show-sensitive", is_flag=True, help="Read sensitive values from the state and print them.")
@json_option
@pass_invocation
def output_command(
    invocation: Invocation, environment: str, name: str | None, show_sensitive: bool, as_json: bool
) -> None:
    """Terraform outputs; with NAME only its value, text without quotes and anything else as JSON."""
    every = _outputs(invocation, environment, show_sensitive)
    if len(every) > 1:
        _print_all(every, name, show_sensitive, as_json)
        return
    found = next(iter(every.values()))
    if name is not None:
        _print_value(name, _named(found, name), show_sensitive, as_json)
    elif as_json:
        emit_json(documents.outputs(found, show_sensitive=show_sensitive))
    else:
        _print_outputs(found, show_sensitive)
        if not found:
            say("It has no outputs: nothing was applied, or the code declares none.")


def _print_all(every: _Every, name: str | None, show_sensitive: bool, as_json: bool) -> None:
    """The outputs of several applications; with a name the one of the only application that has it."""
    if name is not None:
        having = [application for application, found in every.items() if name in found]
        if len(having) > 1:
            raise UsageError(
                f"{', '.join(having)} all have an output {printable(name)!r}: say which, as ENV:{having[0]}."
            )
        _print_value(name, _named(every[having[0]] if having else {}, name), show_sensitive, as_json)
    elif as_json:
        emit_json({a: documents.outputs(found, show_sensitive=show_sensitive) for a, found in every.items()})
    else:
        for application, found in every.items():
            _print_outputs(found, show_sensitive, f"{application}: ")


def _print_outputs(found: Mapping[str, Output], show_sensitive: bool, prefix: str = "") -> None:
    for key, output in sorted(found.items()):
        hidden = output.sensitive and not show_sensitive
        emit(f"{prefix}{key} = {'(sensitive)' if hidden else json.dumps(output.value, ensure_ascii=False)}")


def _outputs(invocation: Invocation, environment: str, show_sensitive: bool) -> _Every:
    if not show_sensitive:
        with invocation.shown_records() as store:
            return {e.id.application: e.applied.outputs for e in known_records(store, environment)}
    if invocation.server:
        raise UsageError(
            "A server never tells sensitive values: --show-sensitive works on envmgr's own host alone."
        )
    from envmgr.cli.work import work
    from envmgr.commands import operations

    with work(invocation) as application:
        records = known_records(application.services.store, environment)
        return {e.id.application: operations.outputs(application, e) for e in records}


def _named(found: Mapping[str, Output], name: str) -> Output:
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NeedsPerson(f"There is no output {printable(name)!r}; the outputs are: {known}.")
    return found[name]


def _print_value(name: str, output: Output, show_sensitive: bool, as_json: bool) -> None:
    if output.sensitive and not show_sensitive:
        raise NeedsPerson(f"The output {name} is sensitive: --show-sensitive prints it.")
    if as_json or not isinstance(output.value, str):
        emit(json.dumps(output.value))
    else:
        emit(output.value)
