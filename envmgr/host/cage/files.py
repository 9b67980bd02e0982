"""Files of this host that environment variables name: what a cage has to show so that they lead somewhere."""

from collections.abc import Mapping

_CERTIFICATES = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "NODE_EXTRA_CA_CERTS"),
)
_SECRETS = (
    "ENVMGR_CREDENTIALS",  # a folder, as what is in it is replaced while it is read
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("ARM_OIDC_TOKEN_FILE_PATH", "ARM_CLIENT_CERTIFICATE_PATH", "ARM_CLIENT_ID_FILE_PATH"),
    *("ARM_CLIENT_SECRET_FILE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "KUBECONFIG", "KUBE_CONFIG_PATH"),
)


def certificates(*environments: Mapping[str, str]) -> tuple[str, ...]:
    """Authorities that are trusted."""
    return tuple(path for environment in environments for path in _named(environment, _CERTIFICATES))


def secret_files(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Credentials that are files."""
    return tuple(_named(environment, _SECRETS))


def _named(environment: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    return [value for name in names if (value := environment.get(name, "")).startswith("/")]
