"""Fixtures for every real part that envmgr talks to; each starts when first asked for.

A part that is absent skips the tests that need it, with the reason. Servers live as long as the
session: each worker of pytest-xdist has its own, on ports of its own.
"""

import gc
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support import aws, azure, postgres, ssh_server, strictness, systemd, terraform
from tests.support.engine import Engine
from tests.support.examples import QUICK, examples
from tests.support.git_repository import GitRepository
from tests.support.git_server import GitServer
from tests.support.long_first import long_first
from tests.support.ssh_server import SshServer

# How fast examples are made, or run, says how busy the host is, and nothing of the code.
settings.register_profile("busy host", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.register_profile("quick", settings.get_profile("busy host"), max_examples=examples(100))
settings.load_profile("quick" if QUICK else "busy host")

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Run before any test module is imported."""
    strictness.know_stderr(config)
    strictness.forget_foreign_settings()
    strictness.heed_interrupts()


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Run when a test has failed, before what it used is taken down."""
    if isinstance(node, pytest.Item):
        strictness.limit_teardown(node.config)


def pytest_collection() -> None:
    """Look for no garbage while modules are imported and tests made: all of it stays, and to go through it takes a third of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage as ever, but none of what all tests have in common."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let several workers begin with what takes long."""
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
        items[:] = long_first(items, workers)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Decide whether tests that did not run make this a failure."""
    strictness.fail_on_skips(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so."""
    strictness.say_what_was_skipped(terminalreporter)


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    if Path(__file__).with_name("unit") not in request.path.parents:
        yield
        return
    with strictness.no_network(monkeypatch):
        yield


@pytest.fixture(autouse=True)
def _logs_as_configured_by_no_other_test() -> Iterator[None]:
    """A verb that was called in this process configured the log, and its standard error is closed by now."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def terraform_binary() -> str:
    """The path of the real Terraform."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is absent: put it on the PATH")
    return found


@pytest.fixture(scope="session")
def provider_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder from which Terraform installs the real AWS provider without a registry."""
    mirror = terraform.find_provider_mirror_once(tmp_path_factory.getbasetemp().parent)
    if mirror is None:
        pytest.skip("no local mirror of the AWS provider: name one by ENVMGR_TEST_PROVIDER_MIRROR")
    return mirror


@pytest.fixture(scope="session")
def whole_provider_cli_config(provider_mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Terraform CLI configuration by which providers come from the mirror only, with all their bytes."""
    return terraform.write_cli_config(tmp_path_factory.mktemp("terraform"), provider_mirror)


@pytest.fixture(scope="session")
def provider_cli_config(provider_mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Terraform CLI configuration by which the real AWS provider is installed in no time, and no other one."""
    folder = tmp_path_factory.mktemp("terraform")
    return terraform.write_cli_config(folder, terraform.make_light_mirror(folder / "mirror", provider_mirror))


@pytest.fixture(scope="session")
def moto_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """AWS as moto's server plays it; `aws_environment` leads clients to it."""
    server = aws.start_moto(tmp_path_factory.mktemp("moto"))
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.fixture(scope="session")
def aws_environment(moto_url: str) -> dict[str, str]:
    """The variables by which Terraform and boto3 talk to moto and nothing else."""
    return aws.aws_environment(moto_url)


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azure.Azurite]:
    """Azure Blob Storage as Azurite plays it, under Azure's own host names."""
    reason = azure.why_absent()
    if reason:
        pytest.skip(reason)
    with azure.running_azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture
def git_root(tmp_path: Path) -> Path:
    """The folder below which this test's repositories lie."""
    root = tmp_path / "git"
    root.mkdir()
    return root


@pytest.fixture
def git_repository(git_root: Path) -> Callable[[str], GitRepository]:
    """Make an empty bare repository of this name; the HTTP and SSH servers serve it at once."""
    return lambda name: GitRepository.create(git_root / f"{name}.git")


@pytest.fixture
def git_server(git_root: Path) -> Iterator[GitServer]:
    """Serve this test's repositories over HTTP, with faults on demand."""
    with GitServer(git_root) as server:
        yield server


@pytest.fixture(scope="session")
def ssh_server_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """One sshd for all tests; it serves a repository at any path."""
    missing = [name for name in ("ssh", "ssh-keygen", str(ssh_server.SSHD)) if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} absent: install Debian's openssh-server")
    running = ssh_server.start_sshd(tmp_path_factory.mktemp("ssh"))
    yield running
    running.server.stop()


@pytest.fixture
def git_ssh(ssh_server_process: SshServer, git_root: Path) -> ssh_server.SshGit:
    """This test's repositories over SSH, with the key that may read and write them."""
    return ssh_server.SshGit(ssh_server_process, git_root)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The `postgres` database of a PostgreSQL of our own."""
    programs = postgres.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb and postgres are absent: install Debian's postgresql")
    with postgres.running_postgres(programs) as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """A fresh, empty database of a role that may do nothing else; dropped at the end."""
    name = f"test_{next(_numbers)}"
    yield postgres.make_database(postgres_url, name)
    postgres.drop_database(postgres_url, name)


@pytest.fixture(scope="session")
def systemd_boot() -> Callable[..., CompletedProcess[str]]:
    """Run a command beside a real systemd: `systemd_boot([…], bind=[folder], timeout=200)`."""
    reason = systemd.why_absent()
    if reason:
        pytest.skip(reason)
    return systemd.boot


@pytest.fixture
def engine(tmp_path: Path, terraform_binary: str) -> Iterator[Engine]:
    """A whole envmgr for an organization `acme`, on real git and real Terraform."""
    del terraform_binary  # asked for only so that the test is skipped without it
    made = Engine(tmp_path)
    yield made
    made.close()
