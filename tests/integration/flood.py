"""A stand-in for Terraform prints a quarter of a gigabyte; what that costs the process that follows it, as JSON.

python -m tests.integration.flood
"""

import json
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from envmgr.adapters.processes import identify
from envmgr.adapters.terraform.commands import TerraformCommands
from envmgr.domain.values.environment import Output
from envmgr.ports import Watch, Workspace
from tests.integration.measured import most_memory
from tests.support.quick_terraform import write_quick_terraform

PIECES, PIECE = 13, 20_000_000
BEHIND = 40_000_000
"""So many bytes of the output may wait on the disk before the stand-in prints on."""

_LAST = {"@message": "Outputs: 1", "type": "outputs", "outputs": {"x": {"type": "string", "value": "y"}}}
_APPLY = f"""#!/bin/sh
[ "$1" = apply ] || exec "$(dirname "$0")/quick" "$@"
line=$(printf '%4000s' x | tr ' ' x)
for piece in $(seq {PIECES}); do
  yes "$line" | head -c {PIECE}
  until [ "$(($(stat -L -c %b /proc/$$/fd/1) * 512))" -lt {BEHIND} ]; do sleep 0.05; done
done
echo
echo '{json.dumps(_LAST)}'
exec "$(dirname "$0")/quick" "$@"
"""


def flood(folder: Path) -> dict[str, object]:
    """Plans and applies; what was seen of it."""
    write_quick_terraform(folder / "quick")
    binary, log = folder / "terraform", folder / "run.log"
    binary.write_text(_APPLY)
    binary.chmod(0o755)
    (folder / "root").mkdir()
    (folder / "root" / "main.tf").touch()
    adapter = TerraformCommands(folder / "cache", identify, timeout=timedelta(minutes=2))
    workspace = Workspace(
        root=folder / "root",
        data=folder / "data",
        binary=str(binary),
        backend=("local", {"path": str(folder / "state")}),
        variables={},
        environment={},
    )
    watch = Watch(log=log)
    plan = folder / "plan.tfplan"
    planned = adapter.plan(workspace, plan, watch)
    before = most_memory()
    outputs = adapter.apply(workspace, planned.file, watch)
    return {
        "read_to_its_end": outputs == {"x": Output("y")},
        "log": log.stat().st_size,
        "memory": most_memory() - before,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="envmgr-flood-") as made:
        sys.stdout.write(json.dumps(flood(Path(made))))
