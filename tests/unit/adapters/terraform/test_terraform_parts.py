"""The Terraform adapter's pure parts, and the small ones that touch only a file."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envmgr.adapters import processes
from envmgr.adapters.terraform import backend
from envmgr.adapters.terraform.command import IsFlagged, TerraformCommand
from envmgr.adapters.terraform.diagnostics import Diagnostic, Location
from envmgr.adapters.terraform.failures import failure
from envmgr.adapters.terraform.messages import Transcript, parse
from envmgr.adapters.terraform.providers.cache import ProviderCache
from envmgr.adapters.terraform.providers.lock_file import without_hashes
from envmgr.adapters.terraform.session import Outcome
from envmgr.adapters.terraform.variables import expression, variables_environment, variables_file
from envmgr.adapters.terraform.versions import Versions
from envmgr.domain.errors import EnvmgrError, NeedsPerson, StalePlan, StateLocked, Transient
from envmgr.domain.values.environment import Changes, Output
from envmgr.domain.values.tags import default_tags_environment
from envmgr.host.children.child import Cause, Ended
from envmgr.host.children.run_log import RunLog
from envmgr.host.children.tail import Tail

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENDED = Ended(1)


class TestLockFile:
    """Checksums go, selections stay."""

    HEAD = "# maintained by init\n\n"
    ENTRY = (
        'provider "example.com/hashicorp/aws" {{\n  version     = "5.1.0"\n  constraints = ">= 5.0"\n{}}}\n'
    )
    HASHES = '  hashes = [\n    "h1:abc=",\n    "zh:0123",\n  ]\n'

    def test_takes_the_checksums_out(self) -> None:
        """Of every provider, and nothing else."""
        full = self.HEAD + self.ENTRY.format(self.HASHES) + "\n" + self.ENTRY.format(self.HASHES)
        assert without_hashes(full) == self.HEAD + self.ENTRY.format("") + "\n" + self.ENTRY.format("")

    @given(st.text(alphabet='provider "ax{}\n=[],#h1:\\ ', max_size=80))
    def test_leaves_what_it_does_not_understand(self, text: str) -> None:
        """Any other text comes back unchanged, or is already without checksums."""
        assert without_hashes(text) == text

    def test_leaves_other_forms(self) -> None:
        """A block written by hand keeps its checksums."""
        text = 'provider "example.com/hashicorp/aws" { version = "1.0.0" }\n' + self.ENTRY.format(self.HASHES)
        assert without_hashes(text) == text

    def test_changes_nothing_twice(self) -> None:
        """What is trimmed stays as it is."""
        trimmed = without_hashes(self.ENTRY.format(self.HASHES))
        assert without_hashes(trimmed) == trimmed


class TestVariables:
    """Values that any shell, HCL reader or kernel might trip over."""

    def test_forms(self) -> None:
        """Strings plain, all else as expressions, None not at all."""
        assert variables_environment({"a": "${x}", "b": 1, "c": True, "d": [None], "e": None}) == {
            "TF_VAR_a": "${x}",
            "TF_VAR_b": "1",
            "TF_VAR_c": "true",
            "TF_VAR_d": "[null]",
        }

    @given(st.text())
    def test_no_template_and_no_raw_control_in_expressions(self, text: str) -> None:
        """Nothing in a quoted string can begin a template or end the string."""
        inner = expression(text)[1:-1]
        assert "${" not in inner
        assert "%{" not in inner
        assert not any(ord(character) < 32 for character in inner)
        assert json.loads(f'"{inner}"') == text

    @pytest.mark.parametrize("name", ["", "a=b", "1a", "a b", "a\0", "-x"])
    def test_refuses_names(self, name: str) -> None:
        """No name that would be another variable."""
        with pytest.raises(NeedsPerson, match="not a name"):
            variables_environment({name: "x"})

    @pytest.mark.parametrize("value", ["a\0b", "x" * 140_000])
    def test_what_no_process_can_be_given_is_in_the_file_alone(self, value: str) -> None:
        """All others are in the environment too."""
        variables = {"word": value, "other": "x"}
        assert variables_environment(variables) == {"TF_VAR_other": "x"}
        with variables_file(variables) as file:
            assert expression(value) in os.pread(file.descriptor, 1 << 20, 0).decode()

    def test_all_together_fit(self) -> None:
        """Many long ones leave room for the shorter ones, and for the arguments."""
        variables = {"a": "short", **{f"long{i}": "x" * 100_000 for i in range(100)}}
        environment = variables_environment(variables)
        assert environment["TF_VAR_a"] == "short"
        assert len(environment) < 101
        subprocess.run(["true", "x" * 100_000], env=environment, check=True)

    @pytest.mark.parametrize(("text", "whole"), [("\ud83d\ude00", "\U0001f600"), ("a\udcffb", "a\ufffdb")])
    def test_what_is_no_text_is_written_as_text(self, text: str, whole: str) -> None:
        """A pair of surrogates is a character, one alone is none."""
        assert expression(text) == f'"{whole}"'

    def test_default_tags(self) -> None:
        """By the AWS provider's own variables, hyphens kept."""
        assert default_tags_environment({"managed-by": "envmgr"}) == {
            "TF_AWS_DEFAULT_TAGS_managed-by": "envmgr"
        }


