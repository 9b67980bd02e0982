"""Zip steps to their end: to Lambda on moto, to a stand-in of App Service, and what each may answer."""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import boto3
import pytest

from envmgr.adapters.package import app_service, function
from envmgr.adapters.package.upload import ZipUpload
from envmgr.domain.errors import Interrupted, NeedsPerson, StepFailed
from envmgr.domain.values.step import Step, Zip
from envmgr.ports import Place, Progress, StepLimits, Watch
from tests.support.app_service import BUILDING, FAILED, SITE, SUCCESS, Site, running_site
from tests.support.aws import REGION
from tests.support.azure_control_plane import TOKEN
from tests.support.scripted_http import Reply, Request, ScriptedHttp

SECONDS = 60.0


@dataclass
class Deployer:
    """A checkout with a folder `build`, and the deployer of it."""

    place: Place
    watch: Watch
    seen: list[Progress]

    def run(self, target: Zip, environment: dict[str, str], seconds: float = SECONDS, **watch: Any) -> str:
        """Deploys; what the log says of it, without times."""
        step = Step(name="publish", run=target, timeout=timedelta(seconds=seconds))
        before = len(self.said())
        ZipUpload().run(step, replace(self.place, environment=environment), replace(self.watch, **watch))
        return "\n".join(self.said()[before:])

    def said(self) -> list[str]:
        """The log's lines without their times."""
        if not self.watch.log.exists():
            return []
        return [line.partition(" ")[2] for line in self.watch.log.read_text().splitlines()]

    def write(self, text: str) -> None:
        """Another version of the code."""
        (self.place.checkout / "build" / "main.py").write_text(text)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(app_service, "_POLL_SECONDS", 0.05)


@pytest.fixture
def deployer(tmp_path: Path) -> Deployer:
    place = Place(
        checkout=tmp_path / "checkout",
        home=tmp_path / "home",
        temporary=tmp_path / "temporary",
        cache=tmp_path / "cache",
        environment={},
        limits=StepLimits(output=1000),
    )
    (place.checkout / "build").mkdir(parents=True)
    seen: list[Progress] = []
    log = tmp_path / "1.log"
    deployer = Deployer(
        place, Watch(log=log, redact=lambda t: t.replace("s3cr3t", "***"), progress=seen.append), seen
    )
    deployer.write("first")
    return deployer


def zip_with(text: str) -> bytes:
    """Another zip file than ours."""
    made = io.BytesIO()
    with ZipFile(made, "w") as zipped:
        zipped.writestr("main.py", text)
    return made.getvalue()


# --- Lambda ------------------------------------------------------------------------------------


@pytest.fixture
def aws(aws_environment: dict[str, str]) -> Callable[[str], Any]:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    endpoint = aws_environment["AWS_ENDPOINT_URL"]
    return lambda service: boto3.client(service, endpoint_url=endpoint, region_name=REGION, **keys)


@pytest.fixture
def lambda_name(aws: Callable[[str], Any]) -> str:
    """A function as Terraform makes it."""
    name = f"f{uuid4().hex[:12]}"
    role = aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    aws("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=role,
        Handler="main.handler",
        Code={"ZipFile": zip_with("placeholder")},
    )
    return name


def test_a_function_gets_new_code_and_only_that(
    deployer: Deployer, lambda_name: str, aws: Callable[[str], Any], aws_environment: dict[str, str]
) -> None:
    target = Zip(folder="build", function=lambda_name)

    def digest() -> str:
        return str(aws("lambda").get_function_configuration(FunctionName=lambda_name)["CodeSha256"])

    placeholder = digest()
    said = deployer.run(target, aws_environment)
    assert f"step publish\nfunction {lambda_name}: sending 1" in said
    assert "(1 file)" in said
    assert (first := digest()) != placeholder

    os.utime(deployer.place.checkout / "build" / "main.py", (1, 1))
    assert f"function {lambda_name}: nothing changed, nothing sent" in deployer.run(target, aws_environment)

    deployer.write("second")
    arn = aws("lambda").get_function(FunctionName=lambda_name)["Configuration"]["FunctionArn"]
    deployer.run(Zip(folder="build", function=arn), {**aws_environment, "AWS_REGION": "us-east-1"})
    assert digest() not in {first, placeholder}
    assert [progress.phase for progress in deployer.seen[:2]] == ["step_start", "step_complete"]
    assert not list(deployer.place.temporary.iterdir())


