"""Azure credentials and connections from an organization's environment variables, never from the process's.

The names and their order are those of Terraform's azurerm backend and provider.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core import AzureClouds, PipelineClient
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, ProxyPolicy, RetryPolicy
from azure.core.rest import HttpRequest

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Refused, Transient
from envmgr.host.credentials import network

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

_SIGN_IN_CODE = re.compile(r"AADSTS\d+")
_SIGN_IN_BUSY = {"AADSTS90006", "AADSTS90012", "AADSTS90033", "AADSTS90055"}
"""What Microsoft says of a sign-in that it is too busy for: azure-identity calls that a refusal, too."""
_SIGN_IN_STATUS = re.compile(r"HTTP Error: (\d{3})")
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")

# What a service principal proves itself by, in Terraform's order.
_IDENTITY_SECRETS = (
    "client_secret",
    "client_secret_file_path",
    "client_certificate",
    "client_certificate_path",
)


@dataclass(frozen=True, slots=True)
class AzureCloudNames:
    """One of Microsoft's clouds: where its storage, control plane, sign-in and apps are."""

    storage_suffix: str
    resource_manager: str
    authority: str
    app_service: tuple[str, ...]
    setting: AzureClouds


_CLOUDS = {
    "public": AzureCloudNames(
        "blob.core.windows.net",
        "https://management.azure.com",
        "login.microsoftonline.com",
        ("azurewebsites.net", "appserviceenvironment.net"),
        AzureClouds.AZURE_PUBLIC_CLOUD,
    ),
    "usgovernment": AzureCloudNames(
        "blob.core.usgovcloudapi.net",
        "https://management.usgovcloudapi.net",
        "login.microsoftonline.us",
        ("azurewebsites.us", "appserviceenvironment.us"),
        AzureClouds.AZURE_US_GOVERNMENT,
    ),
    "china": AzureCloudNames(
        "blob.core.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "login.chinacloudapi.cn",
        ("chinacloudsites.cn", "appserviceenvironment.cn"),
        AzureClouds.AZURE_CHINA_CLOUD,
    ),
}


