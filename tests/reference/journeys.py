"""The three journeys through the code: their steps, the page that tells them and a drawing of each.

A test looks for every module and function that is named here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from .markdown import page, table

_WIDTH, _STEP, _LEFT, _MIDDLE = 760, 58, 150, 178


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a function of a module (below `envmgr/`, without `.py`), and what it does there."""

    module: str
    function: str
    does: str

    @property
    def room(self) -> str:
        """The folder in which the module is."""
        return self.module.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Journey:
    """A way through the code from a cause to its effect."""

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]


PUSH = Journey(
    "push",
    "A push becomes an apply",
    "Somebody pushes to `env-alice`. Nothing tells envmgr; it finds out at its next look at the remote.",
    (
        Step("daemon/polls", "tick", "Once a second, gives every remote whose time has come to a thread."),
        Step(
            "engine/reconcile/poller",
            "poll",
            "Looks at one remote, and writes what that says into the records.",
        ),
        Step(
            "adapters/git/mirrors",
            "listing",
            "Asks the remote for the branches that match, and for the default branch.",
        ),
        Step(
            "domain/rules/observation",
            "observe",
            "Says what the listing means: `env-alice` is at a new commit.",
        ),
        Step(
            "engine/reconcile/workers",
            "look",
            "Finds that something is due for `alice`, and hands it to a free thread.",
        ),
        Step(
            "engine/reconcile/reconciler",
            "reconcile",
            "Takes the lease, asks for a decision, has it carried out, records how it went.",
        ),
        Step(
            "domain/rules/decide",
            "decide",
            "Decides, and says why: apply, because the branch has a new commit.",
        ),
        Step(
            "engine/change/apply",
            "apply",
            "Brings the infrastructure and then the code to that commit, each only where it changed.",
        ),
        Step(
            "engine/source/desired",
            "wanted",
            "Reads from the commit what it asks for: code, variables, tags, time to live, steps.",
        ),
        Step(
            "engine/change/planning",
            "plan_apply",
            "Makes the working folder and runs `terraform plan` into a file.",
        ),
        Step(
            "domain/rules/gates",
            "check_apply",
            "Refuses the plan if names or tags are wrong, or if it takes in what is not the environment's.",
        ),
        Step(
            "engine/change/apply",
            "keep",
            "Writes down all that a destroy will need, here and beside the state, before anything is made.",
        ),
        Step("adapters/terraform/commands", "apply", "Applies exactly the plan that was checked."),
        Step(
            "engine/change/apply", "settle", "Records what the cloud has now, in the same write as the event."
        ),
        Step("engine/change/deploy", "deploy", "Runs the deploy steps in a clean checkout of the commit."),
        Step(
            "engine/change/health",
            "await_healthy",
            "Waits until it answers as wanted; then the environment is `ready`.",
        ),
    ),
)
GONE = Journey(
    "gone",
    "A deleted branch becomes a verified destroy",
    "Somebody deletes `env-alice`. One look without the branch proves nothing yet.",
    (
        Step(
            "engine/reconcile/poller",
            "poll",
            "Lists the branches. A listing that failed or is incomplete ends here and changes nothing.",
        ),
        Step(
            "engine/reconcile/evidence",
            "weigh",
            "Asks whether the default branch still has the history that was known.",
        ),
        Step(
            "domain/rules/evidence",
            "judge",
            "Says what the listing is worth: another history at this address proves nothing.",
        ),
        Step(
            "domain/rules/observation",
            "observe",
            "Counts the complete listings in a row without the branch, and remembers the first.",
        ),
        Step(
            "domain/rules/neighbours",
            "leaving",
            "Counts how many environments of the repository are leaving together.",
        ),
        Step(
            "domain/rules/decide",
            "decide",
            "Destroys only after two listings and the grace period, if not protected, and if not too many leave.",
        ),
        Step("engine/change/destroy", "destroy", "Carries the decision out, under the lease."),
        Step(
            "engine/source/kept",
            "checkout_applied",
            "Brings back exactly what was last applied; the branch and its remote may be gone.",
        ),
        Step(
            "engine/change/planning",
            "plan_destroy",
            "Plans the destroy with that code, its variables and its Terraform version.",
        ),
        Step(
            "domain/rules/gates",
            "check_destroy",
            "Refuses a plan that does more than delete, or deletes what is somebody else's.",
        ),
        Step("engine/change/deploy", "end_deployment", "Runs the `on_destroy` steps."),
        Step(
            "domain/rules/transitions/ends",
            "began",
            "Is written after asking once more; from here on nothing calls the destroy off.",
        ),
        Step("adapters/terraform/commands", "apply", "Applies exactly that plan."),
        Step(
            "engine/change/destroy",
            "verify",
            "Fails unless the state is empty and the cloud lists nothing with the tags.",
        ),
        Step(
            "domain/audit/ownership",
            "judge",
            "Tells what is left of the environment from what only carries its tags.",
        ),
        Step(
            "engine/change/destroy",
            "close",
            "Archives the state, lets go of what was kept, closes the record.",
        ),
    ),
)
DIED = Journey(
    "died",
    "envmgr dies, and its run is taken over",
    "envmgr is killed in the middle of an apply. Terraform lives on, because it runs in a session of its own and writes "
    "to a file. If the whole host went down, Terraform is dead as well, and the journey is the same without waiting.",
    (
        Step(
            "host/children/child",
            "run",
            "Started Terraform in its own session, with its output in the run's log file.",
        ),
        Step(
            "adapters/store/leases",
            "take",
            "The lease of a process that is provably dead is free at once; any other must expire first.",
        ),
        Step(
            "engine/reconcile/reconciler",
            "reconcile",
            "Before it decides anything, the next envmgr looks for runs without an owner.",
        ),
        Step(
            "engine/recovery/orphan_runs",
            "end_abandoned_runs",
            "Finds the run that is still recorded as running.",
        ),
        Step(
            "adapters/processes",
            "child_of",
            "Finds its Terraform by the log file that it writes, and knows it by host, boot, PID and start time.",
        ),
        Step(
            "adapters/terraform/session",
            "adopt",
            "Follows the log to Terraform's end, and reads its last word.",
        ),
        Step("engine/work/result", "found", "Reads from the state what there is now."),
        Step("domain/rules/transitions/applies", "adopted", "Records the apply as if envmgr had never died."),
        Step(
            "engine/recovery/state_locks",
            "push_errored_state",
            "Otherwise: pushes a state that Terraform could not write before it died.",
        ),
        Step(
            "engine/recovery/state_locks",
            "break_own_lock",
            "Otherwise: breaks the state lock, if it is ours and its holder is proven dead.",
        ),
        Step(
            "domain/rules/decide",
            "decide",
            "Goes on from there: the run was interrupted, so plan and apply again.",
        ),
    ),
)
JOURNEYS = (PUSH, GONE, DIED)

