"""What the Defender source needs to know of a tenant."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from riskbridge.errors import ConfigError
from riskbridge.source.http import HttpSettings

LARGEST_PAGE_ROWS = 10_000
LARGEST_EXPORT_ROWS = 200_000
SYSTEM_IDENTITY = "system"
"""Stands for the machine's own managed identity, where no client id of another is given."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_SHARED_TENANTS = ("common", "organizations", "consumers")


@dataclass(frozen=True, slots=True)
class DefenderSettings:
    """A tenant, its hosts and its credentials; the secret is never part of the text form.

    Attributes:
        login_url: Entra's host, https.
        api_url: Defender's host, https; plain http to this machine alone. A trailing `/` or `/api` is dropped.
        audience: The resource the token is for; commercial Defender wants the old host's name whatever host is called.
        tenant_id: Tenant id or verified domain name.
        client_id: Application id.
        client_secret: The application's secret, or the certificate's passphrase; empty for none.
        ca_bundle: PEM certificates trusted besides the system's.
        proxy: Proxy URL.
        page_size: Rows a call, 1 to 200,000 (lists take 10,000 at most); None lets the server decide.
        read_timeout_s: How long the next bytes of a page may take.
        certificate: PEM or PFX file with the application's certificate and key, in place of a secret.
        federated_token_file: File with a token of an identity provider that the application trusts, in place of both.
        managed_identity: `system`, or the client id of an identity assigned to this machine, in place of all three.
        calls_per_minute: The most calls a minute to any endpoint; None leaves the API's own limits.
        budget_file: Where calls are remembered over runs; None forgets them.
        secret_expires_on: When the secret ends, as a person entered it.
    """

    login_url: str
    api_url: str
    audience: str
    tenant_id: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    ca_bundle: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    page_size: int | None = None
    read_timeout_s: float = 120.0
    certificate: Path | None = None
    federated_token_file: Path | None = None
    managed_identity: str | None = None
    calls_per_minute: int | None = None
    budget_file: Path | None = None
    secret_expires_on: date | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work or would send a token in the clear.

        Raises:
            ConfigError: `defender.bad-url`, `defender.no-ca-bundle`, `defender.bad-page-size`, `defender.bad-tenant`,
                `defender.no-credentials`, `defender.two-credentials`.
        """
        object.__setattr__(self, "api_url", self.api_url.rstrip("/").removesuffix("/api"))
        object.__setattr__(self, "login_url", self.login_url.rstrip("/"))
        _require_safe_url("login URL", self.login_url, is_loopback_http_allowed=False)
        _require_safe_url("API URL", self.api_url, is_loopback_http_allowed=True)
        self._require_credentials()
        if self.ca_bundle is not None and not self.ca_bundle.is_file():
            raise ConfigError(
                f"The CA bundle {self.ca_bundle} is not there.",
                code="defender.no-ca-bundle",
                remedy="Give the path of a PEM file with the certificates to trust.",
            )
        if self.page_size is not None and not 1 <= self.page_size <= LARGEST_EXPORT_ROWS:
            raise ConfigError(
                f"A page size of {self.page_size:,} is not possible.",
                code="defender.bad-page-size",
                remedy=f"Give 1 to {LARGEST_EXPORT_ROWS:,} rows, or none; lists take {LARGEST_PAGE_ROWS:,} at most.",
            )

    def _require_credentials(self) -> None:
        if not _TENANT.fullmatch(self.tenant_id) or self.tenant_id.lower() in _SHARED_TENANTS:
            raise ConfigError(
                f"'{self.tenant_id}' names no tenant.",
                code="defender.bad-tenant",
                remedy="Give the tenant's id, or a domain name verified in it.",
            )
        given = {
            "a certificate": self.certificate,
            "a federated token file": self.federated_token_file,
            "a managed identity": self.managed_identity,
        }
        named = [noun for noun, value in given.items() if value is not None]
        if len(named) > 1:
            raise ConfigError(
                f"The connector has {' and '.join(named)}.", code="defender.two-credentials", remedy="Keep one of them."
            )
        needed = [] if self.managed_identity is not None else [("client id", self.client_id)]
        if not named:
            needed.append(("client secret", self.client_secret))
        for name, value in needed:
            if not value.strip():
                raise ConfigError(
                    f"The connector has no {name}.",
                    code="defender.no-credentials",
                    remedy=f"Give the {name} of the application that was registered in Entra for it.",
                )

    @property
    def http(self) -> HttpSettings:
        """How to reach its hosts."""
        return HttpSettings(ca_bundle=self.ca_bundle, proxy=self.proxy, read_timeout_s=self.read_timeout_s)


def is_loopback(host: str | None) -> bool:
    """Whether the host is this machine by name or address."""
    return host in _LOOPBACK


def _require_safe_url(name: str, url: str, *, is_loopback_http_allowed: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    is_local = is_loopback_http_allowed and host is not None and parts.scheme == "http" and is_loopback(host)
    if not host or (parts.scheme != "https" and not is_local) or parts.username:
        raise ConfigError(
            f"The {name} '{url if host and not parts.username else '…'}' is not an https address.",
            code="defender.bad-url",
            remedy="Give an https URL such as https://api.security.microsoft.com; plain http is allowed for an API on "
            "this machine only.",
        )