def line(**fields: object) -> str:
    """A line as Terraform prints it."""
    return json.dumps({"@level": "info", "@message": "text", "type": "log", **fields})


class TestMessages:
    """Lines of output."""

    @given(st.text() | st.text().map(lambda text: "{" + text))
    def test_anything_can_be_read(self, text: str) -> None:
        """What is no message is text."""
        assert parse(text).text == text

    @given(st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["hook", "change", "diagnostic", "outputs", "changes", "resource", "@message", "type", "range", "snippet"]), inner, max_size=6)))  # fmt: skip
    def test_odd_messages_are_text(self, document: object) -> None:
        """JSON of another shape breaks nothing."""
        assert isinstance(parse(json.dumps(document)).text, str)

    def test_an_apply_tells_its_outputs(self) -> None:
        """Sensitive ones without value; a plan's say nothing."""
        outputs = {"a": {"type": "string", "value": "x"}, "b": {"type": "string", "sensitive": True}}
        transcript = Transcript()
        transcript.add(parse(line(type="outputs", outputs=outputs)))
        transcript.add(parse(line(type="outputs", outputs={"a": {"action": "create"}})))
        assert transcript.outputs == {"a": Output("x"), "b": Output(None, sensitive=True)}

    def test_counts(self) -> None:
        """A summary of changes."""
        transcript = Transcript()
        transcript.add(parse(line(changes={"add": 1, "change": 2, "remove": 3, "operation": "plan"})))
        assert transcript.changes == Changes(1, 2, 3)

    def test_memory_is_bounded(self) -> None:
        """However much is printed."""
        transcript = Transcript()
        for number in range(1000):
            transcript.add(parse(f"plain {number}"))
            transcript.add(parse(line(diagnostic={"severity": "error", "summary": str(number)})))
        assert len(transcript.plain) <= 101
        assert len(transcript.errors) == 100

    def test_a_diagnostic_reads_as_people_know_it(self) -> None:
        """Summary, place, code, values and detail."""
        document = {
            "severity": "error",
            "summary": "Bad",
            "detail": "Because.",
            "range": {"filename": "main.tf", "start": {"line": 3, "column": 5}},
            "snippet": {
                "context": 'resource "x" "y"',
                "code": "  a = b",
                "values": [{"traversal": "b", "statement": "is 1"}],
            },
        }
        assert str(Diagnostic.from_json(document)).splitlines() == [
            "Error: Bad",
            '  on main.tf line 3, in resource "x" "y":',
            "      a = b",
            "    b is 1",
            "Because.",
        ]


def failed(
    command: str = "apply", ended: Ended = ENDED, **diagnostic: object
) -> Callable[[Callable[[str], str]], EnvmgrError]:
    """The failure of a command that printed one error."""
    transcript = Transcript()
    if diagnostic:
        transcript.add(parse(line(diagnostic={"severity": "error", **diagnostic})))
    outcome = Outcome(command, ended, transcript)
    return lambda redact: failure(outcome, timedelta(hours=1), redact)


