"""What a person sets up: connectors and profiles. Values only; the config store keeps them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from riskbridge.errors import InputError
from riskbridge.model.file_settings import FileSettings


class ConnectorState(StrEnum):
    """Where a connector stands, as a person sees it."""

    REGISTERED = "Registered"
    SCHEDULED = "Scheduled"
    PROCESSING = "Processing"
    PROCESSED = "Processed"
    ATTENTION = "Attention"


class RunOutcome(StrEnum):
    """How a run ended, or that it has not: `queued` waits for its turn, `paused` for a person."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended."""
        return self in (RunOutcome.QUEUED, RunOutcome.RUNNING, RunOutcome.PAUSED)


class Strategy(StrEnum):
    """How a profile fetches findings.

    `paged` reads the live list page by page; `export-json` and `export-files` read the snapshot that Defender makes every
    six hours; `delta` reads what changed since the last complete reading, after a whole snapshot where there is none;
    `auto` is `delta` where it can be, over the export that suits the number of devices, and `paged` where a tenant or a
    filter leaves nothing else.
    """

    PAGED = "paged"
    EXPORT_JSON = "export-json"
    EXPORT_FILES = "export-files"
    DELTA = "delta"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Connector:
    """One configured connection: to one Defender tenant (`kind` is `defender`), or to files (`file`, which then says which).

    It logs in by `certificate` (path of a PEM or PFX file with its key) or by `federated_token_file` (path of a token of
    another identity provider) where one is named, by this machine's own identity where `managed_identity` says so (`system`
    or a client id), else by secret. `client_secret` is a reference or a sealed value of
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
    managed_identity: str | None = None
    calls_per_minute: int | None = None
    secret_expires_on: str | None = None
    file: FileSettings | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What one run of a connector fetches.

    Filters are OData v4 texts, None for everything; `page_size` is rows a call; `strategy` is a word of `Strategy`;
    `has_software` reads the software inventory too.
    """

    profile_id: str
    connector_id: str
    name: str
    description: str = ""
    transform_map: str = "defender"
    device_filter: str | None = None
    finding_filter: str | None = None
    page_size: int | None = None
    is_active: bool = True
    strategy: str = Strategy.PAGED.value
    has_software: bool = False

    def require_active(self) -> None:
        """Raise where it is not to be run.

        Raises:
            InputError: `profile.inactive`.
        """
        if not self.is_active:
            raise InputError(
                f"The profile '{self.name}' is inactive.",
                code="profile.inactive",
                remedy="Choose another with --profile, or activate it: riskbridge profile change CONNECTOR PROFILE --active",
            )


LONGEST_NAME = 200


def new_connector(name: str, **values: Any) -> Connector:
    """A connector with a fresh id.

    Raises:
        InputError: `connector.bad-name`.
    """
    return Connector(connector_id=uuid.uuid4().hex, name=connector_name(name), **values)


def new_profile(connector: Connector, name: str = "default", **values: Any) -> Profile:
    """A profile of that connector with a fresh id.

    Raises:
        InputError: `profile.bad-name`.
    """
    return Profile(uuid.uuid4().hex, connector.connector_id, profile_name(name), **values)


def connector_name(name: str) -> str:
    """A connector's name without blanks around it.

    Raises:
        InputError: `connector.bad-name`: it is blank, too long, or holds signs that cannot be shown.
    """
    if not is_name(name):
        raise InputError(
            "A connector needs a name that can be shown.",
            code="connector.bad-name",
            remedy=f"Give one of 1 to {LONGEST_NAME} printable characters, with --name.",
        )
    return name.strip()


def profile_name(name: str) -> str:
    """A profile's name without blanks around it.

    Raises:
        InputError: `profile.bad-name`: it is blank, too long, or holds signs that cannot be shown.
    """
    if not is_name(name):
        raise InputError(
            "A profile needs a name that can be shown.",
            code="profile.bad-name",
            remedy=f"Give one of 1 to {LONGEST_NAME} printable characters.",
        )
    return name.strip()


def is_name(text: str) -> bool:
    """Whether a text can name something: 1 to `LONGEST_NAME` printable characters besides blanks around them."""
    return 1 <= len(text.strip()) <= LONGEST_NAME and text.strip().isprintable()