INTRODUCTION = """\
These are the ways through the code that matter most, step by step. Each step is one function; the drawings have the
folder on the left. [Architecture](architecture.md) says what the folders are for."""


def journeys() -> str:
    """The page."""
    return page(
        "Three journeys through the code", INTRODUCTION, *(part for j in JOURNEYS for part in _told(j))
    )


def _told(journey: Journey) -> Iterator[str]:
    modules = len({step.module for step in journey.steps})
    yield f"## {journey.title}"
    yield f"{journey.about} It passes {modules} modules:"
    yield f"![{journey.title}: the functions in their order](journey-{journey.name}.svg)"
    yield table(
        ("", "module", "function", "what it does"),
        [
            (str(number), f"`envmgr/{step.module}.py`", f"`{step.function}`", step.does)
            for number, step in enumerate(journey.steps, 1)
        ],
    )


def drawing(journey: Journey) -> str:
    """The picture of a journey: a line from step to step, with the folders on its left."""
    height = len(journey.steps) * _STEP + 12
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="system-ui, sans-serif" font-size="14">',
            f"<title>{escape(journey.title)}</title>",
            f'<path d="M{_LEFT} 26V{height - _STEP + 14}" stroke="#4051b5" stroke-width="2"/>',
            *(line for index, _ in enumerate(journey.steps) for line in _drawn(journey.steps, index)),
            "</svg>\n",
        ]
    )


def _drawn(steps: Sequence[Step], index: int) -> Iterator[str]:
    step, top = steps[index], index * _STEP + 26
    if index == 0 or steps[index - 1].room != step.room:
        for row, part in enumerate(wrap(step.room.replace("/", "/ "), 16, break_long_words=False)):
            yield _text(
                _LEFT - 16,
                top + 4 + 15 * row,
                part.replace("/ ", "/"),
                'text-anchor="end" fill="#4051b5" font-size="12"',
            )
    yield f'<circle cx="{_LEFT}" cy="{top}" r="6" fill="#eef1fb" stroke="#4051b5" stroke-width="2"/>'
    yield _text(_MIDDLE, top + 4, f"{step.module.rpartition('/')[2]}.{step.function}", 'font-weight="bold"')
    for row, line in enumerate(wrap(step.does.replace("`", ""), 92)[:2]):
        yield _text(_MIDDLE, top + 20 + 14 * row, line, 'fill="#444" font-size="12"')


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(text)}</text>'
