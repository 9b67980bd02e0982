"""Answers that are kept, bounded in number and size."""

import os

from envmgr.adapters.forge.cache import Cache


def test_what_has_a_tag_is_kept_until_others_need_the_room() -> None:
    """The one that was not asked for longest goes."""
    cache = Cache(most=2)
    cache.put("untagged", 200, {}, b"[]")
    assert cache.get("untagged") is None
    for url in ("one", "two"):
        cache.put(url, 200, {"etag": f'"{url}"', "link": "x"}, b"[1]")
    kept = cache.get("one")
    assert kept is not None
    assert (kept.tag, kept.headers["link"], kept.body()) == ('"one"', "x", b"[1]")
    cache.put("three", 200, {"etag": '"3"'}, b"")
    assert [url for url in ("one", "two", "three") if cache.get(url)] == ["one", "three"]


def test_its_bodies_have_a_bound_together() -> None:
    """Also where one alone is larger; what replaces another counts once."""
    cache = Cache(size=3_000)
    for url in ("one", "two", "two", "two"):
        cache.put(url, 200, {"etag": url}, os.urandom(1_000))
    assert cache.get("one")
    assert cache.get("two")
    cache.put("huge", 200, {"etag": "huge"}, os.urandom(4_000))
    assert not any(cache.get(url) for url in ("one", "two", "huge"))
    cache.put("one", 200, {"etag": "one"}, b"again")
    assert cache.get("one")
