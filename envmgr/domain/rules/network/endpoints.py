"""At which names a state and the clouds are, so that Terraform reaches them whatever a list says."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from envmgr.domain.values.backend import Backend

_AWS = ("*.amazonaws.com:443", "*.api.aws:443")
_AWS_OF_CHINA = ("*.amazonaws.com.cn:443",)
_AZURE = (
    "management.azure.com:443",
    "login.microsoftonline.com:443",
    "graph.microsoft.com:443",
    "*.core.windows.net:443",
    "*.vault.azure.net:443",
)
_AWS_NAMES = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_CONFIG_FILE")
_AZURE_NAMES = ("ARM_SUBSCRIPTION_ID", "ARM_CLIENT_ID")
_ENDPOINT = "AWS_ENDPOINT_URL"
_HTTPS = 443


def of_clouds(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those of the clouds that an organization's variables are for."""
    found: list[str] = []
    if any(environment.get(name) for name in _AWS_NAMES):
        found += _AWS_OF_CHINA if _region(environment).startswith("cn-") else _AWS
        found += _own(environment)
    if any(environment.get(name) for name in _AZURE_NAMES):
        found += _AZURE
    return tuple(dict.fromkeys(found))


def of_state(backend: Backend, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those of a backend, and of who lets one in there."""
    kind, settings = backend
    match kind:
        case "s3":
            return tuple(dict.fromkeys(_of_bucket(settings, environment)))
        case "azurerm":
            account = settings["storage_account_name"]
            return (
                f"{account}.blob.core.windows.net:443",
                "login.microsoftonline.com:443",
                "management.azure.com:443",
            )
        case _:
            return ()


def _of_bucket(settings: Mapping[str, object], environment: Mapping[str, str]) -> Iterator[str]:
    region = str(settings.get("region") or _region(environment))
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    near = f".{region}" if region else ""
    services = ("s3", "sts", *(("dynamodb",) if settings.get("dynamodb_table") else ()))
    for service in services:
        yield from (f"{service}{near}.{domain}:443", f"{service}.{domain}:443")
    bucket = settings["bucket"]
    yield from (f"{bucket}.s3{near}.{domain}:443", f"{bucket}.s3.{domain}:443")
    endpoints = settings.get("endpoints")
    named = [settings.get("endpoint"), *(endpoints.values() if isinstance(endpoints, Mapping) else ())]
    for endpoint in named:
        yield from _at(endpoint)
    yield from _own(environment)


def _own(environment: Mapping[str, str]) -> Iterator[str]:
    """Where services are that an organization has elsewhere."""
    for name, value in environment.items():
        if name == _ENDPOINT or name.startswith(f"{_ENDPOINT}_"):
            yield from _at(value)


def _at(url: object) -> Iterator[str]:
    """Of an https URL; by another the proxy does not lead."""
    try:
        found = urlsplit(str(url or ""))
        port = found.port or _HTTPS
    except ValueError:
        return
    if found.scheme == "https" and found.hostname:
        yield f"{found.hostname}:{port}"


def _region(environment: Mapping[str, str]) -> str:
    return environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
