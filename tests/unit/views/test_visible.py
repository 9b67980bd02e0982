"""What nobody sees is shown: wherever a stranger's text comes out, nothing in it is hidden or obeyed."""

import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import structlog

from envmgr.adapters.forge.shortened import shortened
from envmgr.cli import logging, program, progress, screen
from envmgr.cli.verbs.see.logs import printable_line
from envmgr.domain.rules.forge import text as forge_text
from envmgr.domain.rules.network.egress import target_of
from envmgr.domain.rules.notices import wording
from envmgr.domain.values.environment import Event
from envmgr.domain.values.names import EnvironmentId, ref_component
from envmgr.domain.values.notices import Notice, NoticeKind
from envmgr.domain.values.shown.unseen import is_unseen
from envmgr.ports import Progress
from envmgr.views import documents
from envmgr.views.visible import escaped, plain
from envmgr.web.live.stream import event
from envmgr.web.pages import drawing, log, plan

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ALICE = EnvironmentId("acme", "shop", "alice")
HIDDEN = "".join(
    map(
        chr,
        (
            *(0x00, 0x07, 0x08, 0x0B, 0x1B, 0x7F, *range(0x80, 0xA0)),  # C0, DEL, C1
            *(0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # reading order
            *(
                0x00AD,
                0x034F,
                0x115F,
                0x1160,
                0x180E,
                0x200B,
                0x200C,
                0x200D,
                0x2060,
                0x2064,
                0x3164,
                0xFEFF,
                0xFFA0,
            ),
            *(0x2028, 0x2029, 0xE0001, 0xE0061, 0xE0100, 0xFFF9),
        ),
    )
)
_OURS = re.compile(r"\x1b\[[0-9;]+m")  # colours of the log's own
TEXT = f"begin{HIDDEN}end"


def _event(message: str) -> Event:
    return Event(at=NOW, environment=ALICE, action="failed", message=message, actor=message, id=1)


def _notices(text: str) -> str:
    notice = Notice(event=_event(text), kind=NoticeKind.FAILED)
    both = [wording.text(each, wording.TEMPLATE, lambda _: "") for each in ([notice], [notice, notice])]
    return "\n".join([wording.title([notice], "acme"), *both])


class _Shown:
    """What is no text, and has a stranger's words when it becomes one."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def _page(text: str) -> str:
    template = drawing._templates().from_string(
        "<a title='{{ text }}'>{{ text }}</a>{{ text | said }}{{ of }}{{ text | upper }}{{ [text] | join }}{{ 'a ' ~ text }}"
    )
    return template.render(text=text, of=_Shown(text))


def _plan(text: str) -> str:
    [found] = plan.changes(f'  # x.y["{text}"] will be created\n    {text}\n    }}\n')
    return "\n".join([found.address, found.said, *(line.text for line in found.lines)])


def _written(write: Callable[[str], object]) -> Callable[[str], str]:
    def door(text: str) -> str:
        output = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            output.isatty = lambda: True  # type: ignore[method-assign]
            for name in ("stdout", "stderr"):
                patch.setattr(f"sys.{name}", output)
            write(text)
        return output.getvalue()

    return door


def _logged(text: str) -> None:
    logging._configure(0, [logging._console()])
    structlog.get_logger().error(text, branch=text, several=[text])
    structlog.reset_defaults()


def _live(text: str) -> None:
    from rich.console import Console

    display = progress.Display(several=True)
    display(ALICE, Progress(phase="apply_start", address=text, action=text, text=text))
    display.turn_to(text)
    display._subject = f"{text}: "
    Console(file=io.StringIO(), width=4000)
    Console(file=sys.stderr, width=4000, color_system=None).print(display._render())


DOORS: dict[str, Callable[[str], str]] = {
    "result at a terminal": _written(screen.emit),
    "said at a terminal": _written(screen.say),
    "question at a terminal": screen.visible,
    "cell of a table": screen.printable,
    "line of a log at a terminal": printable_line,
    "log of the daemon and of verbs at a terminal": lambda text: _OURS.sub("", _written(_logged)(text)),
    "log as JSON": lambda text: str(structlog.processors.JSONRenderer()(None, "", {"event": text})),
    "progress at a terminal": _written(_live),
    "a wrong command": _written(lambda text: program.main([text])),
    "name of a branch": ref_component,
    "page": _page,
    "line of a log at the page": lambda text: escaped(log.line_of(1, text).text),
    "plan at the page": _plan,
    "log without colours": plain,
    "events as they happen": lambda text: event(
        1, json.dumps(documents.event(_event(text))).encode()
    ).decode(),
    "status of a commit": lambda text: shortened(text, 1000),
    "comment: code": forge_text.code,
    "comment: cell": forge_text.cell,
    "comment: block": lambda text: forge_text.fenced(text.split("\n")),
    "comment: address": lambda text: forge_text.address(f"https://example.com/{text}"),
    "notification": _notices,
    "refused name": lambda text: str(target_of(f"{text}.example:443")),
}


@pytest.mark.parametrize("door", DOORS)
def test_nothing_comes_out_hidden(door: str) -> None:
    """By none of the doors; what breaks a forge's or a chat's mark-up is of our own making."""
    shown = DOORS[door](TEXT)
    assert {c for c in shown.replace("\u200b", "") if c not in "\n\t" and is_unseen(c)} == set()
    for hidden in HIDDEN:
        assert hidden == "\u200b" or hidden not in DOORS[door](f"a{hidden}b").replace("a\nb", ""), hex(
            ord(hidden)
        )
    if door.partition(":")[0] not in ("comment", "notification"):
        assert "\u200b" not in shown
    assert "end" in shown or door == "refused name"


def test_what_is_seen_stays() -> None:
    """Letters of all scripts, what stands above and below them, emoji, and blanks that take room."""
    text = "ümlaut e\u0301 שלום नमस्ते 😀 ❤\ufe0f\u00a0日本"
    assert escaped(text) == text
    assert not [c for c in text if is_unseen(c)]


def test_all_that_steers_is_known() -> None:
    """Of every character there is."""
    steering = {
        c for c in map(chr, range(0x110000)) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }
    assert all(map(is_unseen, steering))
    assert not any(is_unseen(c) for c in map(chr, range(0xFE00, 0xFE10)))
