"""A failed command as the error that says how to go on, in one sentence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from envmgr.config.sections.duration import format_duration
from envmgr.config.sections.size import format_size
from envmgr.domain.errors import (
    EnvmgrError,
    Interrupted,
    NeedsOperator,
    NeedsPerson,
    StalePlan,
    StateLocked,
    Transient,
)
from envmgr.domain.values.cage import Limit
from envmgr.domain.values.names import first
from envmgr.host.cage.bounds import told
from envmgr.host.children.child import Cause
from envmgr.host.programs import platform_name
from envmgr.ports import Redact

from .diagnostics import Diagnostic, Location
from .session import Outcome

INITIALISE = (
    "Backend initialization required",
    "Backend configuration changed",
    "Initial configuration of the requested backend",
    "Module not installed",
    "Module source has changed",
    "Module version requirements have changed",
    "Inconsistent dependency lock file",
    "Required plugins are not installed",
    "Missing required provider",
)
SOURCE_AWAY = ("Failed to query available provider packages", "Failed to install provider")
OUTDATED_LOCK = "does not match configured version constraint"
_OTHER_CHECKSUMS = "match any of the checksums previously recorded"

_PERSON = (
    "Unsupported Terraform Core version",
    "Unsupported OpenTofu Core version",
    "Incompatible module",
    "Invalid value for variable",
    "Invalid value for input variable",
    "Value for undeclared variable",
    "Invalid backend configuration",
    "Unreadable module directory",
)
_MISSING = ("No value for required variable",)
_STALE = ("Saved plan is stale", "Saved plan does not match the given state")
# The second is of `init`, which writes a first state where there is none.
_LOCKED = ("Error acquiring the state lock", "Error loading state: failed to lock")
# What says that somebody holds it, also where Terraform cannot read who: Azure, S3, DynamoDB, a local file.
_HELD = re.compile(
    r"already locked|PreconditionFailed|ConditionalCheckFailed|resource temporarily unavailable",
    re.IGNORECASE,
)
# What git and ssh say of a repository that wants other credentials, or any.
_DENIED = re.compile(
    r"could not read (username|password)|terminal prompts disabled|authentication failed|permission denied \("
    r"|host key verification failed|repository not found|error: 40[134]",
    re.IGNORECASE,
)
_PREVENTED = ("Instance cannot be destroyed", "Resource instance cannot be destroyed")
_RESOURCE = re.compile(r"Resource (?:instance )?(.+?) has (?:lifecycle\.)?prevent_destroy")
_VARIABLE = re.compile(r'variable "([^"]+)"')
_UNFITTING = re.compile(
    r"The given value is not suitable for var\.(\S+) declared at (.+):(\d+),\d+-[\d,]+: (.*)", re.DOTALL
)
_DATA = re.compile(r"(^|\.)data\.")
_CONDITIONS = (
    "Resource postcondition failed",
    "Resource precondition failed",
    "Module output value precondition failed",
)
_NOT_EMPTY = {
    "BucketNotEmpty": "`force_destroy = true`",
    "HostedZoneNotEmpty": "`force_destroy = true`",
    "RepositoryNotEmptyException": "`force_delete = true`",
    "still contains Resources": "`prevent_deletion_if_contains_resources = false` (of the provider's `features`)",
}
"""How clouds say that something still holds what Terraform did not make, and what has Terraform delete that as well."""
_REASON = ("Error", "Failed")  # advice may follow it
_LONGEST = 400
_BEGINNING = 140
_GAP = " … "
_NO_MEMORY = re.compile(
    r"out of memory|cannot allocate memory|failed to (allocate|reserve|create new OS thread)|pthread_create failed|newosproc"
)
_PROVIDER = re.compile(r"registry\.\S+?/\S+?/[\w-]+|[\w.-]+/[\w-]+/[\w-]+(?= [v\d])")
# Azure's IDs (200 characters of subscription, group and provider), and azurerm's way to take them apart.
_LONG_ID = re.compile(
    r"/subscriptions/[\w-]+(?:/resourceGroups/[^/\s\"':,]+)?(?:/providers(?:/[^/\s\"':,]+)+?)?"
    r"/(?P<type>[^/\s\"':,]+)/(?P<name>[^/\s\"':,]+)(?=[\s\"':,]|$)",
    re.IGNORECASE,
)
_PARTS = re.compile(r"\(Subscription: \"[^\"]*\"[^()]*?: \"(?P<name>[^\"]*)\"\)")
# How azurerm and AWS's SDK say which request it was: nothing a reader can use.
_REQUEST = re.compile(r"(?: https response error)? StatusCode: \d+, RequestID: [\w-]+,(?: HostID: \S*,)?")


def failure(
    outcome: Outcome,
    timeout: timedelta,
    redact: Redact,
    *,
    is_invalid: bool = False,
    folder: str = "",
    destroys: bool = False,
) -> EnvmgrError:
    """The error for a command that did not succeed.

    `is_invalid` says that `validate` refuses the code too; `folder` is the root's path in the branch; `destroys` that
    the end of all was asked for, and no change.
    """
    if outcome.ended.cause is Cause.STOPPED:
        return Interrupted(f"terraform {outcome.command} was stopped before its end.")
    if outcome.ended.cause is Cause.TIMED_OUT:
        return _timed_out(outcome, timeout)
    if limited := _limited(outcome):
        # More time may not be needed once more; of all else there will be too little again.
        return Transient(limited) if outcome.ended.reached == (Limit.TIME,) else NeedsOperator(limited)
    error = _within(folder, outcome.transcript.error())
    if error is None:
        return Transient(_cut(redact(_wordless(outcome))))
    return _from_error(outcome, error, redact, is_invalid, folder, destroys)


def _timed_out(outcome: Outcome, timeout: timedelta) -> EnvmgrError:
    allowed = outcome.cage.limits.time if outcome.cage is not None else None
    if allowed is not None and allowed < timeout:
        return Transient(
            f"terraform {outcome.command} took longer than {format_duration(allowed)} and was ended: see its log, or raise cage.time."
        )
    return Transient(
        f"terraform {outcome.command} took longer than {format_duration(timeout)} and was ended: see its log, or raise terraform.timeout."
    )


def _limited(outcome: Outcome) -> str:
    """Which limit a command ran into, and what to do; empty where that is none."""
    cage, command = outcome.cage, outcome.command
    if cage is None:
        return ""
    if limit := told(outcome.ended.reached, cage.together):
        return f"terraform {command} failed after it had reached {limit}: reduce the code, or raise that limit in the organization file."
    memory = cage.limits.memory
    if memory is not None and _NO_MEMORY.search(outcome.transcript.crash):
        return (
            f"terraform {command} ended because it, or a provider, needs more memory than the {format_size(memory)} it is allowed: reduce the code, or raise "
            "limits.terraform.memory in the organization file."
        )
    return ""


def blames_what_is_read(errors: Sequence[Diagnostic]) -> bool:
    """Whether all errors are of what a refresh reads or checks: data sources, and conditions on what they found."""
    return bool(errors) and all(
        _DATA.search(error.address) or error.summary.startswith(_CONDITIONS) for error in errors
    )


def _within(folder: str, error: Diagnostic | None) -> Diagnostic | None:
    """The error, its place named as the branch's people know it."""
    if error is None or error.location is None:
        return error
    return replace(error, location=error.location.within(folder))


