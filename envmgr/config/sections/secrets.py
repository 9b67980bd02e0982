"""Secret references, and their values: read late, at each use, and kept out of all that people see."""

import base64
import json
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, quote_plus, unquote, urlsplit

from envmgr.domain.errors import NeedsPerson
from envmgr.domain.values.shown.hidden import SHORTEST

REDACTED = "[redacted]"
_SHORTEST_LINE = 16
_MAX_FILE = 1 << 20
_URL_SAFE = str.maketrans("+/", "-_")
_COLUMNS = 76  # where `base64` breaks its lines
# What is left as it is: nothing, in a path (Python, Go), in a user's name (Go), in a component (JavaScript).
_UNQUOTED = ("", "/", "$&+=:@", "$&+,;=", "!'()*")
_GO_JSON = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})  # Terraform's jsonencode too
_SECRET_NAME = re.compile(
    r"secret|passw|token|credential|(?:private|ssh|access|account|api)_?key$|client_certificate$",
    re.IGNORECASE,
)

Kind = Literal["env", "file", "systemd"]
KINDS: tuple[Kind, ...] = ("env", "file", "systemd")


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is: an environment variable, a file, or a systemd credential."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{{{self.kind}: {self.name}}}"


Secret = str | SecretReference
"""A literal value, or a reference to one."""


def parse_secret(value: object) -> Secret:
    """Reads a literal or `{env: …}`, `{file: …}`, `{systemd: …}`; raises ValueError with a sentence."""
    if isinstance(value, str | SecretReference):
        return value
    wanted = "write text in quotes, {env: NAME}, {file: /path} or {systemd: credential-name}"
    if not isinstance(value, dict):
        raise ValueError(f"it must be text or a secret reference; {wanted}")  # noqa: TRY004  pydantic's protocol
    if len(value) != 1 or next(iter(value)) not in KINDS:
        raise ValueError(f"a secret reference has exactly one of env, file and systemd; {wanted}")
    kind, name = next(iter(value.items()))
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"a secret reference names where the secret is, as text; {wanted}")
    if kind == "file" and not name.startswith("/"):
        raise ValueError("a secret file must be an absolute path, such as {file: /etc/envmgr/git-token}")
    if kind == "systemd" and ("/" in name or name in (".", "..")):
        raise ValueError("a systemd credential is a name without `/`, such as {systemd: acme-arm-secret}")
    return SecretReference(kind, name)


def resolve(secret: Secret, environ: Mapping[str, str]) -> str:
    """The secret's value, read now, less one newline at its end.

    Raises NeedsPerson with a sentence that names the reference, never the value.
    """
    if isinstance(secret, str):
        return secret
    if secret.kind == "env":
        if secret.name not in environ:
            raise NeedsPerson(f"The secret {secret} is missing: set {secret.name} in envmgr's environment.")
        value = environ[secret.name]
    else:
        value = _read(secret, environ)
    # Editors end a file with one; of a value itself nothing is cut off.
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise NeedsPerson(f"The secret {secret} is empty: put the value there.")
    return value


def secret_path(reference: SecretReference, environ: Mapping[str, str]) -> Path | None:
    """The file that a reference reads; None where it reads none, or systemd gave no credentials."""
    if reference.kind == "file":
        return Path(reference.name)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / reference.name if reference.kind == "systemd" and folder else None


def exposure(reference: Secret, environ: Mapping[str, str]) -> str | None:
    """A sentence where everybody on this machine can read the secret's file; else None."""
    if isinstance(reference, str):
        return None
    path = secret_path(reference, environ)
    try:
        if path is None or reference.kind != "file" or not path.stat().st_mode & stat.S_IROTH:
            return None
    except OSError:
        return None
    return f"everybody on this machine can read the secret {reference}; run `chmod o-rwx {path}`"


def shortness(name: str, secret: Secret, environ: Mapping[str, str]) -> str | None:
    """A sentence where a secret is too short to be hidden in what people see; None where it cannot be read now."""
    try:
        value = resolve(secret, environ)
    except NeedsPerson:
        return None
    password = password_in(value) or (value if looks_secret(name) and "://" not in value else "")
    if not 0 < len(password.strip()) < SHORTEST:
        return None
    return (
        f"this secret has fewer than {SHORTEST} characters, so that it cannot be hidden in logs and messages without "
        "mangling them; give a longer one"
    )