def same(text: str) -> str:
    """Redacts nothing."""
    return text


LOCK = "Error message: resource temporarily unavailable\nLock Info:\n  ID:        abc-1\n  Path:      p\n  Operation: OperationTypeApply\n  Who:       ann@host\n  Version:   1.11.4\n  Created:   2026-11-21 01:02:03.4 +0000 UTC\n  Info:      \n"


class TestFailures:
    """One sentence, and how to go on."""

    def test_a_lock_names_its_holder(self) -> None:
        """Who, since when, doing what, which ID."""
        error = failed(summary="Error acquiring the state lock", detail=LOCK)(same)
        assert type(error) is StateLocked
        assert "ann@host since 2026-11-21 01:02:03 UTC (OperationTypeApply, lock abc-1)" in str(error)

    @pytest.mark.parametrize(
        ("told", "holder"),
        [
            (
                'state blob is already locked\nblob metadata "terraformlockid" was empty',
                "someone who left no ID",
            ),
            (f"PreconditionFailed\n{LOCK}", "lock abc-1"),
        ],
    )
    def test_a_lock_that_init_finds_is_one_too(self, told: str, holder: str) -> None:
        """It writes a first state where there is none; what it says of it is all in the summary."""
        summary = f"Error loading state: failed to lock azure state: {told}"
        error = failed("init", summary=summary, detail="")(same)
        assert type(error) is StateLocked
        assert holder in str(error)

    @pytest.mark.parametrize(
        ("told", "setting"),
        [
            (
                "api error BucketNotEmpty: The bucket you tried to delete is not empty",
                "`force_destroy = true`",
            ),
            (
                "RepositoryNotEmptyException: cannot be deleted, it still contains images",
                "`force_delete = true`",
            ),
            ('the Resource Group "rg-a" still contains Resources.', "prevent_deletion_if_contains_resources"),
        ],
    )
    def test_what_is_not_empty_has_a_way_out(self, told: str, setting: str) -> None:
        """Though the branch may be gone: by hand, and how it is avoided; also where the error is long."""
        error = failed(summary="deleting it", detail=f"{told} {'x' * 500}")(same)
        assert type(error) is Transient
        assert "empty it by hand, and it will be tried again" in str(error)
        assert setting in str(error)
        assert "by hand" not in str(failed(summary="deleting it", detail="AccessDenied")(same))

    def test_a_lock_that_could_not_be_asked_for_is_no_holder(self) -> None:
        """A refused credential, for instance."""
        error = failed(summary="Error acquiring the state lock", detail="403 AuthorizationFailure")(same)
        assert type(error) is Transient
        assert "403" in str(error)

    def test_stale(self) -> None:
        """To be planned again."""
        assert type(failed(summary="Saved plan is stale", detail="x")(same)) is StalePlan

    def test_secrets_are_replaced_before_the_sentence_is_cut(self) -> None:
        """Half a secret at the end would pass for none."""
        error = failed(summary="s", detail="x" * 350 + " " + "secret" * 20)(
            lambda t: t.replace("secret" * 20, "***")
        )
        assert len(str(error)) <= 400
        assert "secret" not in str(error)

    def test_the_reason_at_the_end_of_a_long_error_stays(self) -> None:
        """The provider begins with 200 characters of what it did; what is forbidden comes last."""
        group = "/subscriptions/1111/resourceGroups/rg-acme-shop-alice-0a1b2c"
        error = failed(
            summary='creating Flexible Server (Subscription: "1111"\nResource Group Name: "rg-acme-shop-alice-0a1b2c"\n'
            'Flexible Server Name: "psql-alice"): performing Create: unexpected status 403 (403 Forbidden) with error: '
            "AuthorizationFailed: The client 'app' with object id '3333' does not have authorization to perform action "
            "'Microsoft.DBforPostgreSQL/flexibleServers/write' over scope "
            f"'{group}/providers/Microsoft.DBforPostgreSQL/flexibleServers/psql-alice' or the scope is invalid.",
        )(same)
        assert len(str(error)) <= 400
        assert str(error).startswith("terraform apply failed: creating Flexible Server (psql-alice): ")
        assert "action 'Microsoft.DBforPostgreSQL/flexibleServers/write'" in str(error)
        assert "over scope 'flexibleServers/psql-alice'" in str(error)

    def test_a_long_error_keeps_its_beginning_and_its_end(self) -> None:
        """What was done, and why it failed."""
        error = str(failed(summary="deleting it", detail="x " * 400 + "still holds: vault")(same))
        assert len(error) <= 400
        assert error.startswith("terraform apply failed: deleting it: x x")
        assert error.endswith(" x still holds: vault.")
        assert " … " in error

    @pytest.mark.parametrize(
        ("summary", "detail"),
        [
            ("it broke: because", "it broke: because."),
            ("it broke", "it broke: because."),
            ("it broke: because", ""),
        ],
    )
    def test_what_is_said_twice_is_said_once(self, summary: str, detail: str) -> None:
        """Summary and detail repeat each other in many providers."""
        error = failed(summary=summary, detail=detail)(same)
        assert str(error) == "terraform apply failed: it broke: because."

    @pytest.mark.parametrize(("printed", "end"), [(": no\n", ": no."), (": ", "."), (": no!", ": no!")])
    def test_a_sentence_ends_before_the_next_begins(self, printed: str, end: str) -> None:
        """Also where its end is what a program printed."""
        error = failed(summary="local-exec provisioner error", detail=f"exit status 3. Output{printed}")(same)
        assert (
            str(error) == f"terraform apply failed: local-exec provisioner error: exit status 3. Output{end}"
        )

    @pytest.mark.parametrize("first", ["panic: nil map", "fatal error: runtime: out of memory"])
    def test_a_crash_is_told_by_its_first_line(self, first: str) -> None:
        """The last one is of the stack."""
        transcript = Transcript()
        for text in ("Planning", first, "", "goroutine 1 [running]:", "main.main()", "\t/a/main.go:9 +0x1d"):
            transcript.add(parse(text))
        error = failure(Outcome("apply", Ended(2), transcript), timedelta(hours=1), same)
        assert str(error) == f"terraform apply ended with exit code 2; it said: {first}."

    def test_a_crashed_provider_is_told_with_what_it_said(self) -> None:
        """Terraform reports that the plugin is gone; its output has why."""
        transcript = Transcript()
        transcript.add(
            parse(line(diagnostic={"severity": "error", "summary": "Plugin did not respond", "detail": "x"}))
        )
        for text in ("Stack trace from the provider plugin:", "panic: nil map", "goroutine 1 [running]:"):
            transcript.add(parse(text))
        error = failure(Outcome("apply", Ended(1), transcript), timedelta(hours=1), same)
        assert "Plugin did not respond" in str(error)
        assert str(error).endswith("It said: panic: nil map.")

    @pytest.mark.parametrize(
        ("destroys", "beginning"),
        [
            (True, "Nothing was destroyed: a_b.c has"),
            (False, "Nothing was changed: the commit would destroy or replace a_b.c"),
        ],
    )
    def test_prevent_destroy_says_what_was_asked(self, destroys: bool, beginning: str) -> None:
        """A push is no destroy."""
        transcript = Transcript()
        detail = "Resource a_b.c has lifecycle.prevent_destroy set"
        summary = "Instance cannot be destroyed"
        transcript.add(parse(line(diagnostic={"severity": "error", "summary": summary, "detail": detail})))
        outcome = Outcome("plan", ENDED, transcript)
        error = failure(outcome, timedelta(hours=1), same, destroys=destroys)
        assert type(error) is NeedsPerson
        assert str(error).startswith(beginning)
        assert ("delete again" in str(error)) is destroys

    def test_a_lock_file_without_this_platform_names_the_command(self) -> None:
        """As it comes from a colleague's laptop."""
        error = failed(
            "init",
            summary="Failed to install provider",
            detail="Error while installing hashicorp/aws v5.100.0: the local package for "
            "registry.terraform.io/hashicorp/aws 5.100.0 doesn't match any of the checksums previously recorded in the "
            "dependency lock file (this might be because the available checksums are for packages targeting different "
            "platforms)",
        )(same)
        assert type(error) is NeedsPerson
        assert "`terraform providers lock -platform=linux_" in str(error)
        assert "hashicorp/aws" in str(error)

    def test_what_was_stopped_promises_nothing(self) -> None:
        """Whether it is done again depends on what becomes of the environment."""
        error = str(failed(ended=Ended(-2, Cause.STOPPED))(same))
        assert error == "terraform apply was stopped before its end."

    @pytest.mark.parametrize(
        ("ended", "part"),
        [
            (Ended(-9), "killed by signal 9"),
            (Ended(2), "exit code 2 and said nothing"),
            (Ended(1, Cause.TIMED_OUT), "longer than 1h"),
        ],
    )
    def test_without_words(self, ended: Ended, part: str) -> None:
        """Crashes and time-outs are told too."""
        assert part in str(failed(ended=ended)(same))


