"""Makes a bucket, as the AWS provider does, or takes it away: asked by a `local-exec` of Terraform's.

python bucket_by_hand.py "make NAME"|"drop NAME"

The tags are those that the provider is told in its environment, and the place is AWS_ENDPOINT_URL.
"""

import os
import sys
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

_TAG = "TF_AWS_DEFAULT_TAGS_"
_PLACE = "<LocationConstraint>eu-west-1</LocationConstraint>"


def main() -> None:
    """Do what the argument says; a failure is one of Terraform's."""
    action, name = sys.argv[1].split()
    bucket = f"{os.environ['AWS_ENDPOINT_URL']}/{name}"
    if action == "drop":
        _ask("DELETE", bucket)
        return
    given = {key.removeprefix(_TAG): value for key, value in os.environ.items() if key.startswith(_TAG)}
    tags = "".join(
        f"<Tag><Key>{key}</Key><Value>{escape(value)}</Value></Tag>" for key, value in given.items()
    )
    _ask("PUT", bucket, f"<CreateBucketConfiguration>{_PLACE}</CreateBucketConfiguration>")
    _ask("PUT", f"{bucket}?tagging", f"<Tagging><TagSet>{tags}</TagSet></Tagging>")


def _ask(method: str, url: str, body: str = "") -> None:
    headers = {"Content-Type": "application/xml"}  # else moto takes it for a form
    with urlopen(Request(url, body.encode(), headers, method=method), timeout=200):
        pass


if __name__ == "__main__":
    main()
