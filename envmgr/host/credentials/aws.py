"""AWS clients that see an organization's environment variables and never the process's.

The order is botocore's: keys, AWS_PROFILE with the shared files, web identity, container role, instance
metadata. botocore reads `os.environ` in many places; each one that matters is bound to the organization here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigChainFactory
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    AssumeRoleWithWebIdentityProvider,
    BotoProvider,
    ContainerProvider,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    EnvProvider,
    InstanceMetadataProvider,
    OriginalEC2Provider,
    create_credential_resolver,
)
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from botocore.loaders import create_loader

from envmgr.domain.errors import EnvmgrError, NeedsPerson, Refused, Transient
from envmgr.host.credentials import network

REFUSED = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
_BUSY = frozenset(
    {
        "InternalError",
        "OperationAborted",
        "PriorRequestNotComplete",
        "RequestTimeout",
        "RequestLimitExceeded",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "RequestTimeTooSkewed",
    }
)
# AWS's descriptions of its services are megabytes of JSON: read once for all sessions.
_DESCRIPTIONS = create_loader()
_WEB_IDENTITY = {
    "web_identity_token_file": "AWS_WEB_IDENTITY_TOKEN_FILE",
    "role_session_name": "AWS_ROLE_SESSION_NAME",
    "role_arn": "AWS_ROLE_ARN",
}


class AwsAccount:
    """Opens clients for one organization; `settings` are the keys of Terraform's s3 backend where one is meant."""

    def __init__(self, environment: Mapping[str, str], settings: Mapping[str, object] | None = None) -> None:
        self._environment = environment
        self._settings = settings or {}
        self.region = (
            self._text("region") or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION", "")
        )
        self._making = Lock()
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._session = self._open()

    def client(self, service: str, *, region: str = "", path_style: bool = False) -> Any:
        """A botocore client with time limits, for the account's region unless another is named.

        Clients may be used by many threads at once, but a session makes only one at a time; each is made once.
        """
        key = (service, region or self.region, path_style)
        with self._making, failures(f"AWS {service}", self._environment):
            if key not in self._clients:
                self._clients[key] = self._new_client(*key)
            return self._clients[key]

    def _new_client(self, service: str, region: str, path_style: bool) -> Any:
        endpoint = self._endpoint(service)
        return self._session.create_client(
            service,
            region_name=region or None,
            endpoint_url=endpoint or None,
            verify=self._trust(),
            config=self._config(_host(endpoint, service), path_style=path_style),
        )

    def _open(self) -> botocore.session.Session:
        session = botocore.session.Session()
        session.register_component("data_loader", _DESCRIPTIONS)
        _read_variables_from(session, self._environment)
        if self._text("profile"):
            session.set_config_variable("profile", self._text("profile"))
        with failures("the AWS configuration files", self._environment):
            resolver = create_credential_resolver(session, region_name=self.region or None)
            session.register_component("credential_provider", self._bound(resolver, session))
        return session

    def _bound(self, resolver: CredentialResolver, session: botocore.session.Session) -> CredentialResolver:
        own = CredentialResolver(
            [self._own(p, session) for p in resolver.providers if not self._is_foreign(p)]
        )
        role = self._settings.get("assume_role")
        if not (isinstance(role, Mapping) and role.get("role_arn")):
            return own
        return CredentialResolver([_AssumedRole(own, role, partial(self._nested_client, session))])

    def _is_foreign(self, provider: object) -> bool:
        no_metadata = network.is_true(self._environment.get("AWS_EC2_METADATA_DISABLED"))
        # Both read files that variables of the process name, and cannot be bound to the organization's.
        without = (OriginalEC2Provider, BotoProvider, *([InstanceMetadataProvider] if no_metadata else []))
        return isinstance(provider, without)

    def _own(self, provider: Any, session: botocore.session.Session) -> Any:
        """The same provider, reading the organization's variables."""
        if isinstance(provider, EnvProvider):
            provider.environ = dict(self._environment)
        elif isinstance(provider, ContainerProvider):
            return ContainerProvider(environ=dict(self._environment))
        elif isinstance(provider, AssumeRoleWithWebIdentityProvider):
            return AssumeRoleWithWebIdentityProvider(
                load_config=lambda: {"profiles": {"organization": self._web_identity(session)}},
                client_creator=partial(self._nested_client, session),
                profile_name="organization",
                cache={},
                # The organization's variables are in the profile above; these would be the process's.
                disable_env_vars=True,
            )
        return provider

    def _web_identity(self, session: botocore.session.Session) -> dict[str, str]:
        """The profile's web identity, and over it what the variables say."""
        profile = session.full_config.get("profiles", {}).get(session.profile or "default", {})
        named = {
            key: self._environment[name] for key, name in _WEB_IDENTITY.items() if name in self._environment
        }
        return {**profile, **named}

    def _nested_client(self, session: botocore.session.Session, service: str, **arguments: Any) -> Any:
        """A client by which credentials are fetched; botocore says with which credentials of its own."""
        endpoint = self._endpoint(service)
        config = self._config(_host(endpoint, service)).merge(arguments.pop("config", None) or Config())
        arguments.setdefault("region_name", self.region or None)
        return session.create_client(
            service, endpoint_url=endpoint or None, verify=self._trust(), config=config, **arguments
        )

    def _trust(self) -> str | bool:
        return network.trust(self._environment, "AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")

    def _endpoint(self, service: str) -> str:
        """The address of a service that is not AWS's own; empty for AWS's own."""
        custom = self._settings.get("endpoints")
        named = custom.get(service) if isinstance(custom, Mapping) else None
        older = self._text("endpoint" if service == "s3" else f"{service}_endpoint")
        variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        return str(
            named or older or self._environment.get(variable) or self._environment.get("AWS_ENDPOINT_URL", "")
        )

    def _config(self, host: str, *, path_style: bool = False) -> Config:
        return Config(
            connect_timeout=network.CONNECT_SECONDS,
            read_timeout=network.READ_SECONDS,
            retries={"total_max_attempts": network.RETRIES + 1, "mode": "standard"},
            # {} where there is none: None would mean those of os.environ.
            proxies=network.proxies(self._environment, host),
            # Addresses are the organization's (`_endpoint`); botocore would read the process's.
            ignore_configured_endpoint_urls=True,
            s3={"addressing_style": "path" if path_style else "auto"},
            request_checksum_calculation="when_required",  # stores that only speak S3 know no others
            response_checksum_validation="when_required",
        )

    def _text(self, key: str) -> str:
        return str(self._settings.get(key) or "")