class TestBackend:
    """What the branch may have of its own."""

    @pytest.mark.parametrize(
        "source",
        [
            'backend "local" {}',
            'backend  "local"  {\n # a\n // b\n /* c\n d */\n}',
            'terraform { backend "local" {} }',
        ],
    )
    def test_an_empty_block_gives_way(self, tmp_path: Path, source: str) -> None:
        """Whitespace and comments are nothing."""
        assert self.asked(tmp_path, source)

    @pytest.mark.parametrize(
        "source",
        [
            'backend "local" { path = "x" }',
            'backend "s3" {}',
            'backend "local" { # }\n path = "x"\n}',
            "cloud {}",
            'backend "local" {',
        ],
    )
    def test_any_other_does_not(self, tmp_path: Path, source: str) -> None:
        """The sentence says where it is."""
        with pytest.raises(NeedsPerson, match=r"main\.tf:1 has a backend"):
            self.asked(tmp_path, source)

    def asked(self, root: Path, source: str) -> bool:
        """Ask for a file of this text, with the error Terraform would give."""
        (root / "main.tf").write_text(source)
        column = max(source.find("backend"), 0) + 1
        error = Diagnostic(
            severity="error",
            summary="Duplicate backend configuration",
            detail="The backend was previously configured at envmgr_backend.tf.json:1,34-35.",
            location=Location("main.tf", 1, column),
        )
        return backend.may_override(root, "local", [error])

    @pytest.mark.parametrize(
        ("configured", "is_ours"),
        [
            ({"bucket": "b", "acl": None, "assume_role": None, "endpoints": {"s3": "u", "iam": None}}, True),
            ({"bucket": "b", "endpoints": {"s3": "u"}, "assume_role": {"arn": None}, "tags": []}, True),
            ({"bucket": "b", "endpoints": {"s3": "u"}, "acl": "public-read"}, False),
            ({"bucket": "b", "endpoints": {"s3": "u"}, "encrypt": False}, False),
            ({"bucket": "b", "endpoints": {"s3": "u", "iam": "v"}}, False),
            ({"bucket": "b", "endpoints": {"s3": "u"}, "assume_role": {"arn": "a"}}, False),
            ({"bucket": "b"}, False),
            (None, False),
        ],
    )
    def test_exactly_ours_is_configured(self, tmp_path: Path, configured: object, is_ours: bool) -> None:
        """Terraform fills in nulls; all else that we did not say is the branch's."""
        document = {"backend": {"type": "s3", "config": configured}}
        (tmp_path / backend.CONFIGURED).write_text(json.dumps(document))
        assert backend.is_configured(tmp_path, ("s3", {"bucket": "b", "endpoints": {"s3": "u"}})) is is_ours

    def test_ours_may_come_first_or_last(self, tmp_path: Path) -> None:
        """The other block is in the detail where ours is the one complained about."""
        (tmp_path / "zz.tf").write_text('\n  backend "s3" {}\n')
        error = Diagnostic(
            severity="error",
            summary="Duplicate backend configuration",
            detail="The backend was previously configured at zz.tf:2,3-15.",
            location=Location("envmgr_backend.tf.json", 1, 34),
        )
        with pytest.raises(NeedsPerson, match=r"zz\.tf:2 has a backend block of its own \(s3\)"):
            backend.may_override(tmp_path, "local", [error])

    def test_a_named_file_outside_is_not_read(self, tmp_path: Path) -> None:
        """A place is a name in the root and nothing else."""
        error = Diagnostic(
            severity="error", summary="Duplicate backend configuration", location=Location("../x.tf", 1, 1)
        )
        with pytest.raises(NeedsPerson):
            backend.may_override(tmp_path, "local", [error])

    @pytest.mark.parametrize(
        ("configured", "fits"),
        [
            (
                {"type": "s3", "config": {"bucket": "b", "endpoints": {"s3": "u", "iam": None}, "x": None}},
                True,
            ),
            ({"type": "s3", "config": {"bucket": "other", "endpoints": {"s3": "u"}}}, False),
            ({"type": "local", "config": {"bucket": "b", "endpoints": {"s3": "u"}}}, False),
            (None, False),
        ],
    )
    def test_what_was_configured_is_compared(self, tmp_path: Path, configured: object, fits: bool) -> None:
        """Terraform's additions are fine, anything else than asked for is not."""
        (tmp_path / "terraform.tfstate").write_text(json.dumps({"backend": configured}))
        wanted = ("s3", {"bucket": "b", "endpoints": {"s3": "u"}})
        if fits:
            backend.check_configured(tmp_path, wanted)
        else:
            with pytest.raises(NeedsPerson, match="changes the backend"):
                backend.check_configured(tmp_path, wanted)


