"""The click commands: verbs that know the shared options and an example, and groups that import late."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, cast

import click

from .invocation import Invocation


def complete_environment(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """What TAB offers for an environment; the records are opened only then."""
    from .completion import environments

    return environments(context, parameter, incomplete)


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
override_option = click.option(
    "--override-window", is_flag=True, help="Even when no window for changes is open; recorded as an event."
)
take_over_option = click.option(
    "--take-over",
    is_flag=True,
    help="Take over organizations that another data folder works on; that one then does nothing there.",
)
environment_argument = click.argument("environment", metavar="ENV", shell_complete=complete_environment)
pass_invocation = click.make_pass_decorator(Invocation)


def shared_options() -> list[click.Parameter]:
    """Options that may stand before and after the verb; the later one wins."""
    return [
        _shared(
            "config",
            "PATH",
            "Organization file, or the folder of them. [$ENVMGR_CONFIG, /etc/envmgr, ./config]",
        ),
        _shared(
            "data-dir",
            "PATH",
            "Where envmgr keeps its records, logs and working folders. [$ENVMGR_DATA_DIR]",
            "data",
        ),
        _shared("server", "URL", "The API of an envmgr elsewhere that does it. [$ENVMGR_SERVER]"),
        _shared(
            "token", "FILE", "The file of the token for it. [$ENVMGR_TOKEN: the file, or the token itself]"
        ),
        _shared(
            "ca",
            "FILE",
            "The certificates of the authority to believe, if it is your own. [$ENVMGR_CA]",
            "authority",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_remember("verbose"),
            help="Log what is done, and show tracebacks.",
        ),
    ]


def _shared(name: str, metavar: str, said: str, kept: str = "") -> click.Option:
    """An option that the invocation keeps as `KEPT_option`, which is its name unless something else is given."""
    remember = _remember(f"{kept or name}_option")
    return click.Option([f"--{name}"], metavar=metavar, expose_value=False, callback=remember, help=said)


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.ensure_object(Invocation), name, value)

    return remember


class Verb(click.Command):
    """A command with the shared options; `example` closes its help. Only with `remote` a server can do it."""

    def __init__(self, *arguments: Any, example: str, remote: bool = False, **settings: Any) -> None:
        """As click's, with lines of `example` as they are typed."""
        super().__init__(*arguments, **settings)
        self.params += shared_options()
        self.example, self.remote = example, remote

    def invoke(self, ctx: click.Context) -> Any:
        """Refuses where a server is named that cannot do it."""
        if not self.remote and ctx.ensure_object(Invocation).server:
            raise click.UsageError(
                f"`{ctx.command_path}` works on envmgr's own host alone: leave out --server (or $ENVMGR_SERVER).",
                ctx,
            )
        return super().invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Shows the example."""
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def verb(name: str, *, example: str, remote: bool = False) -> Callable[[Callable[..., Any]], Verb]:
    """Makes a function a verb; its docstring is the help. `remote` says that it works with a server, too."""
    return click.command(name, cls=Verb, example=example, remote=remote)


Sections = Mapping[str, Mapping[str, tuple[str, str]]]
"""Section → verb → (module below `envmgr.cli.verbs`, short help)."""


class LazyGroup(click.Group):
    """A group whose verbs are imported when they are called; its help imports none of them."""

    def __init__(self, *arguments: Any, sections: Sections, **settings: Any) -> None:
        """The module of a verb `x-y` has the command as `x_y_command`."""
        super().__init__(*arguments, **settings)
        self.params += shared_options()
        self.sections = sections
        self._modules = {name: module for verbs in sections.values() for name, (module, _) in verbs.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of the sections."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a verb."""
        if cmd_name not in self._modules:
            return None
        module = import_module(f"envmgr.cli.verbs.{self._modules[cmd_name]}")
        return cast("click.Command", getattr(module, f"{cmd_name.replace('-', '_')}_command"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The short helps, by section."""
        width = max(map(len, self._modules))
        for title, verbs in self.sections.items():
            with formatter.section(title):
                rows = [(f"{name:<{width}}", about) for name, (_, about) in verbs.items()]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's; a verb that is not there gets the nearest ones named."""
        name = args[0]
        if name not in self._modules and not name.startswith("-"):
            ctx.fail(f"There is no verb {name!r}{_did_you_mean(name, self._modules)}")
        return super().resolve_command(ctx, args)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    import difflib  # only here: most verbs are spelt right

    near = difflib.get_close_matches(name, list(known))
    return f"; did you mean {' or '.join(near)}?" if near else "."
