"""Which certificates are believed: the system's, and those of a bundle a person named. Nothing of the environment."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi

from riskbridge.errors import ConfigError

_SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def make_tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """A client context that checks names and chains against the system's store and the bundle's certificates.

    `SSL_CERT_FILE`, `SSL_CERT_DIR` and their like are not read: they would replace the system's store for one shell and
    not for the service started beside it. Where the system has no store, the one shipped with httpx stands in.

    Raises:
        ConfigError: `http.bad-ca-bundle`: the bundle is not there or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=_system_bundle())
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=str(ca_bundle))
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"The CA bundle {ca_bundle} cannot be used: {error.strerror or error}.",
                code="http.bad-ca-bundle",
                remedy="Give the path of a PEM file with the certificates to trust.",
            ) from error
    return context


def _system_bundle() -> str:
    compiled_in = ssl.get_default_verify_paths().openssl_cafile
    return next((p for p in (*_SYSTEM_BUNDLES, compiled_in) if Path(p).is_file()), certifi.where())