def _from_error(
    outcome: Outcome, error: Diagnostic, redact: Redact, is_invalid: bool, folder: str, destroys: bool
) -> EnvmgrError:
    locked = next((e for e in outcome.transcript.errors or [error] if e.summary.startswith(_LOCKED)), None)
    if locked and (holder := _lock_holder(f"{locked.summary}\n{locked.detail}")):
        return StateLocked(f"The state is locked by {holder}; it will be tried again.")
    if outcome.transcript.has(*_STALE):
        return StalePlan("The state has changed since the plan was made; it will be planned again.")
    if refused := _of_init(outcome.transcript.errors, redact):
        return refused
    if outcome.transcript.has(*_PREVENTED):
        return NeedsPerson(_cut(_prevented(outcome.transcript.errors, destroys=destroys)))
    if value := _about_value(outcome, folder):
        return NeedsPerson(_cut(redact(value)))
    if crash := outcome.transcript.crash:
        error = replace(
            error, detail=f"{error.detail.rstrip(' .')}. It said: {crash.rstrip('.')}.".lstrip(". ")
        )
    # Redacted first: what is shortened may leave a part of a secret, which would pass for none.
    shown = replace(error, summary=redact(error.summary), detail=redact(error.detail))
    sentence = _cut(redact(_sentence(f"terraform {outcome.command} failed", shown))) + _way_out(error)
    needs_person = is_invalid or error.summary.startswith(_PERSON)
    return NeedsPerson(sentence) if needs_person else Transient(sentence)


