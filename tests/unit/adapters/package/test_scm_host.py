"""Which host an App Service's deployment site has; a token is shown there, so nowhere else."""

import pytest

from envmgr.adapters.package.app_service import AppService, scm_host
from envmgr.domain.errors import NeedsPerson

PUBLIC = ("azurewebsites.net", "appserviceenvironment.net")


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("shop", "shop.scm.azurewebsites.net"),
        ("Shop-staging", "shop-staging.scm.azurewebsites.net"),
        ("scm", "scm.scm.azurewebsites.net"),
        ("shop.azurewebsites.net", "shop.scm.azurewebsites.net"),
        ("shop.scm.azurewebsites.net", "shop.scm.azurewebsites.net"),
        ("shop-h4.westeurope-01.azurewebsites.net", "shop-h4.scm.westeurope-01.azurewebsites.net"),
        ("shop.ase1.appserviceenvironment.net", "shop.scm.ase1.appserviceenvironment.net"),
    ],
)
def test_a_name_or_a_host_gives_the_site(name: str, host: str) -> None:
    assert scm_host(name, PUBLIC) == host


@pytest.mark.parametrize(
    "name",
    [
        "shop.scm.example.com",
        "evil.example.com/.azurewebsites.net",
        "evil.example.com#.azurewebsites.net",
        "evil.example.com:443.azurewebsites.net",
        "user@evil.azurewebsites.net",
        "shop.scm.azurewebsites.net.example.com",
        "shop.scmazurewebsites.net",
        "xazurewebsites.net",
        "a/b",
        "a b",
        "a\nb",
        "a\n",
        "a.",
        ".",
        "",
        "-a",
    ],
)
def test_what_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(NeedsPerson, match=r"a host under azurewebsites\.net or appserviceenvironment\.net"):
        scm_host(name, PUBLIC)


def test_a_sovereign_cloud_has_hosts_of_its_own() -> None:
    AppService("shop.azurewebsites.us", {"ARM_ENVIRONMENT": "usgovernment"})
    with pytest.raises(NeedsPerson, match=r"azurewebsites\.us"):
        AppService("shop.azurewebsites.net", {"ARM_ENVIRONMENT": "usgovernment"})
