"""The environment of a Terraform process: little of envmgr's own, all of the organization's.

Its home is an empty folder, as what lies in envmgr's own could configure Terraform and what it starts.
"""

from collections.abc import Mapping
from pathlib import Path

from envmgr.domain.errors import NeedsPerson
from envmgr.host.children.environment import check_lengths
from envmgr.ports import Workspace

from .variables import variables_environment

CLI_CONFIG = "TF_CLI_CONFIG_FILE"
# Providers are large and live for seconds: collecting garbage less often saves a third of their CPU time
# for a tenth more memory; the second line keeps the memory bounded all the same.
_GARBAGE_COLLECTION = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
# Another workspace would be another state than the one whose key we know.
_WITHHELD = (
    "TF_WORKSPACE",
    "TF_CLI_ARGS",
    "TF_REATTACH_PROVIDERS",
    "TF_PLUGIN_CACHE_DIR",
    CLI_CONFIG,
    "TERRAFORM_CONFIG",
    "TF_ENCRYPTION",
)


def process_environment(
    workspace: Workspace, inherited: Mapping[str, str], home: Path, cli_config: Path
) -> dict[str, str]:
    """All environment variables of a Terraform process; `inherited` is the little of envmgr's own that is passed on.

    Raises NeedsPerson where a variable cannot be given to a process.
    """
    given = {name: value for name, value in workspace.environment.items() if name not in _WITHHELD}
    # Later ones win: the organization may have a home of its own, but changes nothing that envmgr relies on.
    return {
        **inherited,
        "HOME": str(home),
        **_GARBAGE_COLLECTION,
        **_checked(given),
        **variables_environment(workspace.variables),
        "TF_DATA_DIR": str(workspace.data),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        # Else each command asks Terraform's makers for news.
        "CHECKPOINT_DISABLE": "1",
        "TF_WORKSPACE": "default",
        CLI_CONFIG: str(cli_config),
    }


def _checked(environment: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise NeedsPerson(
                f"The environment variable {name!r} has a name or value that no process can be given."
            )
    check_lengths(environment)
    return environment
