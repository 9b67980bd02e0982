"""Secrets: where references lead, what is said where they lead nowhere, and redaction."""

import base64
import json
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.config.sections.secrets import (
    REDACTED,
    Redactor,
    SecretReference,
    exposure,
    looks_secret,
    parse_secret,
    password_in,
    redacted,
    resolve,
    texts_in,
)
from envmgr.domain.errors import NeedsPerson


def test_references_are_read_late_and_lose_one_newline(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n\n")
    reference = SecretReference("file", str(file))
    assert resolve(reference, {}) == "first\n"
    file.write_text("second")
    assert resolve(reference, {}) == "second"
    assert resolve(SecretReference("systemd", "token"), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "second"
    assert resolve(SecretReference("env", "TOKEN"), {"TOKEN": "third"}) == "third"
    assert resolve("literal\n", {}) == "literal\n"


def test_what_is_not_there_is_said_with_the_reference(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"top-secret\xff")
    for reference, words in [
        (SecretReference("env", "NOT_SET"), "{env: NOT_SET} is missing: set NOT_SET"),
        (SecretReference("file", "/not/there"), r"{file: /not/there} cannot be read \(No such file"),
        (SecretReference("file", str(tmp_path)), "Is a directory"),
        (SecretReference("systemd", "arm"), "LoadCredential=arm"),
        (SecretReference("file", str(tmp_path / "empty")), "is empty"),
        (SecretReference("file", str(tmp_path / "binary")), "is not UTF-8"),
    ]:
        with pytest.raises(NeedsPerson, match=words) as raised:
            resolve(reference, {})
        assert "top-secret" not in str(raised.value)
        assert "top-secret" not in repr(raised.value.__cause__)


@pytest.mark.parametrize(
    "value",
    [
        5,
        None,
        True,
        [],
        {},
        {"vault": "x"},
        {"env": "A", "file": "/b"},
        {"env": 5},
        {"env": ""},
        {"file": "relative"},
        {"systemd": "../up"},
        {"systemd": ".."},
    ],
)
def test_what_is_no_reference_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"must|exactly one|names|is a name"):
        parse_secret(value)


def test_a_file_that_everybody_reads_is_found(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    reference = SecretReference("file", str(file))
    file.chmod(0o600)
    assert exposure(reference, {}) is None
    file.chmod(0o644)
    assert f"chmod o-rwx {file}" in str(exposure(reference, {}))
    assert exposure("literal", {}) is None
    assert exposure(SecretReference("file", "/not/there"), {}) is None


def test_names_of_secrets() -> None:
    for name in [
        "AWS_SECRET_ACCESS_KEY",
        "ARM_CLIENT_SECRET",
        "GITHUB_TOKEN",
        "DB_PASSWORD",
        "ssh_key",
        "API_KEY",
    ]:
        assert looks_secret(name)
    for name in [
        "AWS_REGION",
        "ARM_SUBSCRIPTION_ID",
        "AWS_ACCESS_KEY_ID",
        "known_hosts",
        "KEYBOARD",
        "MONKEY",
    ]:
        assert not looks_secret(name)


def test_passwords_in_urls() -> None:
    assert password_in("postgresql://u:p%40ss@db/x") == "p@ss"
    assert password_in("postgresql://u@db/x") is None
    assert password_in("u:p@h") is None
    assert password_in("https://[") is None


secrets = st.text(min_size=6).filter(lambda text: len(text.strip()) >= 6)


@given(secrets, st.text(), st.text())
def test_no_form_of_a_secret_is_left(secret: str, before: str, after: str) -> None:
    raw = secret.strip().encode("utf-8", "surrogateescape") if _encodes(secret) else b""
    redact = Redactor([secret])
    forms = [secret.strip(), json.dumps(secret.strip())[1:-1]]
    if raw:
        forms += [base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode(), quote(raw, safe="")]
    for form in forms:
        assert form.rstrip("=") not in redact(before + form + after).replace(REDACTED, "\0")


def _encodes(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


@given(secrets.filter(_encodes), st.text(alphabet="abcdef:", max_size=5))
def test_also_within_basic_authentication(secret: str, user: str) -> None:
    header = base64.b64encode(f"{user}:{secret.strip()}".encode()).decode()
    assert header not in Redactor([secret])(header)


def test_lines_of_a_key_are_secrets_of_their_own() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n-----END KEY-----\n"
    redact = Redactor([key])
    assert redact(key) == REDACTED + "\n"
    assert redact("x MIIEvQIBADANBgkqhkiG9w0 y short") == f"x {REDACTED} y short"


def test_short_values_and_other_text_stay() -> None:
    assert Redactor(["dev", "", "  a  "])("dev a devil") == "dev a devil"
    assert Redactor([])("anything") == "anything"
    assert Redactor(["longer-secret", "longer-secret-still"])("longer-secret-still") == REDACTED


def test_many_secrets_cost_little_on_long_logs() -> None:
    values = [f"{number:04}-secret-{number * 7919:x}" for number in range(200)]
    redact = Redactor(values)
    log = "module.x.aws_s3_bucket.y: Still creating... [10s elapsed]\n" * 20_000
    started = time.process_time()
    assert redact(log) == log
    assert time.process_time() - started < 3, "plain alternatives took 11 s"
    assert all(redact(f"a{value}b") == f"a{REDACTED}b" for value in values)


def test_forms_that_terraform_and_go_write() -> None:
    redact = Redactor(['a<b>&"c"/=+'])
    for form in [r"a\u003cb\u003e\u0026\"c\"/=+", "a%3Cb%3E&%22c%22%2F=+"]:
        assert redact(f"[{form}]") == f"[{REDACTED}]"
    long = ("a long secret " * 12).strip()
    redact = Redactor([long])
    lines = base64.encodebytes(long.encode()).decode().splitlines()
    assert [redact(line) for line in lines[:-1]] == [REDACTED] * (len(lines) - 1)


def test_more_values_are_known_together_with_the_first() -> None:
    both = Redactor(["postgres://bot:pass word@host"]).also(["postgres", "generated"])
    assert both("postgres://bot:pass word@host, postgres, generated") == ", ".join([REDACTED] * 3)


def test_a_json_value_without_its_secrets() -> None:
    redact = Redactor(["123456789012", "hidden"]).redact
    value = {"id": 123456789012, "hidden key": ["hidden", 5, None, True], "deep": {"x": "1 hidden"}}
    expected = {"id": REDACTED, f"{REDACTED} key": [REDACTED, 5, None, True], "deep": {"x": f"1 {REDACTED}"}}
    assert redacted(value, redact) == expected
    assert list(texts_in(value)) == ["hidden", "1 hidden"]
