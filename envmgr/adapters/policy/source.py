"""A Rego file looked at before it is evaluated: what the engine would take for "nothing found" is an error here.

The engine gives no result where a name has no value and where a bracket too many ends a rule early, so that a `deny`
with a slip of the pen would never fire. Whatever reads like such a slip is refused.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<raw>`[^`]*`)|(?P<text>"(?:\\.|[^"\\\n])*")
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9][0-9A-Za-z.+-]*)|(?P<space>\s+)|(?P<sign>.)""",
    re.VERBOSE,
)
_WORDS = frozenset(
    [
        "as",
        "contains",
        "default",
        "else",
        "every",
        "false",
        "if",
        "import",
        "in",
        "not",
        "null",
        "package",
        "some",
        "true",
        "with",
    ]
)
_PAIRS = {")": "(", "]": "[", "}": "{"}
_ROOTS = frozenset({"input", "data", "_"})
RULES = ("deny", "warn")
PACKAGE = "envmgr"


class BadPolicy(Exception):
    """A policy that cannot be relied on; its text is the sentence."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, text or sign of a file, and where it stands; `is_first` in its line, without a space before it."""

    kind: str
    text: str
    line: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class Module:
    """A Rego file: its package, the names that it defines, what it calls, and the keys that it reads of the input.

    `keys` is None where it may read any.
    """

    name: str
    text: str
    package: str
    defines: frozenset[str]
    calls: Mapping[str, int]
    keys: frozenset[str] | None
    statements: Sequence[Sequence[Token]] = field(repr=False)


def parsed(name: str, text: str) -> Module:
    """A file, as far as it is looked at. Raises BadPolicy where it is no Rego."""
    tokens = list(_tokens(name, text))
    statements = list(_statements(name, tokens))
    package = _package(name, statements)
    imports = [each for each in statements if each[0].text == "import"]
    rules = [each for each in statements if each[0].text not in ("package", "import")]
    heads = {each[1 if each[0].text == "default" and len(each) > 1 else 0].text for each in rules}
    return Module(
        name,
        text,
        package,
        frozenset(heads | {each[-1].text for each in imports}),
        dict(_calls(rules)),
        _keys(statements),
        rules,
    )


def check(modules: Sequence[Module]) -> None:
    """Raises BadPolicy where a name has no value that anybody gave it, or where nothing is ever found."""
    if not any(m.package == PACKAGE and m.defines & set(RULES) for m in modules):
        raise BadPolicy(f"there is no rule `deny` or `warn` in a package `{PACKAGE}`")
    for module in modules:
        known = {name for m in modules if m.package == module.package for name in m.defines}
        for statement in module.statements:
            _check_names(module, statement, known)


def keys_read(modules: Iterable[Module]) -> frozenset[str] | None:
    """The keys of the input that any of them reads; None where that may be all."""
    found: set[str] = set()
    for module in modules:
        if module.keys is None:
            return None
        found |= module.keys
    return frozenset(found)


def _tokens(name: str, text: str) -> Iterator[Token]:
    line, begins = 1, True
    for match in _TOKEN.finditer(text):
        kind, found = match.lastgroup or "", match.group()
        if kind == "sign" and found in "\"'`":
            raise BadPolicy(f"{name}:{line}: a text that begins there does not end")
        if kind not in ("comment", "space"):
            yield Token(kind, found, line, begins)
        line += found.count("\n")
        begins = found.endswith("\n")


def _statements(name: str, tokens: Iterable[Token]) -> Iterator[Sequence[Token]]:
    """The statements of a file: each begins at the start of a line, outside of all brackets."""
    open_ones: list[Token] = []
    current: list[Token] = []
    for token in tokens:
        if token.is_first and not open_ones and current and token.text != "else":
            yield current
            current = []
        current.append(token)
        if token.kind == "sign" and token.text in "([{":
            open_ones.append(token)
        elif token.text in _PAIRS and (not open_ones or open_ones.pop().text != _PAIRS[token.text]):
            raise BadPolicy(f"{name}:{token.line}: `{token.text}` closes nothing")
    if open_ones:
        raise BadPolicy(f"{name}:{open_ones[-1].line}: `{open_ones[-1].text}` is never closed")
    if current:
        yield current


def _package(name: str, statements: Sequence[Sequence[Token]]) -> str:
    if not statements or statements[0][0].text != "package":
        raise BadPolicy(f"{name}:1: it does not begin with `package {PACKAGE}`")
    package = "".join(token.text for token in statements[0][1:])
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", package):
        raise BadPolicy(f"{name}:{statements[0][0].line}: `package` needs a name, such as {PACKAGE}")
    return package


def _calls(statements: Iterable[Sequence[Token]]) -> Iterator[tuple[str, int]]:
    """The names that are called, with their dots, and in which line."""
    for statement in statements:
        for index, token in enumerate(statement[:-1]):
            if token.kind == "name" and statement[index + 1].text == "(" and token.text not in _WORDS:
                begins = index
                while begins >= 2 and statement[begins - 1].text == ".":
                    begins -= 2
                yield "".join(t.text for t in statement[begins : index + 1]), token.line


def _keys(statements: Iterable[Sequence[Token]]) -> frozenset[str] | None:
    found: set[str] = set()
    for statement in statements:
        for index, token in enumerate(statement):
            if token.text != "input" or (index and statement[index - 1].text == "."):
                continue
            after = [t.text for t in statement[index + 1 : index + 4]]
            if len(after) < 2 or after[0] != "." or after[1] in _WORDS:
                return None
            found.add(after[1])
    return frozenset(found)


def _check_names(module: Module, statement: Sequence[Token], known: set[str]) -> None:
    names = Counter[str]()
    lines: dict[str, int] = {}
    for index, token in enumerate(statement):
        is_part = index > 0 and statement[index - 1].text == "."
        is_called = index + 1 < len(statement) and statement[index + 1].text in ("(", ".")
        if token.kind != "name" or is_part or token.text in _WORDS or token.text in _ROOTS:
            continue
        if not (is_called and token.text not in known):
            names[token.text] += 1
            lines.setdefault(token.text, token.line)
        else:
            # What a dotted name begins with is a variable of this rule, or a family of functions.
            names[token.text] += 2 if statement[index + 1].text == "(" or _is_call(statement, index) else 1
            lines.setdefault(token.text, token.line)
    for name, count in names.items():
        if count == 1 and name not in known:
            raise BadPolicy(
                f"{module.name}:{lines[name]}: the name `{name}` occurs only once in its rule, so it has no value: correct it, or write `_`"
            )


def _is_call(statement: Sequence[Token], index: int) -> bool:
    """Whether a dotted name that begins there is called."""
    while index + 2 < len(statement) and statement[index + 1].text == ".":
        index += 2
    return index + 1 < len(statement) and statement[index + 1].text == "("
