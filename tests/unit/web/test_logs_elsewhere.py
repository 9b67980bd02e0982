"""The API shows the log of a run that another host wrote; the page asks the same."""

from .conftest import Site
from .test_api import _followed

WHOLE = "acme/envmgr-logs//1/whole"


def written_elsewhere(site: Site, content: bytes | None) -> None:
    """The log is beside the states alone; None where it is nowhere."""
    site.world.daemon.application.services.layout.log(1).unlink(missing_ok=True)
    site.world.place.objects.pop(WHOLE, None)
    if content is not None:
        site.world.place.objects[WHOLE] = content


def test_the_api_gives_and_follows_it(site: Site) -> None:
    written_elsewhere(site, b"one\ntwo\n")
    assert site.asks("GET", "/runs/1/log").content == b"one\ntwo\n"
    told = _followed(site, "/runs/1/log?follow=1")
    assert [each.get("line") for _, each in told] == ["one", "two", None]


def test_a_log_that_nobody_has_is_not_there(site: Site) -> None:
    """And the sentence says so."""
    written_elsewhere(site, None)
    answer = site.asks("GET", "/runs/1/log")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "Run 1 left no log: nothing was started, or the log was pruned."


def test_a_store_that_is_away_is_told_apart_from_no_log(site: Site) -> None:
    written_elsewhere(site, None)
    site.world.place.exists = False
    assert (
        site.asks("GET", "/runs/1/log")
        .json()["detail"]
        .startswith("The log of run 1 cannot be read now: The place")
    )
