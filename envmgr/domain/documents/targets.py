"""Where deploy steps send files to: only what the environment's own state says that its code made.

A name alone proves nothing: a branch can have any name as an output, and resources that only belong to another's
bucket or account carry its name. So it goes by the resource that is the place itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from envmgr.domain.values.step import Command, Site, Step, Zip

_ACCOUNTS = "/providers/microsoft.storage/storageaccounts/"
_SITES = "/providers/microsoft.web/sites/"
_APPS = (
    "azurerm_linux_web_app",
    "azurerm_windows_web_app",
    "azurerm_linux_function_app",
    "azurerm_windows_function_app",
    "azurerm_function_app_flex_consumption",
    "azurerm_logic_app_standard",
    "azurerm_app_service",
    "azurerm_function_app",
)
_SLOT = "_slot"


@dataclass(frozen=True, slots=True)
class Target:
    """A place that files can be sent to, as a state has it.

    `kind` is the key that names it in a step, `name` how a step may name it, `place` what it is called without doubt: an
    ARN, a host. A container's name has its account's before it.
    """

    kind: str
    name: str
    place: str


def targets_of(resources: Iterable[Mapping[str, Any]]) -> tuple[Target, ...]:
    """The places that a state's resources are."""
    return tuple(
        target
        for resource in resources
        if resource["mode"] != "data"
        for instance in resource.get("instances") or ()
        for target in _targets(str(resource["type"]), instance.get("attributes") or {})
    )


def settled(step: Step, own: Iterable[Target], region: str) -> Step | None:
    """The step with its place called without doubt; None where that is none of its `own`.

    `region` is where a Lambda function is that a step calls by its mere name. What names no place is left to whoever
    does the step.
    """
    run = _settled(step.run, tuple(own), region)
    return None if run is None else replace(step, run=run)


def place_of(run: Command | Site | Zip) -> str:
    """The place that a step names, for a sentence; empty where it sends nothing anywhere."""
    match run:
        case Site(bucket=bucket) if bucket:
            return f"bucket {bucket}"
        case Site(storage_account=account, container=container) if account:
            return f"container {container} of storage account {account}"
        case Zip(function=function) if function:
            return f"function {function}"
        case Zip(app_service=app) if app:
            return f"app_service {app}"
        case _:
            return ""


def _settled(run: Command | Site | Zip, own: tuple[Target, ...], region: str) -> Command | Site | Zip | None:
    match run:
        case Site(bucket=bucket) if bucket:
            return run if _named("bucket", bucket, own) else None
        case Site(storage_account=account, container=container) if account:
            is_own = _named("storage_account", account, own) or _named(
                "container", f"{account}/{container}", own
            )
            return run if is_own else None
        case Zip(function=function) if function:
            arn = _function(function, own, region)
            return replace(run, function=arn) if arn else None
        case Zip(app_service=app) if app:
            host = _app(app, own)
            return replace(run, app_service=host) if host else None
        case _:
            return run


def _named(kind: str, name: str, own: Iterable[Target]) -> list[Target]:
    return [each for each in own if each.kind == kind and each.name == name]


def _function(name: str, own: tuple[Target, ...], region: str) -> str:
    """The ARN of a function that a step gives by its ARN or by its name; of several by one name, the region's."""
    places = [each.place for each in own if each.kind == "function" and each.place == name]
    places += [each.place for each in _named("function", name, own)]
    here = [place for place in places if place.split(":")[3] == region]
    return next(iter(here if len(places) > 1 else places), "")


def _app(name: str, own: Iterable[Target]) -> str:
    """The host of an app that a step gives by its name, its host or its deployment site's host."""
    wanted = name.lower().replace(".scm.", ".", 1)
    found = (each.place for each in own if each.kind == "app_service" and wanted in (each.name, each.place))
    return next(found, "")


def _targets(kind: str, attributes: Mapping[str, Any]) -> Iterable[Target]:
    def text(name: str) -> str:
        value = attributes.get(name)
        return value if isinstance(value, str) else ""

    match kind:
        case "aws_s3_bucket" if bucket := text("bucket"):
            yield Target("bucket", bucket, bucket)
        case "aws_lambda_function" if text("arn").count(":") == 6:
            yield Target("function", text("function_name"), text("arn"))
        case "azurerm_storage_account" if name := text("name"):
            yield Target("storage_account", name, name)
        case "azurerm_storage_container" if name := text("name"):
            account = text("storage_account_name") or _after(text("storage_account_id"), _ACCOUNTS)
            yield Target("container", f"{account}/{name}", name)
        case "azapi_resource":
            yield from _azapi(text("id"), attributes.get("output"))
        case _ if kind.removesuffix(_SLOT) in _APPS:
            host = (text("default_hostname") or text("default_site_hostname")).lower()
            if host:
                yield Target("app_service", "" if kind.endswith(_SLOT) else text("name").lower(), host)


def _azapi(identifier: str, output: object) -> Iterable[Target]:
    account, site = _after(identifier, _ACCOUNTS), _after(identifier, _SITES)
    if account:
        yield Target("storage_account", account, account)
    host = _default_host(output)
    if site and host:
        yield Target("app_service", "" if "/slots/" in site else site, host)


def _default_host(output: object) -> str:
    """What Azure answered as the app's host, where the code has kept that; older releases keep it as a text."""
    try:
        found = json.loads(output) if isinstance(output, str) else output
        return str(found["properties"]["defaultHostName"]).lower()  # type: ignore[index]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _after(identifier: str, part: str) -> str:
    """What an ID has after a part, in lower case: Azure tells no case apart; empty where it does not end with a name."""
    _, found, name = identifier.lower().partition(part)
    return name if found and "/" not in name.replace("/slots/", "", 1) else ""
