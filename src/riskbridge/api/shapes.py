"""What the API takes and gives, as OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.model.account import TokenScope
from riskbridge.model.connector import ConnectorState, Strategy

T = TypeVar("T")
_Text = Annotated[str, Field(max_length=2_000)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Filter = Annotated[str, Field(max_length=10_000, description="OData, without `$filter=`")]
_PageSize = Annotated[int, Field(ge=1, le=200_000, description="Rows a call")]
_Secret = Annotated[
    str, Field(max_length=10_000, repr=False, description="The secret or passphrase, `env:NAME` or `file:/path`")
]
_FILTERS: dict[str, JsonValue] = {
    "device_filter": "healthStatus eq 'Active'",
    "finding_filter": "severity eq 'Critical'",
}
_PROFILE: dict[str, JsonValue] = {
    "name": "servers",
    "device_filter": "machineTags/any(t: t eq 'server')",
    "strategy": "auto",
}
_CONNECTOR: dict[str, JsonValue] = {
    "name": "Contoso",
    "tenant_id": "8769b673-6805-6789-8f77-12345678abcd",
    "client_id": "5c1d1a5e-0c0b-4f0e-9d63-0123456789ab",
    "client_secret": "env:DEFENDER_SECRET",
    "cloud": "eu",
}


class Rows(BaseModel, Generic[T]):
    """A whole list that is short by nature, and how many rows it has."""

    count: int
    rows: list[T]

    @classmethod
    def of(cls, rows: Sequence[T]) -> Self:
        """The rows, counted."""
        return cls(count=len(rows), rows=list(rows))


class RowPage(BaseModel, Generic[T]):
    """A page of a long list; `count` is how many match in all, `next_page` what to ask for next, null on the last page."""

    count: int
    rows: list[T]
    next_page: str | None = None


class ConnectorShape(BaseModel):
    """A connector and its first profile as a person sets them up. The secret is taken and never given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CONNECTOR]})

    name: _Name
    description: _Text = ""
    tenant_id: Annotated[str, Field(min_length=1, max_length=200, description="Tenant id or verified domain")]
    client_id: Annotated[str, Field(max_length=200, description="Application (client) id")] = ""
    client_secret: _Secret = ""
    cloud: Annotated[str, Field(max_length=40, description="A name of `/clouds`; gives the hosts left out")] = (
        "commercial"
    )
    login_url: _Text | None = None
    api_url: _Text | None = None
    audience: _Text | None = None
    certificate: Annotated[_Text | None, Field(description="Path of a PEM or PFX file on the server")] = None
    federated_token_file: _Text | None = None
    managed_identity: Annotated[str, Field(max_length=80)] | None = None
    ca_bundle: _Text | None = None
    proxy: _Text | None = None
    calls_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    secret_expires_on: date | None = None
    device_filter: _Filter | None = None
    finding_filter: _Filter | None = None
    strategy: Strategy = Strategy.PAGED
    page_size: _PageSize | None = None
    has_software: bool = False
    retain_missing: bool = False


class ConnectorEdit(BaseModel):
    """What of a connector is changed: members that are left out stay as they are, null empties one that may be empty."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"description": "All of it"}]})

    name: _Name = ""
    description: _Text = ""
    tenant_id: Annotated[str, Field(min_length=1, max_length=200)] = ""
    client_id: Annotated[str, Field(max_length=200)] = ""
    client_secret: _Secret = ""
    cloud: Annotated[str, Field(max_length=40)] = ""
    login_url: Annotated[_Text, Field(min_length=1)] = ""
    api_url: Annotated[_Text, Field(min_length=1)] = ""
    audience: Annotated[_Text, Field(min_length=1)] = ""
    certificate: _Text | None = None
    federated_token_file: _Text | None = None
    managed_identity: Annotated[str, Field(max_length=80)] | None = None
    ca_bundle: _Text | None = None
    proxy: _Text | None = None
    calls_per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = None
    secret_expires_on: date | None = None
    retain_missing: bool = False


class ProfileShape(BaseModel):
    """A profile as a person sets it up: what one run fetches, and how."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PROFILE]})

    name: _Name
    description: _Text = ""
    transform_map: Annotated[str, Field(min_length=1, max_length=200)] = "defender"
    device_filter: _Filter | None = None
    finding_filter: _Filter | None = None
    strategy: Strategy = Strategy.PAGED
    page_size: _PageSize | None = None
    has_software: bool = False
    is_active: bool = True


