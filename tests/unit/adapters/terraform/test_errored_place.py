"""Where the state is looked for that Terraform could not write: code of the branch may have moved the folder around it."""

from pathlib import Path

import pytest

from envmgr.adapters.terraform.state.errored_state import ErroredState
from envmgr.domain.errors import NeedsPerson

STATE = '{"version": 4, "lineage": "bob", "serial": 1, "resources": []}'


@pytest.mark.parametrize("moved", ["terraform", "terraform/live"])
def test_a_state_is_not_taken_from_where_a_link_leads(tmp_path: Path, moved: str) -> None:
    """It would be another environment's, and the only record of what that has. Our own is found where it is by then."""
    bob, checkout, data = tmp_path / "bob", tmp_path / "source", tmp_path / "data"
    data.mkdir()
    (bob / "live").mkdir(parents=True)
    (checkout / "terraform/live").mkdir(parents=True)
    for place in (bob, bob / "live"):
        (place / "errored.tfstate").write_text(STATE)
    state = ErroredState(checkout / "terraform/live", data, checkout)
    state.expect()
    (checkout / "terraform/live/errored.tfstate").write_text(STATE.replace("bob", "alice"))
    (checkout / moved).rename(checkout / "moved")
    (checkout / moved).symlink_to(bob)
    assert state.rescue()
    assert '"alice"' in state.kept.read_text()
    with pytest.raises(NeedsPerson, match="something else in the place"):
        state.make_room()
    assert not (data / "envmgr-applying").exists()
    assert [path.read_text() for path in sorted(bob.rglob("errored.tfstate"))] == [STATE, STATE]
