"""Where configuration and data are found, and the daemon's settings without a heavy import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envmgr.config import locate
from envmgr.config.load import ConfigurationError
from envmgr.config.locate import data_dir, find_config
from envmgr.config.sections.secrets import SecretReference
from envmgr.config.settings import Settings
from envmgr.config.settings_file import read_settings
from envmgr.domain.errors import UsageError


def test_the_configuration_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"ENVMGR_CONFIG": "/from/variable"}
    assert find_config("/from/option", environ) == Path("/from/option")
    assert find_config(None, environ) == Path("/from/variable")
    monkeypatch.setattr(locate, "SYSTEM_CONFIG", tmp_path)
    assert find_config(None, {}) == tmp_path
    monkeypatch.setattr(locate, "SYSTEM_CONFIG", tmp_path / "gone")
    assert find_config(None, {"ENVMGR_CONFIG": ""}) == Path("config")


def test_the_data_folder_is_looked_for_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "ENVMGR_DATA_DIR": "/from/variable",
        "STATE_DIRECTORY": "/var/lib/envmgr:/var/lib/more",
        "HOME": "/h",
    }
    assert data_dir("/from/option", environ) == Path("/from/option")
    assert data_dir(None, environ) == Path("/from/variable")
    del environ["ENVMGR_DATA_DIR"]
    assert data_dir(None, environ) == Path("/var/lib/envmgr")
    del environ["STATE_DIRECTORY"]
    monkeypatch.setattr(locate, "SYSTEM_DATA", tmp_path)
    assert data_dir(None, {**environ, "INVOCATION_ID": "1"}) == tmp_path
    assert data_dir(None, environ) == Path("/h/.local/share/envmgr")
    assert data_dir(None, {**environ, "XDG_DATA_HOME": "/x"}) == Path("/x/envmgr")
    assert data_dir(None, {**environ, "XDG_DATA_HOME": "relative"}) == Path("/h/.local/share/envmgr")
    monkeypatch.chdir(tmp_path)
    assert data_dir("here", {}) == tmp_path / "here"


def test_the_service_s_configuration_goes_with_the_service_s_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For whoever asks: another folder would show an empty world."""
    etc, var, environ = tmp_path / "etc", tmp_path / "var", {"HOME": "/h"}
    monkeypatch.setattr(locate, "SYSTEM_CONFIG", etc)
    monkeypatch.setattr(locate, "SYSTEM_DATA", var)
    users = Path("/h/.local/share/envmgr")
    assert data_dir(None, environ, etc) == users, "there is no service here"
    (var / "acme").mkdir(parents=True)
    assert data_dir(None, environ, etc) == var
    assert data_dir(None, environ, etc / "acme.yaml") == var / "acme"
    assert data_dir(None, environ, etc / "other.yaml") == users
    assert data_dir(None, environ, tmp_path / "elsewhere") == users
    assert data_dir("/from/option", environ, etc) == Path("/from/option")
    assert data_dir(None, {**environ, "ENVMGR_DATA_DIR": "/from/variable"}, etc) == Path("/from/variable")


def test_settings_are_read_from_any_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("organization: acme # daemon: no\nvariables: [broken")
    assert read_settings(tmp_path) == Settings()
    (tmp_path / "zz.yml").write_text("daemon: {database: {env: DB}, retention: 7d, disk_reserve: 1GB}")
    settings = read_settings(tmp_path)
    assert settings.database == SecretReference("env", "DB")
    assert settings.retention.days == 7
    assert settings.disk_reserve == 10**9
    assert read_settings(tmp_path / "acme.yaml") == Settings(), "beside a file only daemon.yaml counts"
    (tmp_path / "zz.yml").rename(tmp_path / "daemon.yaml")
    assert read_settings(tmp_path / "acme.yaml") == settings


