"""What of a checkout Terraform would read: links that lead out, and too much of it, are refused by name."""

from pathlib import Path

import pytest

from envmgr.domain.errors import NeedsOperator, NeedsPerson
from envmgr.engine.source.code_check import check_code


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/main.tf").write_text("# secret")
    (tmp_path / "checkout/infra").mkdir(parents=True)
    return tmp_path / "checkout"


@pytest.mark.parametrize(
    "name",
    [
        "main.tf",
        "x.tf.json",
        "x.tofu",
        "a.auto.tfvars",
        "terraform.tfvars.json",
        ".terraform.lock.hcl",
        "module",
    ],
)
@pytest.mark.parametrize("target", ["../../outside/main.tf", "/dev/zero", "{outside}"])
def test_a_link_to_code_that_leads_out_is_refused(checkout: Path, name: str, target: str) -> None:
    outside = checkout.parent / "outside"
    target = str(outside) if name == "module" else target.format(outside=outside / "main.tf")
    (checkout / "infra" / name).symlink_to(target)
    with pytest.raises(NeedsPerson, match=rf"infra/{name} is a link that leads out of the checkout"):
        check_code(checkout, 1000)


def test_a_link_in_a_circle_is_refused(checkout: Path) -> None:
    (checkout / "infra/a.tf").symlink_to("b.tf")
    (checkout / "infra/b.tf").symlink_to("a.tf")
    with pytest.raises(NeedsPerson, match="is a link that leads out"):
        check_code(checkout, 1000)


def test_links_within_the_checkout_and_to_what_is_no_code_are_left(checkout: Path) -> None:
    (checkout / "shared").mkdir()
    (checkout / "shared/main.tf").write_text("#")
    (checkout / "infra/main.tf").symlink_to("../shared/main.tf")
    (checkout / "infra/module").symlink_to("../shared")
    (checkout / "infra/data").symlink_to("/etc")
    (checkout / "infra/nothing.tf").symlink_to("gone")
    check_code(checkout, 1000)


def test_too_much_code_in_one_folder_is_refused(checkout: Path) -> None:
    """A link counts as what it leads to; other folders and other files do not count."""
    (checkout / "large.bin").write_bytes(bytes(900))
    (checkout / "infra/b.tf").symlink_to("../large.bin")
    (checkout / "infra/a.tf").write_bytes(bytes(90))
    (checkout / "other").mkdir()
    (checkout / "other/a.tf").write_bytes(bytes(900))
    check_code(checkout, 990)
    with pytest.raises(
        NeedsOperator, match=r"code in infra has 990B.* 989B.*infra/b\.tf has 900B.*limits\.terraform\.code"
    ):
        check_code(checkout, 989)