class TestRunLog:
    """Redacted and bounded."""

    def log(self, folder: Path, **options: int) -> RunLog:
        """A log at a fixed time."""
        return RunLog(folder / "log", lambda text: text.replace("one\ntwo", "***"), lambda: NOW, **options)

    def test_lines_have_a_time_and_no_secrets(self, tmp_path: Path) -> None:
        """A secret over two lines is found; escape sequences are gone."""
        with self.log(tmp_path) as log:
            log.write("a one\ntwo \x1b[31mred\x1b[0m\nb")
        assert (tmp_path / "log").read_text() == "2026-11-21T12:00:00Z a *** red\n2026-11-21T12:00:00Z b\n"

    def test_says_once_that_it_is_full(self, tmp_path: Path) -> None:
        """And what was there before counts."""
        (tmp_path / "log").write_text("x" * 900)
        with self.log(tmp_path, largest=1000) as log:
            for _ in range(100):
                log.write("y" * 40)
        text = (tmp_path / "log").read_text()
        assert text.count("the log is full") == 1
        assert len(text) < 1200

    def test_long_lines_are_cut(self, tmp_path: Path) -> None:
        """At 64 KiB."""
        with self.log(tmp_path) as log:
            log.write("z" * 200_000)
        assert (tmp_path / "log").stat().st_size < 70_000

    def test_a_full_disk_is_no_error(self) -> None:
        """Terraform goes on without a log."""
        with RunLog(Path("/dev/full"), same) as log:
            log.write("lost")
            assert log.is_full

    def test_no_symlink(self, tmp_path: Path) -> None:
        """A log is a file of ours."""
        (tmp_path / "log").symlink_to(tmp_path / "other")
        with pytest.raises(OSError, match="symbolic"):
            self.log(tmp_path)


