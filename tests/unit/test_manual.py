"""The manual page is one that `man` can show, and the completions are the shells' own."""

import subprocess

import pytest

from tests.reference import manual
from tests.unit.documents_example import VERBS

PAGE = manual.page()


def test_the_page_has_every_verb_and_the_sections_of_a_manual() -> None:
    headings = [line.removeprefix(".SS envmgr ") for line in PAGE.splitlines() if line.startswith(".SS ")]
    plain = [heading.replace("\\-", "-") for heading in headings]
    assert all(any(f"{heading} ".startswith(f"{verb} ") for heading in plain) for verb in VERBS)
    for section in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES"):
        assert f".SH {section}\n" in PAGE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--all", r"\-\-all"),
        (".envmgr.yaml is read", r"\&.envmgr.yaml is read"),
        ("'x'", r"\&'x'"),
        ("a\\b", r"a\eb"),
        ("see `envmgr list`", "see envmgr list"),
    ],
)
def test_text_is_no_request_to_the_formatter(text: str, shown: str) -> None:
    assert manual._escaped(text) == shown


def test_no_line_is_a_request_that_the_formatter_does_not_know() -> None:
    known = {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi", ".RS", ".RE"}
    assert {line.split()[0] for line in PAGE.splitlines() if line.startswith((".", "'"))} <= known


def test_bash_reads_its_completion() -> None:
    script = manual.files()["completions/bash/envmgr"]
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p envmgr"], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert "-F _envmgr_completion envmgr" in done.stdout
