"""Forty branches pushed at once, against the same Terraform commands in forty folders under xargs."""

from pathlib import Path

from tests.benchmarks.by_hand import ByHand, backend_file, lay_out, module_files, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject

BRANCHES = 40
_MODULE = "local-environment"
_ONE = (
    "terraform init -input=false && terraform plan -input=false -out=plan && "
    "terraform show -json plan >plan.json && terraform apply -input=false plan"
)
_FOLDER = f'cd "$1" && export TF_VAR_environment="$(basename "$1")" && {_ONE}'
_ALL = f"""printf '%s\\0' "$@" | xargs -0 -n 1 -P 2 sh -c '{_FOLDER}' sh"""


def burst(laboratory: Laboratory) -> list[Comparison]:
    """The time until all are ready, two at a time."""
    place = laboratory.place("burst")
    subject = Subject(place, terraform={"binary": laboratory.terraform})
    variables = {"root": str(place / "environments")}
    shop = subject.repository(terraform={"module": _MODULE}, variables=variables)
    environment = ByHand(laboratory.terraform, {}).environment("hand", **variables)

    def ours(number: int) -> float:
        names = [f"r{number}-{each}" for each in range(BRANCHES)]
        shop.point((f"env-{name}" for name in names), shop.head("main") or "")
        taken = seconds(subject.reconcile)
        for name in names:
            subject.ready(name)
        return taken

    def by_hand(number: int) -> float:
        folders = [_folder(place, f"h{number}-{each}") for each in range(BRANCHES)]
        return seconds(lambda: run(_ALL, place, environment, *map(str, folders)))

    _ = subject.application
    try:
        first, second = interleaved(laboratory.rounds, ours, by_hand)
    finally:
        subject.close()
    note = f"module {_MODULE}, concurrency 2; by hand: init, plan -out, show -json and apply under xargs -P 2"
    name = f"{BRANCHES} branches at once: makespan"
    return [Comparison(name=name, unit="s", ours=first, by_hand=second, limit=1.15, note=note)]


def _folder(place: Path, name: str) -> Path:
    backend = backend_file("local", {"path": str(place / "by-hand-state")}, name)
    return lay_out(place / "by-hand" / name, {**module_files(_MODULE), "backend.tf.json": backend})