class ProfileEdit(ProfileShape):
    """What of a profile is changed: members that are left out stay as they are, null empties one that may be empty."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"is_active": False}]})

    name: _Name = ""


class ProfileShown(BaseModel):
    """A profile as it is kept."""

    profile_id: str
    connector_id: str
    name: str
    description: str
    transform_map: str
    device_filter: str | None
    finding_filter: str | None
    page_size: int | None
    is_active: bool
    strategy: str
    has_software: bool


class ConcernShown(BaseModel):
    """Something to do about a connector: what happened, and the remedy."""

    code: str
    message: str
    remedy: str


class FilesShown(BaseModel):
    """Which files a connector reads, as what, and how they are written."""

    findings: Annotated[list[str], Field(description="Paths on the server, globs, or `upload:NAME`")]
    assets: list[str]
    format: Annotated[str, Field(description="A name of `/file-formats`; empty with a data model of one's own")]
    findings_model: str
    assets_model: str
    reader: str
    delimiter: str
    qualifier: str
    encoding: str
    has_header: bool
    takes: str
    source_name: str


class ConnectorShown(BaseModel):
    """A connector as it is kept, where it stands, and its profiles; never its secret."""

    connector_id: str
    name: str
    description: str
    kind: str
    login_url: str
    api_url: str
    audience: str
    tenant_id: str
    client_id: str
    has_secret: Annotated[bool, Field(description="Whether a secret, passphrase or reference is kept")]
    certificate: str | None
    federated_token_file: str | None
    managed_identity: str | None
    ca_bundle: str | None
    proxy: str | None
    calls_per_minute: int | None
    secret_expires_on: str | None
    retain_missing: bool
    file: Annotated[FilesShown | None, Field(description="Which files, where its kind is `file`")] = None
    state: ConnectorState
    attention: Annotated[list[ConcernShown], Field(description="What wants attention, the gravest first")]
    next_run_at: Annotated[datetime | None, Field(description="When the next run by schedule is due")]
    last_run_at: Annotated[datetime | None, Field(description="When the newest run ended")]
    profiles: list[ProfileShown]


class CloudShown(BaseModel):
    """One of Microsoft's clouds or regions: hosts and audience that belong together."""

    name: str
    login_url: str
    api_url: str
    audience: str


class CheckItemShown(BaseModel):
    """One thing that the connection test tried; `remedy` and `code` are empty when it worked."""

    name: str
    is_ok: bool
    message: str
    remedy: str
    code: str


class CheckShown(BaseModel):
    """What the connection test tried, in the order of a run's needs."""

    ok: bool
    items: list[CheckItemShown]


class FilterShape(BaseModel):
    """OData filters to be checked."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_FILTERS]})

    device_filter: _Filter | None = None
    finding_filter: _Filter | None = None


class FilterTry(FilterShape):
    """OData filters to be tried: null takes the profile's, an empty text takes none."""

    profile: (
        Annotated[str, Field(max_length=200, description="Name or id; left out: the only one, or `default`")] | None
    ) = None


class FilterChecked(BaseModel):
    """The filters can be used."""

    ok: bool


class MatchesShown(BaseModel):
    """How much filters keep at the source; `is_…_whole` is false where there are more than were counted."""

    devices: int
    is_devices_whole: bool
    findings: int
    is_findings_whole: bool
    is_findings_of_devices: Annotated[bool, Field(description="False: of all devices, for Defender cannot narrow them")]


class DeviceOutOfScope(BaseModel):
    """A device that the filter would no longer reach, and its open findings."""

    asset_id: str
    asset_name: str | None
    findings: int


class OutOfScopeShown(BaseModel):
    """What is stored of a connector that a device filter would no longer reach."""

    devices_matching: int
    devices_stored: int
    devices_out_of_scope: int
    findings_out_of_scope: int
    devices: list[DeviceOutOfScope]


class DecisionShape(BaseModel):
    """What a person decides about findings: one verdict at most, and what is noted beside it. Null leaves as it is."""

    model_config = ConfigDict(extra="forbid")

    why: _Text | None = None
    accepted_until: date | None = None
    is_false_positive: bool = False
    is_mitigated: bool = False
    is_undone: bool = False
    owner: Annotated[str, Field(max_length=200)] | None = None
    due_on: date | None = None
    note: _Text | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=100)]] = []
    untags: list[Annotated[str, Field(min_length=1, max_length=100)]] = []


class QueryDecisionShape(DecisionShape):
    """The same for every finding that a query describes."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]


class ReasonShape(BaseModel):
    """Why something is decided."""

    model_config = ConfigDict(extra="forbid")

    why: Annotated[str, Field(min_length=1, max_length=2_000)]


class TokenShape(BaseModel):
    """An API token to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=1, le=366)] = 90
    scope: Annotated[TokenScope, Field(description="read looks; write may change what its account may")] = (
        TokenScope.READ
    )


class TokenShown(BaseModel):
    """An API token; never its text."""

    token_id: str
    name: str
    scope: TokenScope
    created_at: datetime
    expires_at: datetime


class TokenMade(TokenShown):
    """A token that was just made, and its text, which nothing shows again."""

    token: str
