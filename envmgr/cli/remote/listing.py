"""What `envmgr list` shows of a server."""

from collections.abc import Sequence

from envmgr.cli.invocation import Invocation
from envmgr.cli.listing import Listing

from . import parsing
from .standings import known


def elsewhere(
    invocation: Invocation, repository: str | None, statuses: Sequence[str], *, destroyed: bool
) -> Listing:
    """The environments that a server shows, of some statuses or of all."""
    with invocation.remote_records() as records:
        found = records.listed(statuses, repository, destroyed=destroyed)
        places = records.looked_at()
        # An older server tells of neither.
        hosts = known(records.connection) if any(each.untold is not None for each in places) else []
        with records.connection.understood():
            rows = [(parsing.environment(each), parsing.urls(each), each) for each in found]
            for each in found:
                records.freezes.take(each.get("frozen"))
    # The server filters by what any application is, the command line by what they come to together.
    kept = [row for row in rows if not statuses or row[0].status in statuses]
    chosen = [each for each in places if repository in (None, each.id.name, str(each.id))]
    return Listing(
        [(e, urls) for e, urls, _ in kept],
        [each for *_, each in kept],
        {each.id: each.state for each in chosen if each.state.error},
        records.freezes.all(),
        {each.id: each.untold for each in chosen if each.untold},
        hosts,
    )
