"""The JSON objects of what tests said; see `objects`."""

from typing import Annotated, TypedDict


class ResultObject(TypedDict):
    """How one test ended."""

    name: Annotated[str, "What it is called."]
    outcome: Annotated[str, "`passed` or `failed`."]
    seconds: Annotated[float, "How long it took."]
    message: Annotated[str, "Why it failed; empty where it passed."]


class TestsObject(TypedDict):
    """What the tests of an environment said last."""

    outcome: Annotated[str, "`passed`, or `failed` where one of them did."]
    commit: Annotated[str, "The commit that was tested."]
    run: Annotated[int, "The run that tested it."]
    at: Annotated[str | None, "When."]
    results: Annotated[list[ResultObject], "Each test."]
