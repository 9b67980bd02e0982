"""Each real part that the other tests rest on is shown to work, and to fail as it is told to."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import boto3
import psycopg
import pytest

from tests.support import strictness
from tests.support.aws import S3_BACKEND, reset_moto
from tests.support.azure import Azurite
from tests.support.git_repository import GitRepository, git_environment
from tests.support.git_server import GitServer
from tests.support.listener import Listener
from tests.support.long_first import long_first
from tests.support.processes import HOST, free_port
from tests.support.ssh_server import SshGit

Repositories = Callable[[str], GitRepository]
ONE_RESOURCE = {"resource": {"terraform_data": {"one": {"input": "hello"}}}}


def run_terraform(
    binary: str, folder: Path, environment: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run Terraform in the folder."""
    return subprocess.run(
        [binary, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def apply_with_backend(
    binary: str, folder: Path, backend: Mapping[str, object], environment: Mapping[str, str]
) -> None:
    """Run init and apply of one resource with this backend."""
    (folder / "main.tf.json").write_text(json.dumps({"terraform": {"backend": backend}, **ONE_RESOURCE}))
    for command in (["init", "-input=false"], ["apply", "-input=false", "-auto-approve"]):
        done = run_terraform(binary, folder, environment, *command)
        assert done.returncode == 0, done.stdout + done.stderr


def ls_remote(url: str, seconds: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """Ask a remote for its branches."""
    return subprocess.run(
        ["git", "ls-remote", "--heads", "--", url],
        env={**git_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def s3_client(environment: Mapping[str, str]) -> Any:
    """A client of boto3 with these variables, and none of this process's."""
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def test_moto_answers_boto3(moto_url: str, aws_environment: dict[str, str]) -> None:
    """A bucket made through boto3 is there, and gone after a reset."""
    client = s3_client(aws_environment)
    reset_moto(moto_url)
    client.create_bucket(Bucket="here", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert [bucket["Name"] for bucket in client.list_buckets()["Buckets"]] == ["here"]
    reset_moto(moto_url)
    assert client.list_buckets()["Buckets"] == []


def test_terraform_keeps_state_in_moto(
    terraform_binary: str, aws_environment: dict[str, str], tmp_path: Path
) -> None:
    """Terraform's own s3 backend writes its state there."""
    client = s3_client(aws_environment)
    client.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    backend = {"s3": {"bucket": "state", "key": "a/terraform.tfstate", **S3_BACKEND}}
    apply_with_backend(terraform_binary, tmp_path, backend, aws_environment)
    state = json.load(client.get_object(Bucket="state", Key="a/terraform.tfstate")["Body"])
    assert state["resources"][0]["name"] == "one"


def test_mirror_holds_the_aws_provider(
    terraform_binary: str, whole_provider_cli_config: Path, tmp_path: Path
) -> None:
    """Terraform installs the real provider without a registry."""
    (tmp_path / "main.tf.json").write_text(
        '{"terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}}}'
    )
    environment = {"TF_CLI_CONFIG_FILE": str(whole_provider_cli_config)}
    done = run_terraform(terraform_binary, tmp_path, environment, "init", "-input=false")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.glob(".terraform/providers/*/hashicorp/aws/*/*/terraform-provider-aws_*"))


def test_terraform_keeps_state_in_azurite(terraform_binary: str, azurite: Azurite, tmp_path: Path) -> None:
    """Terraform's own azurerm backend writes its state there, and talks to no other host."""
    blobs = azurite.client()
    blobs.create_container("tfstate")
    backend = {
        "azurerm": {
            "storage_account_name": azurite.account,
            "container_name": "tfstate",
            "key": "a/terraform.tfstate",
        }
    }
    apply_with_backend(terraform_binary, tmp_path, backend, azurite.environment)
    state = json.loads(blobs.get_blob_client("tfstate", "a/terraform.tfstate").download_blob().readall())
    assert state["resources"][0]["name"] == "one"
    assert set(azurite.proxy.led) == {f"{azurite.account}.blob.core.windows.net:443"}


def test_proxy_refuses_every_other_host(azurite: Azurite) -> None:
    """What is not blob storage gets 403, whatever its port."""
    host, _, port = azurite.proxy.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"CONNECT login.example.com:443 HTTP/1.1\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 403")
    assert "login.example.com:443" in azurite.proxy.refused


def test_repository_is_what_was_pushed(git_repository: Repositories) -> None:
    """Commits, rewritten branches, deletions and the default branch are seen by git."""
    repository = git_repository("shop")
    first = repository.commit("main", {"a": "1\n", 'sub/b "\\ é': b"\0", "run": "#!/bin/sh\n"})
    second = repository.commit("env-é", {"a": None}, message="Zwei\n\nlines")
    assert repository.head("env-é") == second
    assert repository.git("rev-parse", f"{second}^") == first
    assert repository.git("-c", "core.quotePath=false", "ls-tree", "-rz", "--name-only", second).split(
        "\0"
    ) == [
        "run",
        'sub/b "\\ é',
        "",
    ]
    assert repository.git("ls-tree", second, "run").startswith("100755")
    rewritten = repository.force_push("env-é", {"c": "3"})
    assert repository.git("rev-list", "--count", rewritten) == "1"
    repository.point(["env-1", "env-2"], first)
    repository.delete("env-é", "env-2")
    assert repository.branches() == {"main": first, "env-1": first}
    repository.set_default_branch("env-1")
    assert "ref: refs/heads/env-1\tHEAD" in subprocess.check_output(
        ["git", "ls-remote", "--symref", repository.url, "HEAD"], text=True, env=git_environment()
    )


def test_http_serves_and_takes_commits(
    git_repository: Repositories, git_server: GitServer, tmp_path: Path
) -> None:
    """A clone and a push go through git's own http-backend."""
    repository = git_repository("acme/shop")
    first = repository.commit("main", {"a": "1"})
    clone = GitRepository(tmp_path / "clone")
    url = git_server.http_url("acme/shop")
    subprocess.run(["git", "clone", "-q", "--bare", url, clone.url], check=True, env=git_environment())
    assert clone.branches() == {"main": first}
    second = clone.commit("env-a", {"b": "2"})
    clone.git("push", "-q", url, "env-a")
    assert repository.branches() == {"main": first, "env-a": second}
    assert git_server.requests[0] == "GET /acme/shop.git/info/refs?service=git-upload-pack"


def test_http_asks_for_a_password(git_repository: Repositories, git_server: GitServer) -> None:
    """Only the right user name and password are let in."""
    git_repository("shop").commit("main", {"a": "1"})
    git_server.protect("shop", "bot", "s3cret")
    url = git_server.http_url("shop")
    assert ls_remote(url).returncode != 0
    assert ls_remote(url.replace("//", "//bot:wrong@")).returncode != 0
    assert "refs/heads/main" in ls_remote(url.replace("//", "//bot:s3cret@")).stdout


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ({"status": 401}, "could not read Username"),
        ({"status": 404}, "not found"),
        ({"status": 500}, "error: 500"),
        ({"cut_after": 20}, "fatal"),
    ],
)
def test_http_fails_as_told(
    git_repository: Repositories, git_server: GitServer, fault: dict[str, int], complaint: str
) -> None:
    """A fault is what git complains of, for that repository only, and ends when healed."""
    for name in ("shop", "other"):
        git_repository(name).commit("main", {"a": "1"})
    git_server.fail("shop", status=fault.get("status"), cut_after=fault.get("cut_after"))
    broken = ls_remote(git_server.http_url("shop"))
    assert broken.returncode != 0
    assert complaint in broken.stderr
    assert ls_remote(git_server.http_url("other")).returncode == 0
    git_server.heal("shop")
    assert ls_remote(git_server.http_url("shop")).returncode == 0


def test_http_is_slow_or_hangs_as_told(git_repository: Repositories, git_server: GitServer) -> None:
    """A delay is waited for; a hang outlasts any patience, yet not the server."""
    git_repository("shop").commit("main", {"a": "1"})
    git_server.fail("shop", delay=0.2)
    began = time.monotonic()
    assert ls_remote(git_server.http_url("shop")).returncode == 0
    assert time.monotonic() - began >= 0.4  # two requests
    git_server.fail("shop", hang=True)
    with pytest.raises(subprocess.TimeoutExpired):
        ls_remote(git_server.http_url("shop"), seconds=2)


def test_ssh_serves_git_and_nothing_else(git_repository: Repositories, git_ssh: SshGit) -> None:
    """The throw-away key lists and clones, and gets no shell."""
    head = git_repository("shop").commit("main", {"a": "1"})
    listing = ls_remote(git_ssh.url("shop"), GIT_SSH_COMMAND=git_ssh.command)
    assert listing.stdout == f"{head}\trefs/heads/main\n", listing.stderr
    target = git_ssh.url("shop").removeprefix("ssh://").partition("/")[0]
    user, _, port = target.rpartition(":")
    shell = subprocess.run(
        [*git_ssh.command.split(), "-p", port, user, "id"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert shell.returncode != 0
    assert "uid=" not in shell.stdout


def test_each_test_gets_an_empty_database(postgres_url: str, postgres_database: str) -> None:
    """The database is a real one, takes a table, and is not the shared one."""
    assert postgres_database != postgres_url
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE t (a int)")
        rows = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert rows == [(1,)]


def test_systemd_runs_a_unit(
    systemd_boot: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A unit starts under a real systemd; only what is bound survives."""
    script = f"systemd-run --wait --quiet touch {tmp_path}/made && touch /gone && systemctl is-system-running"
    done = systemd_boot(["sh", "-c", script], bind=[tmp_path])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "running"
    assert (tmp_path / "made").exists()
    assert not Path("/gone").exists()


def test_connections_can_be_forbidden(monkeypatch: pytest.MonkeyPatch, git_server: GitServer) -> None:
    """What keeps unit tests off the network fails also those that swallow the refusal."""
    url = git_server.http_url("absent")
    with (
        pytest.raises(pytest.fail.Exception, match="opened a connection"),
        strictness.no_network(monkeypatch),
    ):
        assert "no connections" in ls_absent(url)
    assert "404" in ls_absent(url)


def ls_absent(url: str) -> str:
    """Say why nothing could be read from the address."""
    with pytest.raises(urllib.error.URLError) as error:
        urllib.request.urlopen(url, timeout=5)
    if isinstance(error.value, urllib.error.HTTPError):
        error.value.close()
    return str(error.value)


@dataclass(frozen=True)
class Item:
    """A test in a file, with the seconds that it may take by its mark."""

    path: str
    number: int
    seconds: int = 0

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """As a test of pytest's gives it."""
        return getattr(pytest.mark, name)(self.seconds).mark if self.seconds else None


def test_what_takes_long_is_begun_with() -> None:
    """Each worker's share begins with a long file, as long as there is one; files stay together, nothing is lost."""
    files = [("a", 0), ("b", 200), ("c", 60), ("d", 300), ("e", 0), ("f", 0)]
    items = [Item(name, number, seconds if number else 0) for name, seconds in files for number in range(4)]
    for workers in (1, 2, 3, 40):
        ordered = ordered_for(items, workers)
        assert ordered[0].path == "b"
        assert len(ordered) == len(items)
        assert set(ordered) == set(items)
        long = [name for name, _ in groupby(ordered, key=lambda item: item.path) if name in {"b", "d"}]
        assert long == ["b", "d"]
    shares = ordered_for(items, 2)
    assert [shares[0].path, shares[len(items) // 2].path] == ["b", "d"]


def ordered_for(items: list[Item], workers: int) -> list[Item]:
    """The items as so many workers run them."""
    found: Any = long_first(cast(Any, items), workers)
    return list(found)


def test_nobodys_own_settings_reach_a_test() -> None:
    """A developer's cloud credentials are gone before a test can use them."""
    assert not [key for key in os.environ if key.startswith(("AWS_", "ARM_", "TF_", "GIT_"))]


STACKS = """
import faulthandler
import os
import signal
from pathlib import Path
from tests.support import strictness

stacks = Path(__file__).with_name(f"stacks-{os.getpid()}").open("w")
faulthandler.register(signal.SIGUSR1, stacks, all_threads=True)
"""
STRICT = f"""
import pytest
{STACKS}
def pytest_sessionfinish(session: pytest.Session) -> None:
    strictness.fail_on_skips(session)

def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    strictness.say_what_was_skipped(terminalreporter)
"""


NOT_RUN = {
    "no moon": "import pytest\ndef test_it(): pytest.skip('no moon')\n",
    "no sun": "import pytest\npytest.skip('no sun', allow_module_level=True)\n",
    "no sea": "import pytest\n@pytest.mark.xfail(reason='no sea')\ndef test_it(): assert False\n",
}


@pytest.mark.parametrize(("ci", "workers"), [("", "2"), ("true", "0"), ("true", "2")])
def test_what_did_not_run_fails_in_ci(tmp_path: Path, ci: str, workers: str) -> None:
    """Only in CI, with workers or without, and with every reason."""
    (tmp_path / "conftest.py").write_text(STRICT)
    for number, body in enumerate(NOT_RUN.values()):
        (tmp_path / f"test_{number}.py").write_text(body)
    code, told = pytest_alone(tmp_path, "-n", workers, CI=ci)
    assert code == (1 if ci else 0), told
    section = told.partition("not run, which fails in CI")[2]
    assert [reason in section for reason in NOT_RUN] == [bool(ci)] * 3


def test_a_listener_that_was_closed_takes_nothing_from_who_comes_next() -> None:
    """A thread that waits for a connection still may go on with the socket that has the number next.

    As soon as the kernel begins its call anew: the C library interrupts all threads where one sets a user or a group.
    """
    taken: SimpleQueue[socket.socket] = SimpleQueue()
    listener = Listener(taken.put)
    with socket.create_connection((HOST, listener.port)):
        taken.get(timeout=20).close()
    listener.close()
    with socket.create_server((HOST, 0)) as server:
        os.setegid(os.getegid())
        with socket.create_connection(server.getsockname()):
            assert select.select([server], [], [], 5)[0]
    assert taken.empty()


def test_a_port_for_a_server_is_given_to_nobody_else() -> None:
    """Neither by the kernel, to whoever asks it for any, nor twice in a row."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == len(ports)
    assert not [port for port in ports if int(given[0]) <= port <= int(given[1])]


HANGS = """
import subprocess
import time
import pytest

@pytest.fixture
def hanging():
    child = subprocess.Popen(["sleep", "60"])
    yield
    time.sleep(60)
    child.kill()

def test_it(hanging):
    assert False, "first"

@pytest.mark.parametrize("number", range(5))
def test_others(number):
    pass
"""
LIMITED = f"""
import pytest
{STACKS}
strictness._TEARDOWN = 1

def pytest_configure(config):
    strictness.know_stderr(config)

@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node):
    strictness.limit_teardown(node.config)
"""


def test_what_hangs_after_a_failure_ends_with_its_worker(tmp_path: Path) -> None:
    """Else the whole run would wait for it until it is killed, and nobody would know for what."""
    (tmp_path / "conftest.py").write_text(LIMITED)
    (tmp_path / "test_it.py").write_text(HANGS)
    code, told = pytest_alone(tmp_path, "-n", "2")
    assert (code, 'test_it.py", line 10 in hanging' in told.replace("'", '"')) == (1, True), told
    assert "5 passed" in told


def pytest_alone(folder: Path, *options: str, **environ: str) -> tuple[int, str]:
    """Run pytest there as nobody runs it from within another: the exit code, and what it told.

    With what is asked for here alone: each of its processes would import the plugins of all packages that are installed,
    by which a run on a busy host took a minute and not ten seconds. A run that does not end is
    killed, and tells where each of its processes stood.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    own |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(__file__).parents[1]), **environ}
    plugins = ("-p", "xdist", "-p", "no:cacheprovider")
    # A file, as a worker that outlives its controller would hold a pipe open.
    output = folder / "output"
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", *plugins, *options, str(folder)],
            cwd=folder,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            process_group=0,
        )
        try:
            return process.wait(100), output.read_text()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGUSR1)
            time.sleep(1)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    where = "\n".join(f"{file.name}:\n{file.read_text()}" for file in (output, *folder.glob("stacks-*")))
    pytest.fail(f"a run of pytest did not end; where it stood:\n{where}")
