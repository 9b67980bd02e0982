"""What a branch's code left in the place of Terraform's files and envmgr's own keeps no command from running."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from envmgr.adapters.terraform.backend import is_configured
from envmgr.adapters.terraform.modules import ModuleFolder
from envmgr.adapters.terraform.plan_file import copied_out
from envmgr.adapters.terraform.state.data_folder import make_fit
from envmgr.adapters.terraform.state.errored_state import ErroredState
from envmgr.domain.errors import Transient

LEFT: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link": lambda path: path.symlink_to(path.parent.parent / "victim"),
}
pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("left", list(LEFT.values()), ids=list(LEFT))]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_what_fits_stays_and_the_rest_goes(data: Path, left: Callable[[Path], object]) -> None:
    (data / "modules/inner").mkdir(parents=True)
    (data / "modules/modules.json").write_text("{}")
    (data / "errored.tfstate").write_text("{}")
    (data / "home").write_text("no folder")
    for name in ("environment", "envmgr-applying", "plugin_path"):
        left(data / name)
    os.mkfifo(data / "modules/inner/main.tf")
    make_fit(data)
    assert {path.relative_to(data).as_posix() for path in data.rglob("*")} == {
        *("modules", "modules/inner", "modules/modules.json", "errored.tfstate")
    }


def test_nothing_there_is_followed_or_waited_for(data: Path, left: Callable[[Path], object]) -> None:
    left(data / "terraform.tfstate")
    (data / "modules").mkdir()
    left(data / "modules/modules.json")
    left(data / "plan.tfplan")
    assert not is_configured(data, ("local", {}))
    assert ModuleFolder(data).digest() == ""
    with pytest.raises(Transient, match="The plan that Terraform made cannot be read"):
        copied_out(data / "plan.tfplan", data / "copy")


def test_the_note_of_an_apply_is_made_whatever_has_its_name(
    data: Path, left: Callable[[Path], object]
) -> None:
    """And not through a link, which would make a file elsewhere."""
    left(data / "envmgr-applying")
    state = ErroredState(data, data)
    assert not state.rescue()
    left(data / "envmgr-applying")
    state.expect()
    assert (data / "envmgr-applying").is_file()
    assert not (data.parent / "victim").exists()
