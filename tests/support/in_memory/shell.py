"""As much of a shell as the steps of tests speak: it starts no process.

Statements by `;` or lines, the first that fails ends all; `&&`, `||`, `!`, `>`, `>>`, `$NAME`, `$(cat FILE)`.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_FILE = re.compile(r"\$\(cat ([^)]+)\)")
_NAME = re.compile(r"\$\{?(\w+)\}?")


class _Exit(Exception):
    """`exit` was said."""


@dataclass(frozen=True)
class Shell:
    """Where commands are run, with which variables, and what hears what they print. `before` is called before each."""

    directory: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    before: Callable[[], None] = lambda: None

    def run(self, text: str) -> int:
        """Does what a script says; gives its exit code."""
        try:
            for statement in re.split(r";|\n", text):
                if statement.strip() and (code := self._chain(_tokens(self._expanded(statement)))):
                    return code
        except _Exit as end:
            return int(str(end))
        return 0

    def command(self, words: Sequence[str]) -> int:
        """Does one command; gives its exit code."""
        self.before()
        match list(words):
            case ["!", *rest]:
                return int(self.command(rest) == 0)
            case [*rest, ">" | ">>" as how, target]:
                printed: list[str] = []
                code = Shell(self.directory, self.environment, printed.append).command(rest)
                with (self.directory / target).open("a" if how == ">>" else "w") as file:
                    file.writelines(f"{line}\n" for line in printed)
                return code
            case ["exit", code]:
                raise _Exit(code)
            case ["true"]:
                return 0
            case [name, *arguments]:
                return self._known(name, arguments)
            case _:
                return 1

    def _known(self, name: str, arguments: list[str]) -> int:
        files = [self.directory / each for each in arguments]
        match name, arguments:
            case "echo", _:
                self.say(" ".join(arguments))
            case "cat", [_]:
                self.say(files[0].read_text().rstrip("\n"))
            case "touch", _:
                files[0].touch()
            case "rm", ["-f", _]:
                files[1].unlink(missing_ok=True)
            case "cp", [_, _] if files[0].is_file():
                files[1].write_bytes(files[0].read_bytes())
            case "test", ["-f" | "-e", _]:
                return int(not files[1].exists())
            case "test", [one, "!=", other]:
                return int(one == other)
            case "false", _:
                return 1
            case "grep", ["-x", word, _] if files[2].is_file():
                found = [line for line in files[2].read_text().splitlines() if line == word]
                list(map(self.say, found))
                return int(not found)
            case _:
                return 1
        return 0

    def _chain(self, tokens: Sequence[str]) -> int:
        code = 0
        for alternative in _split(tokens, "||"):
            code = next((c for part in _split(alternative, "&&") if (c := self.command(part))), 0)
            if code == 0:
                break
        return code

    def _expanded(self, text: str) -> str:
        text = _FILE.sub(lambda found: (self.directory / found[1]).read_text().strip(), text)
        return _NAME.sub(lambda found: self.environment.get(found[1], ""), text)


def _tokens(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&>")
    lexer.whitespace_split = True
    return list(lexer)


def _split(tokens: Sequence[str], by: str) -> Iterator[list[str]]:
    part: list[str] = []
    for token in tokens:
        if token == by:
            yield part
            part = []
        else:
            part.append(token)
    yield part