def test_a_function_that_is_not_there_is_named(deployer: Deployer, aws_environment: dict[str, str]) -> None:
    with pytest.raises(
        StepFailed, match=rf"^Step publish failed: AWS Lambda in {REGION} has no function gone"
    ):
        deployer.run(Zip(folder="build", function="gone"), aws_environment)


def test_an_application_sends_a_folder_of_its_own(
    deployer: Deployer, lambda_name: str, aws_environment: dict[str, str]
) -> None:
    """Not the one of that name at the branch's root."""
    deployer.place = replace(deployer.place, folder="api")
    with pytest.raises(NeedsPerson, match="there is no folder"):
        deployer.run(Zip(folder="build", function=lambda_name), aws_environment)
    (deployer.place.directory / "build").mkdir(parents=True)
    (deployer.place.directory / "build" / "main.py").write_text("of the application")
    assert "sending" in deployer.run(Zip(folder="build", function=lambda_name), aws_environment)


def test_a_folder_that_is_not_there_sends_nothing(
    deployer: Deployer, lambda_name: str, aws_environment: dict[str, str]
) -> None:
    with pytest.raises(NeedsPerson, match=r"^Step publish failed: there is no folder dist"):
        deployer.run(Zip(folder="dist", function=lambda_name), aws_environment)
    assert "there is no folder dist" in deployer.said()[-1]


class Lambda:
    """A stand-in that says of the function what a test wants: moto's changes are done at once."""

    def __init__(self, *configurations: dict[str, Any], update: Reply | None = None) -> None:
        """The last configuration stays."""
        self.configurations = list(configurations)
        self.update = update or Reply(200, {})
        self.updates = 0

    def answer(self, request: Request) -> Reply:
        if request.method == "PUT":
            self.updates += 1
            return self.update
        left = self.configurations
        return Reply(200, left.pop(0) if len(left) > 1 else left[0])

    def run(self, deployer: Deployer, seconds: float = SECONDS, **watch: Any) -> str:
        """Deploys to it."""
        with ScriptedHttp(self.answer) as http:
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
            environment = {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{http.port}"}
            return deployer.run(Zip(folder="build", function="f"), environment, seconds, **watch)


DONE = {"State": "Active", "LastUpdateStatus": "Successful"}
BUSY = {"State": "Active", "LastUpdateStatus": "InProgress"}


def test_a_function_under_way_is_waited_for_before_and_after(deployer: Deployer) -> None:
    stand_in = Lambda({"State": "Pending"}, BUSY, DONE, BUSY, BUSY, DONE)
    assert "f: runs the new code" in stand_in.run(deployer)
    assert (stand_in.updates, len(stand_in.configurations)) == (1, 1)


def test_an_update_that_fails_says_why(deployer: Deployer) -> None:
    why = {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "s3cr3t layer is gone."}
    with pytest.raises(
        StepFailed,
        match=r"^Step publish failed: the function f did not accept the code: \*\*\* layer is gone\.$",
    ):
        Lambda(DONE, why).run(deployer)


def test_an_update_that_does_not_end_is_given_up(deployer: Deployer) -> None:
    with pytest.raises(StepFailed, match=r"^Step publish failed: it took longer than 1s\.$"):
        Lambda(DONE, BUSY).run(deployer, seconds=1)


def test_waiting_ends_when_envmgr_stops(deployer: Deployer) -> None:
    stand_in = Lambda(DONE, BUSY)
    with pytest.raises(Interrupted, match="was stopped before its end"):
        stand_in.run(deployer, stop=lambda: bool(stand_in.updates))


def test_a_container_function_takes_no_zip(deployer: Deployer) -> None:
    with pytest.raises(NeedsPerson, match="runs a container image"):
        Lambda({**DONE, "PackageType": "Image"}).run(deployer)


def test_a_permission_that_does_not_count_yet_is_tried_again(deployer: Deployer) -> None:
    """The apply before may have given it."""
    denied = Reply(403, {"Message": "no"}, {"x-amzn-ErrorType": "AccessDeniedException"})
    with pytest.raises(
        StepFailed, match=r"^Step publish failed: AWS Lambda in .* refuses UpdateFunctionCode"
    ):
        Lambda(DONE, update=denied).run(deployer)


def test_another_change_at_the_same_time_is_tried_again(deployer: Deployer) -> None:
    conflict = Reply(409, {"Type": "User"}, {"x-amzn-ErrorType": "ResourceConflictException"})
    with pytest.raises(StepFailed, match="is being changed"):
        Lambda(DONE, update=conflict).run(deployer)


# --- App Service -------------------------------------------------------------------------------

APP = Zip(folder="build", app_service="shop")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path) as running:
        yield running


