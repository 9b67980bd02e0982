"""From a commit to production with real git, real Terraform and real commands in the cage: built once, tested, promoted."""

from pathlib import Path

from envmgr.domain.values.environment import RunKind, Status
from tests.support.engine import MODULE, Engine, code

WITH_IMAGE = (
    MODULE.replace("${var.size}", "${var.size} ${var.image}") + 'variable "image" { type = string }\n'
)
BUILD = 'test -z "${ENVMGR_ENVIRONMENT:-}"; echo "image=shop@$(sha256sum app.txt | cut -c1-12)" > "$ENVMGR_VARIABLES"'
TEST = 'test "$ENVMGR_URL" = "http://staging.example.com"; ! grep -x bad app.txt'


def test_a_commit_is_built_once_tested_and_promoted(tmp_path: Path, terraform_binary: str) -> None:
    """What the tests refuse is applied in staging, and comes no further."""
    engine = Engine(tmp_path, cage={"kind": "bwrap", "network": "none"})
    repository = engine.repository(
        build=[{"name": "image", "run": BUILD}],
        environments=[
            {"name": "staging", "branch": "main", "tests": [{"name": "smoke", "run": TEST}]},
            {"name": "production", "tags": "v*", "after": ["staging"]},
        ],
    )
    good = repository.commit("main", code({"app.txt": "good\n"}, WITH_IMAGE))
    repository.tag("v1.0.0", good)
    try:
        engine.turn(2)
        staging, production = (engine.environment(name) for name in ("staging", "production"))
        assert (staging.status, production.status) == (Status.READY, Status.READY), (
            staging.message,
            production.message,
        )
        images = [e.claim.variables["image"] for e in (staging, production) if e.claim]
        assert images[0] == images[1]
        assert str(images[0]).startswith("shop@")
        assert [run.environment.name for run in engine.runs(RunKind.BUILD)] == ["staging"]
        bad = repository.commit("main", {"app.txt": "bad\n"})
        repository.tag("v1.1.0", bad)
        engine.turn(2)
        staging, production = (engine.environment(name) for name in ("staging", "production"))
        assert staging.status is Status.FAILED
        assert staging.message.startswith("Test smoke failed (exit 1)")
        assert (staging.applied.commit, production.applied.commit) == (bad, good)
    finally:
        engine.close()
