"""The first apply of an environment, against bare Terraform with the same module in a fresh folder."""

from collections.abc import Mapping

from tests.benchmarks.by_hand import APPLY, ByHand, backend_file, lay_out, module_files, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject


def on_aws(laboratory: Laboratory) -> list[Comparison]:
    """`aws-environment` on moto, state in S3."""
    place, backend = laboratory.place("first-apply-aws"), laboratory.s3_backend("first-apply")
    subject = Subject(
        place,
        backend={"s3": backend},
        terraform={"binary": laboratory.terraform, "cli_config": str(laboratory.cli_config)},
        environment_variables=laboratory.aws_environment,
    )
    person = ByHand(laboratory.terraform, laboratory.aws_environment, laboratory.cli_config)
    found = _compare(laboratory, subject, person, "aws-environment", ("s3", backend), {})
    return [_comparison("first apply, aws-environment", found, 1.10)]


def locally(laboratory: Laboratory) -> list[Comparison]:
    """`local-environment`, state in a folder."""
    place = laboratory.place("first-apply-local")
    subject = Subject(place, terraform={"binary": laboratory.terraform})
    person = ByHand(laboratory.terraform, {})
    backend = ("local", {"path": str(place / "by-hand-state")})
    root = {"root": str(place / "environments")}
    found = _compare(laboratory, subject, person, "local-environment", backend, root)
    return [_comparison("first apply, local-environment", found, 1.10)]


def _compare(
    laboratory: Laboratory,
    subject: Subject,
    person: ByHand,
    module: str,
    backend: tuple[str, Mapping[str, object]],
    variables: Mapping[str, str],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    shop = subject.repository(terraform={"module": module}, variables=dict(variables))

    def ours(number: int) -> float:
        shop.commit(f"env-ours-{number}", {"app.py": f"print({number})"})
        taken = seconds(subject.reconcile)
        subject.ready(f"ours-{number}")
        return taken

    def by_hand(number: int) -> float:
        name = f"hand-{number}"
        files = {**module_files(module), "backend.tf.json": backend_file(*backend, name)}
        folder = lay_out(subject.folder / "by-hand" / name, files)
        environment = person.environment(name, **variables)
        return seconds(lambda: run(APPLY, folder, environment))

    _ = subject.application  # composed before the clock runs, as the daemon is
    try:
        return interleaved(laboratory.rounds, ours, by_hand)
    finally:
        subject.close()


def _comparison(name: str, found: tuple[tuple[float, ...], tuple[float, ...]], limit: float) -> Comparison:
    ours, by_hand = found
    note = "from the poll that sees a new branch to `ready`, against init && plan -out && apply in a fresh folder"
    return Comparison(name=name, unit="s", ours=ours, by_hand=by_hand, limit=limit, note=note)