def _way_out(error: Diagnostic) -> str:
    """What a person does where something is not deleted since it holds what Terraform did not make."""
    said = f"{error.summary} {error.detail}"
    setting = next((setting for mark, setting in _NOT_EMPTY.items() if mark in said), "")
    return setting and (
        f" Terraform deletes it only when it is empty: empty it by hand, and it will be tried again. With {setting} in the applied code, Terraform empties it itself."
    )


def _of_init(errors: Sequence[Diagnostic], redact: Redact) -> NeedsPerson | None:
    """What of a failed `init` only a person can mend."""
    if said := _about_lock_file(errors):
        return NeedsPerson(_cut(said))
    if private := next((e for e in errors if _is_private_module(e)), None):
        return NeedsPerson(_private_module(_cut(redact(_sentence("A module could not be read", private)))))
    return None


def _is_private_module(error: Diagnostic) -> bool:
    return error.summary.startswith("Failed to download module") and bool(_DENIED.search(error.detail))


def _private_module(said: str) -> str:
    return (
        f"{said} Its host wants credentials, and modules are not given the repository's: whoever pushes could read with "
        "them what the branch may not. Give some that may read modules only, under environment_variables: "
        "GIT_CONFIG_COUNT, GIT_CONFIG_KEY_0 and GIT_CONFIG_VALUE_0 (in the documents: Your own Terraform code, Modules from elsewhere)."
    )


def _prevented(errors: Iterable[Diagnostic], *, destroys: bool) -> str:
    named = [match[1] for e in errors if (match := _RESOURCE.search(" ".join(e.detail.split())))]
    which = first(named, 3)
    which = which or "a resource"
    if not destroys:
        return (
            f"Nothing was changed: the commit would destroy or replace {which}, which has lifecycle.prevent_destroy. "
            "Push a commit that leaves it as it is, or one without prevent_destroy first."
        )
    return f"Nothing was destroyed: {which} has lifecycle.prevent_destroy. Push a commit without it (push the branch again if it is gone), and destroy or delete again once that is applied."


def missing_variables(outcome: Outcome) -> frozenset[str]:
    """The variables of which a command says that they have no value."""
    errors = (error for error in outcome.transcript.errors if error.summary.startswith(_MISSING))
    named = (_VARIABLE.search(f"{error.context} {error.code} {error.detail}") for error in errors)
    return frozenset(found[1] for found in named if found)


def _about_value(outcome: Outcome, folder: str) -> str:
    """What is wrong with a value that we gave, or should give; empty where it is something else."""
    for error in outcome.transcript.errors:
        if error.summary.startswith(_MISSING):
            return _missing_variable(_within(folder, error) or error)
        if error.location is None and (found := _UNFITTING.match(error.detail)):
            return _unfitting(found, folder)
    return ""


def _missing_variable(error: Diagnostic) -> str:
    name = _VARIABLE.search(f"{error.context} {error.code} {error.detail}")
    which = f"The variable {name[1]}" if name else "A variable"
    where = f" ({error.location})" if error.location else ""
    return (
        f"{which}{where} has no value: set it under `variables` in the organization file "
        "or in the branch's .envmgr.yaml, or give it a default."
    )


