"""What the Defender source needs to know of a tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from riskbridge.errors import ConfigError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class DefenderSettings:
    """A tenant, its hosts and its credentials; the secret is never part of the text form.

    Attributes:
        login_url: Entra's host, https.
        api_url: Defender's host, https; plain http to loopback alone.
        audience: The resource the token is for.
        tenant_id: Tenant id or verified domain name.
        client_id: Application id.
        client_secret: The application's secret.
        ca_bundle: PEM certificates trusted besides the system's.
        proxy: Proxy URL.
        page_size: Rows a call; None lets the server decide and follows its links.
        read_timeout_s: How long a page may take.
    """

    login_url: str
    api_url: str
    audience: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    ca_bundle: Path | None = None
    proxy: str | None = None
    page_size: int | None = None
    read_timeout_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuse what would send a token in the clear.

        Raises:
            ConfigError: `defender.bad-url`, `defender.no-ca-bundle`, `defender.bad-page-size`.
        """
        for name, url in (("login URL", self.login_url), ("API URL", self.api_url)):
            parts = urlsplit(url)
            is_local = name == "API URL" and parts.scheme == "http" and parts.hostname in _LOOPBACK
            if not parts.hostname or (parts.scheme != "https" and not is_local):
                raise ConfigError(
                    f"The {name} '{url}' is not an https address.",
                    code="defender.bad-url",
                    remedy="Give an https URL; plain http is allowed for an API on this machine only.",
                )
        if self.ca_bundle is not None and not self.ca_bundle.is_file():
            raise ConfigError(
                f"The CA bundle {self.ca_bundle} is not there.",
                code="defender.no-ca-bundle",
                remedy="Give the path of a PEM file with the certificates to trust.",
            )
        if self.page_size is not None and not 1 <= self.page_size <= 10_000:
            raise ConfigError(
                f"A page size of {self.page_size:,} is not possible.",
                code="defender.bad-page-size",
                remedy="Give 1 to 10,000 rows, or none.",
            )
