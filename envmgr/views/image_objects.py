"""The JSON object of an image."""

from typing import Annotated, TypedDict


class ImageObject(TypedDict):
    """An image that an environment follows, as its registry was last seen to have it."""

    variable: Annotated[str, "The input variable that gets it."]
    asked: Annotated[str, "What is looked for: the image and its tags, as a pattern."]
    reference: Annotated[
        str | None, "The newest one, as `IMAGE@DIGEST`; null: the registry has not told yet."
    ]
    tag: Annotated[str | None, "The tag that it had."]
    changed_at: Annotated[str | None, "Since when it is that one."]
    error: Annotated[str | None, "Why the last look came to nothing; null: it did not."]
