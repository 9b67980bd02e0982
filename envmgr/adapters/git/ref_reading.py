"""Refs of a remote on this host, tags of a poll that the server filtered, and when a tag was made."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from envmgr.domain.values.origins.git_tag import GitTag
from envmgr.ports import GitLimits, Remote

from .failure import failure
from .mirror import Mirror
from .objects import checks
from .process import Answer, run
from .ref_limits import check_count, check_listing, listing_bounds
from .refs import FORMAT, HEADS, POLL_TAGS, Refs, is_pull, parse_for_each_ref, parse_show_ref

_MADE = re.compile(rb"^(?:tagger|committer) .*> (\d{1,12}) [+-]\d{4}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LocalRemote:
    """A folder on this host, read where it is: one process instead of git's usual three. `seconds` is its time."""

    remote: Remote
    path: Path
    limits: GitLimits
    seconds: float

    def refs(self, *, with_tags: bool, others: Sequence[str] = ()) -> Refs:
        """All its branches, its tags if these are asked for, and those of other refs that are; raises as `Git.listing`."""
        pulls = [ref for ref in others if is_pull(ref)]
        answer = self._run(["for-each-ref", f"--format={FORMAT}", HEADS, *pulls])
        # Git only warns of a ref that it cannot read; such a listing would say less than there is.
        if answer.failed or re.search(r"^(warning|error):", answer.messages, re.MULTILINE):
            raise failure(self.remote, answer, self.seconds)
        found = parse_for_each_ref(self.remote.repository, answer.output)
        tags = self._tags() if with_tags else {}
        check_count(self.remote.repository, self.limits, found.count + len(tags))
        return replace(found, tags=tags)

    def _tags(self) -> Mapping[str, GitTag]:
        answer = self._run(["show-ref", "--tags", "--dereference"])
        # Without any tag it fails, and says nothing.
        if answer.messages or (answer.failed and answer.output):
            raise failure(self.remote, answer, self.seconds)
        return parse_show_ref(self.remote.repository, answer.output)

    def _run(self, command: Sequence[str]) -> Answer:
        here = {"GIT_CEILING_DIRECTORIES": str(self.path.parent)}  # never a repository around it
        bounds = listing_bounds(self.limits, self.seconds)
        answer = run(["-C", str(self.path), *command], here, bounds)
        check_listing(self.remote.repository, self.limits, answer)
        return answer


def polled_tags(mirror: Mirror) -> Mapping[str, GitTag]:
    """Those that a filtered poll brought; one that leads to no commit is none of which an environment could be made."""
    output = mirror.output(["for-each-ref", f"--format={FORMAT}", POLL_TAGS])
    found = parse_for_each_ref(mirror.repository, output, POLL_TAGS).branches
    commits = checks(mirror, [f"{at}^{{commit}}" for at in found.values()]) if found else []
    pairs = zip(found.items(), commits, strict=True)
    return {name: GitTag(commit[0], at) for (name, at), commit in pairs if commit is not None}


def time_of(content: bytes) -> datetime | None:
    """When a tag's object, or a commit, was made; None where it does not say."""
    head = content.partition(b"\n\n")[0]
    found = _MADE.search(head)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None