def _unfitting(found: re.Match[str], folder: str) -> str:
    name, file, line, wanted = found.groups()
    where = Location(file, int(line), 1).within(folder)
    return (
        f"The value of the variable {name} ({where}) does not fit: {' '.join(wanted.split()).rstrip('.')}. "
        "Give another under `variables` in the organization file or in the branch's .envmgr.yaml."
    )


def _lock_holder(detail: str) -> str:
    """Who holds the lock, by Terraform's message; empty where it could not be taken for another reason."""
    found = {
        key: match[1].strip()
        for key in ("ID", "Operation", "Who", "Created")
        if (match := re.search(rf"^\s*{key}:[ \t]+(\S.*)$", detail, re.MULTILINE))
    }
    if "ID" not in found:  # a holder may die between taking the lock and noting its ID
        return "someone who left no ID" if _HELD.search(detail) else ""
    since = found.get("Created", "")[:19]
    return (
        f"{found.get('Who', 'someone who left no name')}{f' since {since} UTC' if since else ''} "
        f"({found.get('Operation', 'operation unknown')}, lock {found['ID']})"
    )


def _about_lock_file(errors: Iterable[Diagnostic]) -> str:
    """What is wrong with the branch's lock file, and the command that mends it; empty where it is not to blame."""
    details = [e.detail for e in errors]
    if any(OUTDATED_LOCK in detail for detail in details):
        return (
            ".terraform.lock.hcl of the branch locks a provider version that the code's version constraint "
            "excludes: run `terraform init -upgrade` and commit the lock file."
        )
    others = [" ".join(detail.split()) for detail in details]
    others = [detail for detail in others if _OTHER_CHECKSUMS in detail]
    return _other_checksums(" ".join(others)) if others else ""


def _other_checksums(details: str) -> str:
    named = list(dict.fromkeys(_PROVIDER.findall(details)))
    which = ", ".join(named[:3]) or "a provider"
    return (
        f".terraform.lock.hcl of the branch has no checksum of {which} for this platform ({platform_name()}), or the package "
        f"was changed since: run `terraform providers lock -platform={platform_name()}` in the branch's Terraform folder, "
        "and commit the lock file."
    )


def _sentence(start: str, error: Diagnostic) -> str:
    """What failed where, and why; what Terraform says twice is said once."""
    where = f" at {error.location}" if error.location else f" for {error.address}" if error.address else ""
    detail = _without_preamble(" ".join(error.detail.split()))
    summary = _without_preamble(" ".join(error.summary.split())).rstrip(".:")
    if summary in detail:
        summary, detail = detail.rstrip(".:"), ""
    elif detail.rstrip(".:") in summary:
        detail = ""
    said = (f"{summary}: {detail}" if detail else summary).rstrip(" :")
    # What a program printed may end the detail; another sentence may follow.
    return f"{start}{where}: {said}" + ("" if said.endswith((".", "!", "?")) else ".")


def _without_preamble(text: str) -> str:
    """The text with Azure's long resource IDs, and how azurerm names them, as the last of their names."""
    short = _LONG_ID.sub(r"\g<type>/\g<name>", _PARTS.sub(r"(\g<name>)", text))
    return _REQUEST.sub("", short)


def _cut(text: str) -> str:
    """At most as long as a sentence, its end kept, since the reason stands there; only what is redacted may be cut."""
    if len(text) <= _LONGEST:
        return text
    rest = _LONGEST - _BEGINNING - len(_GAP)
    return f"{text[:_BEGINNING].rstrip()}{_GAP}{text[-rest:].lstrip()}"


def _wordless(outcome: Outcome) -> str:
    code = outcome.ended.code
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    told = outcome.transcript.plain
    reason = outcome.transcript.crash or next(
        (line for line in told if line.startswith(_REASON)), "".join(told[-1:])
    )
    said = f"; it said: {' '.join(reason.split())}" if reason else " and said nothing"
    return f"terraform {outcome.command} {how}{said}."
