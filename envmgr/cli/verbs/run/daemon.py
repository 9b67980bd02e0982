"""`envmgr daemon`. What it is made of is imported only once a signal no longer ends the process."""

import signal
from datetime import timedelta

import click

from envmgr.cli.command import pass_invocation, take_over_option, verb
from envmgr.cli.duration_type import Duration
from envmgr.cli.invocation import Invocation
from envmgr.daemon.signals import Signals

_DRAIN = "10m"


@verb("daemon", example="envmgr --config /etc/envmgr daemon\nsystemctl start envmgr")
@click.option(
    "--drain-timeout",
    type=Duration(),
    default=_DRAIN,
    metavar="DURATION",
    help=f"How long running Terraform may go on after SIGTERM before it is asked to end. [{_DRAIN}]",
)
@take_over_option
@pass_invocation
def daemon_command(invocation: Invocation, drain_timeout: timedelta, take_over: bool) -> None:
    """Watch the repositories until SIGTERM (drains; a second one ends Terraform too) or Ctrl-C.

    SIGHUP reads the files again; where they have mistakes, the old configuration stays. Logs go to
    standard error: JSON lines, or colours on a terminal.
    """
    signals = Signals()
    # A reload that is asked for while it starts comes after that; to be told to end then ends it at once, as nothing runs.
    signals.keep(signal.SIGHUP)
    from .daemon_process import run_daemon

    run_daemon(invocation, drain_timeout, take_over=take_over, signals=signals)