def test_an_app_gets_the_folder(deployer: Deployer, site: Site) -> None:
    site.log = [{"type": 0, "message": "Extracting files"}]
    said = deployer.run(APP, site.environment)
    with ZipFile(io.BytesIO(site.received[0])) as zipped:
        assert zipped.read("main.py") == b"first"
        assert zipped.infolist()[0].date_time[0] >= 2024, "App Service keeps files whose date is no other"
    assert f"{SITE}: sending {len(site.received[0])} bytes (1 file)" in said
    assert f"{SITE}: Extracting files\n{SITE}: deployed" in said.replace("\n\n", "\n")
    assert TOKEN not in deployer.watch.log.read_text()


def test_the_deployment_before_is_not_taken_for_ours(deployer: Deployer, site: Site) -> None:
    deployer.run(APP, site.environment)
    site.states, site.late = [BUILDING, FAILED], 2
    with pytest.raises(StepFailed, match="status 3"):
        deployer.run(APP, site.environment)


def test_a_failed_deployment_quotes_its_log(deployer: Deployer, site: Site) -> None:
    site.states = [FAILED]
    site.log = [
        {"type": 0, "message": "Start"},
        {"type": 2, "message": "No space left, s3cr3t."},
        {"message": "End"},
    ]
    with pytest.raises(StepFailed) as caught:
        deployer.run(APP, site.environment)
    assert str(caught.value) == (
        f"Step publish failed: {SITE} did not deploy it (status 3: No space left, ***)."
    )


def test_a_site_that_starts_anew_meanwhile_is_waited_for(deployer: Deployer, site: Site) -> None:
    site.broken = [Reply(404), Reply(200, b"<html>"), Reply(409)]
    assert "deployed" in deployer.run(APP, site.environment)


def test_a_site_that_was_only_just_made_is_waited_for(deployer: Deployer, site: Site) -> None:
    site.starting = [Reply(code) for code in (503, 404, 409) for _ in range(4)]
    assert "deployed" in deployer.run(APP, site.environment)
    assert not site.starting
    assert len(site.received) == 1


def test_a_site_that_never_starts_is_given_up(deployer: Deployer, site: Site) -> None:
    site.starting = [Reply(503)] * 9999
    with pytest.raises(StepFailed, match=r"does not answer yet.*it took longer than 3s"):
        deployer.run(APP, site.environment, seconds=3)
    assert not site.received


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (401, "refuses the credentials"),
        (403, "refuses the credentials"),
        (409, "is busy"),
        (413, "refuses what was asked"),
        (502, "is busy"),
        (302, "refuses what was asked"),
    ],
)
def test_a_refusal_is_no_deployment(deployer: Deployer, site: Site, refusal: int, said: str) -> None:
    site.refusal = refusal
    with pytest.raises(StepFailed, match=said):
        deployer.run(APP, site.environment)
    assert len([r for r in site.requests if r.method == "POST"]) == 1, "sent once"


def test_the_token_goes_where_the_app_is_and_nowhere_else(deployer: Deployer, site: Site) -> None:
    asked: list[Request] = []

    def steal(request: Request) -> Reply:
        asked.append(request)
        return Reply(200, {"status": SUCCESS, "id": "x"})

    with ScriptedHttp(steal) as elsewhere:
        site.location = f"http://127.0.0.1:{elsewhere.port}/api/deployments/latest"
        assert "deployed" in deployer.run(APP, site.environment)
    assert not asked


def test_sending_stops_when_envmgr_stops(deployer: Deployer, site: Site) -> None:
    (deployer.place.checkout / "build" / "noise").write_bytes(os.urandom(4_000_000))
    sending: list[object] = []

    def stop() -> bool:
        if any("sending" in line for line in deployer.said()):
            sending.append(1)
        return len(sending) > 3

    with pytest.raises(Interrupted):
        deployer.run(APP, site.environment, stop=stop)
    assert not site.received


def test_a_deployment_that_does_not_end_is_given_up(deployer: Deployer, site: Site) -> None:
    site.states = [BUILDING]
    with pytest.raises(StepFailed, match="it took longer than 2s"):
        deployer.run(APP, site.environment, seconds=2)


def test_a_wrong_secret_is_named_and_not_shown(deployer: Deployer, site: Site) -> None:
    with pytest.raises(StepFailed, match="ARM_CLIENT_SECRET") as caught:
        deployer.run(APP, {**site.environment, "ARM_CLIENT_SECRET": "canary-secret"})
    assert "canary-secret" not in str(caught.value) + deployer.watch.log.read_text()