class TestTail:
    """Follows a growing file."""

    @given(st.lists(st.binary(max_size=30), max_size=20))
    def test_gives_every_line_once(self, pieces: list[bytes]) -> None:
        """However the writes fall."""
        descriptor = os.memfd_create("output")
        try:
            tail, found = Tail(descriptor), []
            for piece in pieces:
                os.write(descriptor, piece)
                found += list(tail.lines())
            found += list(tail.last())
        finally:
            os.close(descriptor)
        expected = b"".join(pieces).split(b"\n")
        expected = expected if expected[-1] else expected[:-1]
        assert found == [each.decode(errors="replace").rstrip("\r") for each in expected]

    def test_memory_and_disk_are_bounded(self, tmp_path: Path) -> None:
        """A line without end is cut, and what was read is given back to the disk."""
        with (tmp_path / "output").open("w+b", buffering=0) as file:
            tail, longest = Tail(file.fileno(), longest=1000), 0
            for _ in range(64):
                file.write(b"x" * (1024 * 1024 - 1) + b"y")
                longest = max([longest, *map(len, tail.lines())])
            assert len(next(tail.last())) == 1000
            assert os.fstat(file.fileno()).st_blocks * 512 < 20 * 1024 * 1024

    @pytest.mark.timeout(60)
    def test_a_file_that_is_larger_than_what_is_in_it_holds_nobody_up(self, tmp_path: Path) -> None:
        """Whoever prints may make it so, as large as the file system allows: its reader would read zeros for hours."""
        with (tmp_path / "output").open("w+b", buffering=0) as file:
            tail = Tail(file.fileno(), longest=1000)
            os.write(file.fileno(), b"first\n")
            assert list(tail.lines()) == ["first"]
            file.truncate(4 * 1024**4)
            assert list(tail.lines()) == []
            file.seek(0, os.SEEK_END)
            os.write(file.fileno(), b"\nlast\n")
            zeros, last = tail.last()
            assert (zeros.strip("\0"), last) == ("", "last")


