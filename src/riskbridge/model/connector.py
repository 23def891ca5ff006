"""What a person sets up: connectors and profiles. Values only; the config store keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ConnectorState(StrEnum):
    """Where a connector stands, as a person sees it."""

    REGISTERED = "Registered"
    SCHEDULED = "Scheduled"
    PROCESSING = "Processing"
    PROCESSED = "Processed"
    ATTENTION = "Attention"


class RunOutcome(StrEnum):
    """How a run ended, or that it has not."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Connector:
    """One configured connection to one Defender tenant.

    It logs in by `certificate` (path of a PEM or PFX file with its key) or by `federated_token_file` (path of a token of
    another identity provider) where one is named, else by secret. `client_secret` is a reference or a sealed value of
    the secret store, never clear text: the secret, or the certificate's passphrase (empty for none). `ca_bundle` is a path to PEM
    certificates that are trusted besides the system's. `retain_missing` keeps the status of findings that a run did not
    report.
    """

    connector_id: str
    name: str
    description: str = ""
    kind: str = "defender"
    login_url: str = "https://login.microsoftonline.com/"
    api_url: str = "https://api.security.microsoft.com"
    audience: str = "https://api.securitycenter.microsoft.com"
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    ca_bundle: str | None = None
    proxy: str | None = None
    retain_missing: bool = False
    certificate: str | None = None
    federated_token_file: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one run of a connector fetches: filters are OData v4 texts, None for everything; `page_size` is rows a call."""

    profile_id: str
    connector_id: str
    name: str
    description: str = ""
    transform_map: str = "defender"
    device_filter: str | None = None
    finding_filter: str | None = None
    page_size: int | None = None
    is_active: bool = True
