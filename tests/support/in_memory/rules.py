"""What the organization of a `World` wants of its repository, and the code that its branches have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from envmgr.domain.values.cage import CageRules
from envmgr.domain.values.deployment import DeployRules
from envmgr.domain.values.drift import DriftRules
from envmgr.domain.values.forge import ForgeRules, PreviewRules
from envmgr.domain.values.names import RepositoryId
from envmgr.domain.values.origins.named import Named
from envmgr.domain.values.pipeline.proposal import Gates
from envmgr.domain.values.policy import Policy
from envmgr.domain.values.schedule import Schedule, Windows
from envmgr.engine.context.organization import TimeToLive
from tests.support.memory_forge import MemoryForge

SHOP = RepositoryId("acme", "shop")
POLICY = Policy(branches=("env-*",), confirmations=2, grace_period=timedelta(minutes=5), max_at_once=2)
MODULE = """
variable "environment" { type = string }
variable "tags" { type = map(string) }
variable "size" { default = "small" }
resource "aws_sqs_queue" "app" {
  input = "${var.environment} ${var.size}"
  tags  = var.tags
}
output "url" { value = "http://${var.environment}" }
"""
BROKEN = (
    MODULE
    + 'resource "aws_sqs_queue" "broken" {\n  tags = var.tags\n  provisioner "local-exec" { command = "exit 1" }\n}\n'
)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of a repository; `applications` gives for each of them, in order, which others it needs."""

    policy: Policy = POLICY
    deploy: DeployRules = field(default_factory=DeployRules)
    drift: DriftRules = field(default_factory=lambda: DriftRules(action="off"))
    ttl: TimeToLive = field(default_factory=TimeToLive)
    schedule: Schedule | None = None
    windows: Windows = field(default_factory=Windows)
    gates: Gates = field(default_factory=Gates)
    applications: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    named: tuple[Named, ...] = ()
    forge: MemoryForge | None = None
    forge_rules: ForgeRules = field(default_factory=ForgeRules)
    previews: PreviewRules | None = None
    cage: CageRules = field(default_factory=CageRules)

    def files(self, module: str) -> dict[str, str]:
        """The code of a branch, for each application in its folder; whoever needs another has its URL in its code."""
        return {
            f"{folder}terraform/main.tf": _needing(module, needs)
            for folder, needs in ({f"{n}/": of for n, of in self.applications.items()} or {"": ()}).items()
        }


def _needing(module: str, needs: tuple[str, ...]) -> str:
    declared = "".join(f'variable "{name}_url" {{}}\n' for name in needs)
    used = "".join(f" on ${{var.{name}_url}}" for name in needs)
    return declared + module.replace("${var.size}", f"${{var.size}}{used}")