def test_mistakes_in_the_settings_are_told(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(
        "daemon:\n  log_level: loud\n  database: mysql://h/x\n  pol_workers: 1\n"
    )
    with pytest.raises(ConfigurationError) as raised:
        read_settings(tmp_path)
    assert [line.split("d.yaml:")[1].split(": it")[0] for line in raised.value.problems] == [
        "2: daemon.log_level",
        "3: daemon.database",
        "4: daemon.pol_workers: there is no such key; did you mean poll_workers?",
    ]


def test_a_shared_queue_needs_a_database_that_is_shared(tmp_path: Path) -> None:
    """Without one each process has its own, which needs nothing."""
    file = tmp_path / "daemon.yaml"
    file.write_text("daemon: {queue: procrastinate}")
    with pytest.raises(ConfigurationError, match=r"queue: procrastinate needs PostgreSQL.*`database`"):
        read_settings(tmp_path)
    file.write_text("daemon: {queue: procrastinate, database: {env: DB}}")
    assert read_settings(tmp_path).queue == "procrastinate"
    file.write_text("daemon: {queue: threads}")
    assert read_settings(tmp_path) == Settings()


def test_no_folder_has_the_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "gone") == Settings()


@pytest.mark.parametrize("name", ["acme.yaml", "zz.yaml"])
def test_what_cannot_be_read_is_not_taken_for_no_settings(tmp_path: Path, name: str) -> None:
    """By the defaults an empty database in the data folder would be shown, and remembered as the right one."""
    (tmp_path / "daemon.yaml").write_text("daemon: {database: {env: DB}}")
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigurationError, match=rf"{name}:1: it cannot be read \(Is a directory\)"):
        read_settings(tmp_path)
    (tmp_path / name).rmdir()
    (tmp_path / name).symlink_to("gone")
    with pytest.raises(ConfigurationError, match=f"{name}:1: there is no such file"):
        read_settings(tmp_path)


def test_a_folder_that_cannot_be_listed_is_not_taken_for_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ConfigurationError, match="the folder cannot be read"):
        read_settings(tmp_path)


def test_without_a_file_of_settings_nothing_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text("organization: acme\n")
    code = (
        "import sys, pathlib\n"
        "from envmgr.config.settings_file import read_settings\n"
        "from envmgr.config.locate import data_dir, find_config\n"
        "from envmgr.config.sections.duration import parse_duration\n"
        "read_settings(pathlib.Path(sys.argv[1]))\n"
        "print(*sorted({'pydantic', 'ruamel.yaml'} & set(sys.modules)))\n"
    )
    root = str(Path(locate.__file__).parents[2])
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert result.stdout.strip() == ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `./config`, where nothing else is to be found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locate, "SYSTEM_CONFIG", tmp_path / "gone")
    made = tmp_path / "config"
    made.mkdir(mode=0o755)
    return made


def test_a_strangers_folder_is_not_taken_unless_it_is_named(folder: Path) -> None:
    """It says which programs are run: whoever changes into a folder of another user did not ask for them."""
    file = folder / "acme.yaml"
    file.write_text("organization: acme")
    assert find_config(None, {}) == Path("config")
    for path, mode in [(folder, 0o777), (file, 0o666)]:
        before = path.stat().st_mode
        path.chmod(mode)
        with pytest.raises(UsageError, match=r"others may write to it.*--config config"):
            find_config(None, {})
        assert find_config("config", {}) == Path("config")
        path.chmod(before)


def test_a_link_that_leads_nowhere_hides_no_strangers_file(folder: Path) -> None:
    """Editors leave such links beside what they have open."""
    for number in range(20):  # a folder's files come in any order
        (folder / f".#{number}.yaml").symlink_to("somebody@somewhere.17")
    assert find_config(None, {}) == Path("config")
    file = folder / "acme.yaml"
    file.write_text("organization: acme")
    file.chmod(0o666)
    with pytest.raises(UsageError, match="others may write to it"):
        find_config(None, {})


def test_another_users_folder_is_taken_only_from_who_called_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(locate, "SYSTEM_CONFIG", tmp_path / "gone")
    (tmp_path / "config").mkdir()
    if os.geteuid() == 0:
        os.chown(tmp_path / "config", 65534, 65534)
    owner = (tmp_path / "config").stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match="is another user's"):
        find_config(None, {})
    assert find_config(None, {"SUDO_UID": str(owner)}) == Path("config")