class AzureAccount:
    """Who an organization is on Azure; `settings` are the keys of Terraform's azurerm backend where one is meant."""

    def __init__(self, environment: Mapping[str, str], settings: Mapping[str, object] | None = None) -> None:
        self._environment = environment
        self._settings = settings or {}
        self._storage_secrets = () if settings is None else ("access_key", "sas_token")

    def value(self, key: str) -> str:
        """A backend setting by Terraform's key, or else its variable: `tenant_id` or `ARM_TENANT_ID`."""
        return str(self._settings.get(key) or self.secret(key))

    def secret(self, key: str) -> str:
        """A value that only a variable may carry: `access_key` is `ARM_ACCESS_KEY`."""
        return self._environment.get(f"ARM_{key.upper()}", "")

    @property
    def cloud(self) -> AzureCloudNames:
        """The cloud that `environment` or ARM_ENVIRONMENT names; NeedsPerson where nobody knows it."""
        name = (self.value("environment") or "public").lower()
        if name not in _CLOUDS:
            known = ", ".join(_CLOUDS)
            raise NeedsPerson(f"ARM_ENVIRONMENT names no cloud that envmgr knows: use one of {known}.")
        return _CLOUDS[name]

    def connection(self, host: str) -> dict[str, Any]:
        """Arguments for every client of Azure's libraries: proxy, trust, time limits, few retries."""
        return {
            "proxies": network.proxies(self._environment, host),
            "connection_verify": network.trust(self._environment, *_TRUST),
            # Else these libraries take proxies from the process's own variables.
            "use_env_settings": False,
            "connection_timeout": network.CONNECT_SECONDS,
            "read_timeout": network.READ_SECONDS,
            "retry_total": network.RETRIES,
        }

    def token_credential(self) -> "TokenCredential":
        """The credential that the variables describe; the Azure CLI's sign-in where they describe none."""
        from azure import identity

        tenant, client = self.value("tenant_id"), self.value("client_id")
        options = {**self.connection(self.cloud.authority), "authority": self.cloud.authority}
        if client and tenant and self._has("client_secret", "client_secret_file_path"):
            return identity.ClientSecretCredential(tenant, client, self._client_secret(), **options)
        if client and tenant and self._has("client_certificate", "client_certificate_path"):
            return identity.CertificateCredential(
                tenant,
                client,
                self.secret("client_certificate_path") or None,
                certificate_data=self._certificate(),
                password=self.secret("client_certificate_password") or None,
                **options,
            )
        if network.is_true(self.value("use_oidc")):
            return identity.ClientAssertionCredential(tenant, client, self._assertion, **options)
        if network.is_true(self.value("use_msi")):
            return identity.ManagedIdentityCredential(client_id=client or None, use_env_settings=False)
        return identity.AzureCliCredential(tenant_id=tenant, process_timeout=network.READ_SECONDS)

    def _has(self, *keys: str) -> bool:
        return any(map(self.secret, keys))

    def _client_secret(self) -> str:
        path = self.secret("client_secret_file_path")
        return self.secret("client_secret") or Path(path).read_text(encoding="utf-8").strip()

    def _certificate(self) -> bytes | None:
        """The PKCS#12 that a variable carries as base64; none where it names a file."""
        text = "".join(self.secret("client_certificate").split())
        if self.secret("client_certificate_path") or not text:
            return None
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            raise NeedsPerson(
                "ARM_CLIENT_CERTIFICATE is no base64: give the PKCS#12 file (.pfx) as base64, or its path as "
                "ARM_CLIENT_CERTIFICATE_PATH."
            ) from None

    def _assertion(self) -> str:
        path = self.secret("oidc_token_file_path")
        return Path(path).read_text(encoding="utf-8").strip() if path else self.secret("oidc_token")

    def client(self, address: str) -> PipelineClient[Any, Any]:
        """A client for an address that takes the control plane's tokens; redirects are not followed."""
        options = self.connection(urlsplit(address).hostname or "")
        sign_in = BearerTokenCredentialPolicy(
            self.token_credential(), f"{self.cloud.resource_manager}/.default"
        )
        # A bare PipelineClient takes transport options only; without its own policies it has no proxy.
        policies = [ProxyPolicy(**options), RetryPolicy(**options), sign_in]
        return PipelineClient(address, policies=policies, **options)

    def control_plane(self, method: str, path: str, api_version: str, **query: str) -> Mapping[str, Any]:
        """What a request below the subscription answers, as JSON; for the few calls that need no client of their own."""
        subscription = self.value("subscription_id")
        if not subscription:
            raise network.failing(
                NeedsPerson,
                "the subscription is not known: set ARM_SUBSCRIPTION_ID in environment_variables.",
            )
        with self.client(self.cloud.resource_manager) as client:
            url = f"{self.cloud.resource_manager}/subscriptions/{subscription}/{path}"
            params = {"api-version": api_version, **query}
            response = client.send_request(HttpRequest(method, url, params=params))
            response.raise_for_status()
            answer: Mapping[str, Any] = response.json()
            return answer

    @property
    def has_identity(self) -> bool:
        """Whether the variables say who signs in, so that it need not be the Azure CLI's user."""
        named = self.value("client_id") and self.value("tenant_id")
        if named and self._has(*_IDENTITY_SECRETS):
            return True
        return any(network.is_true(self.value(key)) for key in ("use_oidc", "use_msi"))

    @property
    def variables(self) -> str:
        """The names of the variables that decide who envmgr is on Azure, for a sentence; never their values."""
        secrets = (*self._storage_secrets, *_IDENTITY_SECRETS)
        given = [key for key in secrets if self.secret(key)]
        given += [key for key in ("use_oidc", "use_msi") if network.is_true(self.value(key))]
        if given:
            return f"ARM_{given[0].upper()}"
        wanted = " or ".join(f"ARM_{key.upper()}" for key in (*self._storage_secrets, "client_secret"))
        return f"{wanted} (not set, so the Azure CLI was asked)"

    @contextmanager
    def failures(self, where: str) -> Iterator[None]:
        """Turns failures of Azure's libraries into NeedsPerson, Refused where Azure itself says no, or Transient.

        Never shows a secret. Connection errors quote the address, which carries the SAS token: they are not kept as
        a cause.
        """
        try:
            yield
        except (ServiceRequestError, ServiceResponseError) as error:
            raise self._unreachable(error, where) from None
        except ClientAuthenticationError as error:
            cause = error.__cause__  # azure-identity calls every failure of a sign-in a refusal
            if isinstance(cause, ServiceRequestError | ServiceResponseError):
                raise self._unreachable(cause, f"the sign-in for {where}") from None
            if isinstance(cause, HttpResponseError):
                raise self._refusal(cause, f"the sign-in for {where}") from error
            code = _SIGN_IN_CODE.search(str(error))
            status = _SIGN_IN_STATUS.search(str(error))  # MSAL tells it in words alone
            if code is None and status is not None and _passes(int(status[1])):
                raise self._busy(f"the sign-in for {where}", status[1]) from None
            if code is not None and code[0] in _SIGN_IN_BUSY:
                raise self._busy(f"the sign-in for {where}", code[0]) from None
            raise self._refused(where, code[0] if code else error_code(error)) from error
        except HttpResponseError as error:
            raise self._refusal(error, where) from error
        except OSError as error:
            raise network.failing(
                NeedsPerson,
                f"a file that {where} needs cannot be read ({type(error).__name__}): check the paths in SSL_CERT_FILE "
                "and the ARM_… variables.",
            ) from error
        except (AzureError, ValueError) as error:
            raise network.failing(
                NeedsPerson,
                f"{where} cannot be asked with the credentials given ({type(error).__name__}): "
                f"check {self.variables}.",
            ) from error

    def _unreachable(self, error: AzureError, where: str) -> EnvmgrError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return network.failing(
                NeedsPerson,
                f"the certificate of {where} is not trusted: name the authority's file in SSL_CERT_FILE "
                "of environment_variables.",
            )
        return network.failing(
            Transient, f"{where} cannot be reached ({type(error).__name__}): it will be tried again."
        )

    def _refusal(self, error: HttpResponseError, where: str) -> EnvmgrError:
        status = error.status_code or 0
        if status in {401, 403}:
            return self._refused(where, error_code(error))
        if _passes(status):
            return self._busy(where, error_code(error))
        return network.failing(
            Refused, f"{where} refuses what was asked ({error_code(error)}): check the organization file."
        )

    def _busy(self, where: str, code: str) -> EnvmgrError:
        return network.failing(Transient, f"{where} is busy ({code}): it will be tried again.")

    def _refused(self, where: str, code: str) -> EnvmgrError:
        return network.failing(
            Refused, f"{where} refuses the credentials ({code}): check {self.variables} and what they allow."
        )


def _passes(status: int) -> bool:
    """Whether what an HTTP status says may be otherwise at the next try."""
    # A conflict (409) is another change that is under way.
    return status in {408, 409, 429} or status >= 500


def error_code(error: AzureError) -> str:
    """Azure's own code of a failure, `ContainerNotFound`; else the HTTP status or the error's class."""
    code = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    return str(getattr(code, "value", code) or getattr(error, "status_code", None) or type(error).__name__)
