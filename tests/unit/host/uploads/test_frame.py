"""How an uploading step ends: its sentence, and whether it will be tried again."""

import errno
from datetime import timedelta
from pathlib import Path

import pytest

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Refused, StepFailed, Transient
from envmgr.domain.values.step import Site, Step
from envmgr.host.credentials.network import failing
from envmgr.host.uploads.frame import uploading
from envmgr.ports import Watch

STEP = Step(name="page", run=Site(folder="public"), timeout=timedelta(minutes=1))


def ended(folder: Path, error: Exception) -> EnvmgrError:
    """What a step's failure is to who runs it."""
    with (
        pytest.raises(EnvmgrError) as caught,
        uploading(STEP, Watch(log=folder / "1.log")),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (failing(Transient, "bucket b could not do PutObject now."), "bucket b could not do PutObject now."),
        (
            failing(NeedsPerson, "the certificate of b is not trusted."),
            "the certificate of b is not trusted.",
        ),
        (failing(Transient, "AWS Lambda in eu-west-1 is busy."), "AWS Lambda in eu-west-1 is busy."),
        (Transient("public/a changed"), "public/a changed."),
    ],
)
def test_a_reason_goes_on_with_the_sentence(tmp_path: Path, error: EnvmgrError, told: str) -> None:
    """As whoever worded it says."""
    assert str(ended(tmp_path, error)) == f"Step page failed: {told}"


@pytest.mark.parametrize("name", ["Makefile", "The end.html", "A b.txt", "Bucket list.md", "There.txt"])
def test_a_files_name_keeps_its_case(tmp_path: Path, name: str) -> None:
    """Whatever word it begins with."""
    error = ended(tmp_path, NeedsPerson(f"{name} cannot be sent."))
    assert str(error) == f"Step page failed: {name} cannot be sent."


def test_elsewhere_a_reason_is_a_sentence_of_its_own() -> None:
    """It begins with a capital letter there."""
    assert str(failing(Transient, "bucket b is busy.")) == "Bucket b is busy."


def test_so_does_what_the_system_says(tmp_path: Path) -> None:
    error = ended(tmp_path, OSError(errno.ENOSPC, "No space left on device", "/x"))
    assert str(error) == "Step page failed: no space left on device."


@pytest.mark.parametrize(
    ("error", "kind"), [(NeedsPerson, NeedsPerson), (Refused, StepFailed), (Transient, StepFailed)]
)
def test_what_a_cloud_refuses_is_tried_again(
    tmp_path: Path, error: type[EnvmgrError], kind: type[EnvmgrError]
) -> None:
    """The apply before may have given the permission, and clouds take their time."""
    assert type(ended(tmp_path, error("x"))) is kind