def _read(reference: SecretReference, environ: Mapping[str, str]) -> str:
    path = secret_path(reference, environ)
    if path is None:
        raise NeedsPerson(
            f"The secret {reference} is missing: start envmgr by systemd with LoadCredential={reference.name}:…"
        )
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE + 1)
        if len(content) > _MAX_FILE:
            raise NeedsPerson(f"The secret {reference} is larger than 1 MiB: is it the right file?")
        return content.decode()
    except UnicodeDecodeError:
        # Without `from`: the error's text holds a part of the secret.
        raise NeedsPerson(f"The secret {reference} is not UTF-8 text: store it as text.") from None
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise NeedsPerson(
            f"The secret {reference} cannot be read ({reason}): check that the file is there and readable for envmgr."
        ) from error


def password_in(url: str) -> str | None:
    """The password in a URL, if there is one."""
    try:
        return unquote(urlsplit(url).password or "") or None if "://" in url else None
    except ValueError:
        return None


def texts_in(value: object) -> Iterator[str]:
    """Every text in a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)


def redacted(value: object, redact: Callable[[str], str]) -> object:
    """A JSON value with every secret in it replaced, in keys and numbers too."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact(str(key)): redacted(inner, redact) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(inner, redact) for inner in value]
    # A secret of digits alone may stand there as a number.
    text = json.dumps(value)
    shown = redact(text)
    return value if shown == text else shown


def looks_secret(name: str) -> bool:
    """Whether what has this name is usually a secret, also where it is written out: `AWS_SECRET_ACCESS_KEY`."""
    return _SECRET_NAME.search(name) is not None


class Redactor:
    """Replaces secret values in text, also where they are base64, URL-quoted or JSON-escaped.

    Values under 6 characters are left alone: they would hit by chance. Of a value of several lines each
    line of at least 16 characters counts too.
    """

    def __init__(self, values: Iterable[str]) -> None:
        """Takes the resolved values of all secrets."""
        self.values = frozenset(values)
        forms = {form for value in self.values for form in _forms(value)}
        self._pattern = re.compile(_any_of(forms, depth=4)) if forms else None

    def also(self, values: Iterable[str]) -> "Redactor":
        """One that knows more values: two in a row would miss a secret that the first has changed a part of."""
        more = frozenset(values) - self.values
        return Redactor(self.values | more) if more else self

    def joined(self, other: "Redactor") -> "Redactor":
        """One that knows what both know; the one that knows it all already needs no new expression."""
        return other if self.values <= other.values else self.also(other.values)

    def redact(self, text: str) -> str:
        """The text with every known secret replaced by `[redacted]`."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    __call__ = redact


def _any_of(forms: Iterable[str], depth: int) -> str:
    """An expression for any of some texts, as a tree by their first characters.

    With plain alternatives the lines of a few keys would cost seconds for each megabyte of log. The longest come
    first, so that no secret's end stays behind another that it begins with.
    """
    ordered = sorted(forms, key=lambda form: (-len(form), form))
    if depth == 0 or len(ordered) == 1:
        return "|".join(map(re.escape, ordered))
    branches: dict[str, list[str]] = {}
    for form in ordered:
        branches.setdefault(form[:1], []).append(form[1:])
    ends = branches.pop("", None)
    inner = [f"{re.escape(first)}(?:{_any_of(rest, depth - 1)})" for first, rest in branches.items()]
    return "|".join([*inner, *([""] if ends else [])])


def _forms(value: str) -> Iterable[str]:
    whole = value.strip()
    lines = [line.strip() for line in whole.splitlines()] if "\n" in whole else []
    for part in [whole, *(line for line in lines if len(line) >= _SHORTEST_LINE)]:
        if len(part) >= SHORTEST:
            yield from _encodings(part)


def _encodings(part: str) -> Iterable[str]:
    try:
        raw = part.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, which JSON may hold
        raw = part.encode("utf-8", "surrogatepass")
    yield part
    # Three bytes are four characters: what stands before it decides how it is cut.
    for offset in range(3):
        yield from _base64(raw, offset)
    yield quote_plus(raw)
    yield from (quote(raw, safe=safe) for safe in _UNQUOTED)
    for escaped in (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1]):
        yield from (escaped, escaped.translate(_GO_JSON))


def _base64(raw: bytes, offset: int) -> Iterable[str]:
    """How it looks within longer base64 text (as in `user:password`) that has `offset` bytes more before it."""
    text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
    partial = (len(raw) + offset) % 3 != 0
    inner = text[(0, 2, 3)[offset] : -1 if partial else None]
    if len(inner) >= SHORTEST:
        yield from (inner, inner.translate(_URL_SAFE))
        yield from (inner[at : at + _COLUMNS] for at in range(0, len(inner) - _COLUMNS + 1, _COLUMNS))