class TestCommand:
    """python-terraform's rendering, and only that."""

    def test_renders_options_and_starts_nothing_itself(self) -> None:
        """An argv for `run`."""
        seen: list[list[str]] = []

        def run(argv: list[str]) -> int:
            seen.append(argv)
            return 2

        command = TerraformCommand("tofu", run)
        assert command.cmd("plan", "x", json=IsFlagged, input=False, out="a b", destroy=None) == (
            2,
            None,
            None,
        )
        assert seen == [["tofu", "plan", "-json", "-input=false", "-out=a b", "x"]]
        assert command.plan(out="p")[0] == 2
        assert seen[1] == ["tofu", "plan", "-no-color", "-input=false", "-out=p", "-detailed-exitcode"]

    def test_refuses_what_the_package_gets_wrong(self) -> None:
        """Typos are no commands, dicts no files that stay behind."""
        command = TerraformCommand("terraform", lambda argv: pytest.fail(str(argv)))
        with pytest.raises(AttributeError):
            command.destory()
        with pytest.raises(TypeError, match="environment"):
            command.cmd("plan", var={"secret": "x"})


class TestVersions:
    """Asked once for each binary."""

    def binary(self, folder: Path, script: str) -> str:
        """A stand-in that counts how often it is asked."""
        path = folder / "terraform"
        path.write_text(f"#!/bin/sh\necho x >>{folder}/asked\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def versions(self, folder: Path, seconds: float = 100) -> Versions:
        """What is remembered in a folder."""
        return Versions(folder / "cache" / "versions.json", (1, 9), seconds=seconds)

    def test_remembers_until_the_file_changes(self, tmp_path: Path) -> None:
        """Across processes, and not where the memory is damaged."""
        binary = self.binary(
            tmp_path, """echo '{"terraform_version": "1.11.4", "terraform_outdated": false}'"""
        )
        assert [self.versions(tmp_path).version(binary) for _ in range(3)] == ["1.11.4"] * 3
        assert (tmp_path / "asked").read_text() == "x\n"
        self.binary(tmp_path, """echo '{"terraform_version": "1.12.0-beta1"}'""")
        assert self.versions(tmp_path).version(binary) == "1.12.0-beta1"
        (tmp_path / "cache" / "versions.json").write_text("[")
        assert self.versions(tmp_path).version(binary) == "1.12.0-beta1"

    @pytest.mark.parametrize(
        ("script", "part"),
        [
            ("""echo '{"terraform_version": "1.8.5"}'""", "needs 1.9 or newer"),
            ("echo hello", "is not Terraform"),
            ("""echo '{"terraform_version": 7}'""", "is not Terraform"),
            ("sleep 66", "did not report its version within 0.5 s"),
        ],
    )
    def test_refuses(self, tmp_path: Path, script: str, part: str) -> None:
        """With a sentence, every time."""
        binary = self.binary(tmp_path, script)
        for _ in range(2):
            with pytest.raises(NeedsPerson, match=part):
                self.versions(tmp_path, seconds=0.5 if "sleep" in script else 100).version(binary)

    def test_absent_and_not_executable(self, tmp_path: Path) -> None:
        """Told apart."""
        with pytest.raises(NeedsPerson, match="was not found"):
            self.versions(tmp_path).version("no-such-terraform")
        (tmp_path / "plain").write_text("")
        with pytest.raises(NeedsPerson, match="is not executable"):
            self.versions(tmp_path).version(str(tmp_path / "plain"))
        (tmp_path / "plain").chmod(0o755)
        (tmp_path / "plain").write_bytes(b"\x7fELFnot")
        with pytest.raises(NeedsPerson, match="cannot be started"):
            self.versions(tmp_path).version(str(tmp_path / "plain"))


class TestProviderCache:
    """Who may use it together."""

    def test_known_selections_share_and_others_wait(self, tmp_path: Path) -> None:
        """Two readers at once; a writer only alone."""
        cache = ProviderCache(tmp_path / "cache")
        cache.create()
        cache.satisfied("known")
        with cache.held("known", lambda: False) as one, cache.held("known", lambda: False) as two:
            assert None not in {one, two}
            with cache.held("new", lambda: False) as three:
                assert three is None
        with cache.held("new", lambda: False) as one, cache.held("known", lambda: False) as two:
            assert one is not None
            assert two is None

    def test_a_child_keeps_it(self, tmp_path: Path) -> None:
        """Where envmgr dies, its `init` still holds the cache."""
        cache = ProviderCache(tmp_path / "cache")
        cache.create()
        with cache.held("new", lambda: True) as descriptor:
            assert descriptor is not None
            child = subprocess.Popen(["sleep", "600"], pass_fds=(descriptor,))
        with cache.held("new", lambda: False) as other:
            assert other is None
        child.kill()
        child.wait()
        with cache.held("new", lambda: False) as other:
            assert other is not None

    def test_waits_its_turn(self, tmp_path: Path) -> None:
        """A thread that waits goes on when the cache is free."""
        cache = ProviderCache(tmp_path / "cache")
        cache.create()
        got: list[int | None] = []

        def wait() -> None:
            with cache.held("new", lambda: True) as descriptor:
                got.append(descriptor)

        with cache.held("new", lambda: True):
            thread = threading.Thread(target=wait)
            thread.start()
        thread.join(100)
        assert got
        assert got[0] is not None


class TestProcesses:
    """Death is claimed only where it is proved."""

    def test_this_process_lives(self) -> None:
        """And so says its identity."""
        assert processes.is_alive(processes.current_process()) is True

    def test_a_reaped_and_an_unreaped_child_are_dead(self) -> None:
        """A zombie does nothing any more."""
        child = subprocess.Popen(["sleep", "600"])
        identity = processes.identify(child.pid)
        assert processes.is_alive(identity) is True
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.is_alive(identity) is False
        child.wait()
        assert processes.is_alive(identity) is False
        with pytest.raises(ProcessLookupError):
            processes.identify(child.pid)

    def test_what_is_not_here_is_not_known(self) -> None:
        """Another host or PID namespace says nothing; another start time is a proof."""
        here = processes.current_process()
        boot = here.boot.split("/")[0]
        assert processes.is_alive(replace(here, host="elsewhere")) is None
        assert processes.is_alive(replace(here, boot=f"{boot}/pid:[1]")) is None
        assert processes.is_alive(replace(here, started=here.started + 1)) is False

    def test_another_boot_is_a_proof_for_the_very_same_machine_only(self) -> None:
        """Two machines may have one name: what the other runs lives, whatever boot this one is in."""
        before = replace(processes.current_process("ours"), boot="another/pid:[1]")
        host = processes.Processes("ours")
        assert host.is_dead(before)
        assert host.is_dead(replace(before, host="its name of before"))
        assert not host.is_dead(replace(before, machine="theirs"))
        assert not host.is_dead(replace(before, machine=""))  # as older releases wrote it
        assert not processes.Processes().is_dead(before)

    def test_a_process_is_the_same_whether_or_not_its_machine_is_said(self) -> None:
        """A Terraform that was begun by an older release is attended by a newer one."""
        here = processes.current_process("ours")
        assert here.is_same(replace(here, machine=""))
        assert replace(here, machine="").is_same(here)
        assert not here.is_same(replace(here, machine="theirs"))
        assert not here.is_same(replace(here, pid=here.pid + 1))