class _AssumedRole(CredentialProvider):  # type: ignore[misc]  # botocore ships no types
    """The role that the backend's `assume_role` names, taken on with the organization's own credentials."""

    METHOD = "assumed-role"
    CANONICAL_NAME = None
    _ARGUMENTS: ClassVar = {
        "session_name": "RoleSessionName",
        "external_id": "ExternalId",
        "policy": "Policy",
    }

    def __init__(
        self, source: CredentialResolver, role: Mapping[str, object], client: Callable[..., Any]
    ) -> None:
        super().__init__()
        self._source = source
        self._role = role
        self._client = client

    def load(self) -> Any:
        source = self._source.load_credentials()
        if source is None:
            return None
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._client,
            source_credentials=source,
            role_arn=str(self._role["role_arn"]),
            extra_args={
                name: str(self._role[key]) for key, name in self._ARGUMENTS.items() if self._role.get(key)
            },
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)


def _read_variables_from(session: botocore.session.Session, environment: Mapping[str, str]) -> None:
    """Binds every configuration value of a session to an organization's variables."""
    chains = ConfigChainFactory(session=session, environ=dict(environment))
    store = session.get_component("config_store")
    for name, (property_name, variable, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items():
        chain = chains.create_config_chain(
            instance_name=name,
            env_var_names=variable,
            config_property_names=property_name,
            default=default,
            conversion_func=conversion,
        )
        store.set_config_provider(name, chain)


def _host(endpoint: str, service: str) -> str:
    return urlsplit(endpoint).hostname or f"{service}.amazonaws.com"


def credential_variables(environment: Mapping[str, str]) -> str:
    """The names of the variables that decide who envmgr is on AWS, for a sentence; never their values."""
    if environment.get("AWS_ACCESS_KEY_ID"):
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    for name in ("AWS_PROFILE", "AWS_ROLE_ARN"):
        if environment.get(name):
            return name
    return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (neither is set)"


@contextmanager
def failures(where: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Turns botocore's failures at `where` into NeedsPerson, Refused where AWS itself says no, or Transient.

    Never shows a value of a variable.
    """
    try:
        yield
    except ClientError as error:
        raise _refusal(error, where, environment) from error
    except SSLError as error:
        raise network.failing(
            NeedsPerson,
            f"the certificate of {where} is not trusted: name the authority's file in AWS_CA_BUNDLE of "
            "environment_variables.",
        ) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise network.failing(
            NeedsPerson,
            f"there are no usable AWS credentials for {where}: set {credential_variables(environment)} "
            "in environment_variables of the organization file.",
        ) from error
    except (HTTPClientError, NoConnection, IncompleteReadError) as error:
        raise network.failing(
            Transient, f"{where} cannot be reached ({type(error).__name__}): it will be tried again."
        ) from error
    # botocore raises a plain ValueError for an endpoint that is no URL.
    except (BotoCoreError, ValueError) as error:
        raise network.failing(
            NeedsPerson,
            f"the AWS settings for {where} cannot be used ({type(error).__name__}): check region, endpoints and "
            "profile in the organization file.",
        ) from error


def _refusal(error: ClientError, where: str, environment: Mapping[str, str]) -> EnvmgrError:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in REFUSED:
        return network.failing(
            Refused,
            f"{where} refuses {error.operation_name} ({code}): check {credential_variables(environment)} "
            "and what they are allowed to do.",
        )
    if code in _BUSY or status >= 500:
        return network.failing(
            Transient, f"{where} could not do {error.operation_name} now ({code}): it will be tried again."
        )
    return network.failing(
        Refused, f"{where} refuses {error.operation_name} ({code}): check the organization file."
    )


def error_code(error: ClientError) -> str:
    """AWS's own code of a failure, `NoSuchBucket`; the HTTP status where there is no body (`404`)."""
    return str(error.response.get("Error", {}).get("Code", ""))
