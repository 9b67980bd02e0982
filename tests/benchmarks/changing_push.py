"""A push that changes infrastructure of an environment that is there, against a fresh clone done by hand."""

import shutil
from collections.abc import Mapping

from tests.benchmarks.by_hand import APPLY, ByHand, backend_file, module_files, run
from tests.benchmarks.comparison import Comparison
from tests.benchmarks.interleaving import interleaved, seconds
from tests.benchmarks.laboratory import Laboratory
from tests.benchmarks.subject import Subject

_FRESH_CLONE = f'git clone --quiet --branch env-warm -- "$1" "$2" && cp "$3" "$2/terraform/" && cd "$2/terraform" && {APPLY}'
_NOTE = (
    "the same push on both sides; by hand: git clone && init && plan -out && apply, the state where it was"
)


def on_aws(laboratory: Laboratory) -> list[Comparison]:
    """The code of `aws-environment` in the branch, on moto, state in S3."""
    backend = laboratory.s3_backend("changing-push")
    subject = Subject(
        laboratory.place("changing-push-aws"),
        backend={"s3": backend},
        terraform={"binary": laboratory.terraform, "cli_config": str(laboratory.cli_config)},
        environment_variables=laboratory.aws_environment,
    )
    person = ByHand(laboratory.terraform, laboratory.aws_environment, laboratory.cli_config)
    return [_compare(laboratory, subject, person, "aws-environment", ("s3", backend), {}, 0.75)]


def locally(laboratory: Laboratory) -> list[Comparison]:
    """The code of `local-environment` in the branch, state in a folder."""
    place = laboratory.place("changing-push-local")
    subject = Subject(place, terraform={"binary": laboratory.terraform})
    backend = ("local", {"path": str(place / "by-hand-state")})
    root = {"root": str(place / "environments")}
    return [
        _compare(
            laboratory, subject, ByHand(laboratory.terraform, {}), "local-environment", backend, root, 0.9
        )
    ]


def _compare(
    laboratory: Laboratory,
    subject: Subject,
    person: ByHand,
    module: str,
    backend: tuple[str, Mapping[str, object]],
    variables: Mapping[str, str],
    limit: float,
) -> Comparison:
    place = subject.folder
    shop = subject.repository(variables=dict(variables))
    shop.commit("env-warm", module_files(module, "terraform/"))
    backend_text = place / "backend.tf.json"
    backend_text.write_text(backend_file(*backend, "hand"))
    environment = person.environment("hand", **variables)

    def ours(number: int) -> float:
        shop.commit("env-warm", {"terraform/message.auto.tfvars": f'message = "round {number}"\n'})
        taken = seconds(subject.reconcile)
        if subject.ready("warm").failure.count:
            raise RuntimeError("a round failed before it succeeded")
        return taken

    def by_hand(number: int) -> float:
        clone = place / f"clone-{number}"
        taken = seconds(
            lambda: run(_FRESH_CLONE, place, environment, shop.url, str(clone), str(backend_text))
        )
        shutil.rmtree(clone)
        return taken

    _ = subject.application
    try:
        first, second = interleaved(laboratory.rounds, ours, by_hand)
    finally:
        subject.close()
    name = f"push that changes, code of {module}"
    return Comparison(name=name, unit="s", ours=first, by_hand=second, limit=limit, note=_NOTE)
