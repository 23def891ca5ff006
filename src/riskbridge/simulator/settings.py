"""What a simulated tenant is made from, and where it listens."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """A tenant and where it listens.

    Attributes:
        home: Folder of the certificate authority; made when missing, its contents are used again.
        devices: Devices in the tenant, duplicates and merely discovered ones included.
        findings_per_device: Finding rows divided by devices, to within a few per cent.
        seed: The same seed, devices, findings and `as_of` make the same tenant.
        sources: Files or folders of saved JSON to serve instead of a made tenant.
        as_of: The tenant's clock at its start, ISO 8601 in UTC.
        speed: Seconds of that clock a second of ours; at 0 it stands still, so two readings are of the same world.
        port: The API's port; 0 picks a free one.
        login_port: The login host's port; 0 picks a free one.
        has_api_tls: Whether the API speaks https too.
        tenant_id: The tenant.
        tenant_domain: Its verified domain name, accepted wherever the id is.
        client_id: The only registered application.
        client_secret: Its secret.
        audience: The resource that the API takes tokens for.
        roles: Application permissions in its tokens; empty gives tokens without the `roles` claim.
        token_life_s: Seconds a token lives.
        page_size: Rows of a page when a request names no `$top`; the API's own cap still holds (10,000; the
            catalogue's is 8,000).
        is_empty_missing: Whether a list of devices that is empty is answered with 404, as some tenants do.
        has_quotas: Whether the documented call quotas hold.
        quota_scale: Factor on the number of calls allowed.
        quota_speed: Factor on the quotas' clock: at 60 a minute's window passes in a second.
        scenarios: Scenarios that happen before the first request, each a name and its values.
    """

    home: Path
    devices: int = 200
    findings_per_device: int = 30
    seed: int = 1
    sources: tuple[Path, ...] = ()
    as_of: str = "2026-11-20T18:00:00Z"
    speed: float = 0.0
    port: int = 0
    login_port: int = 0
    has_api_tls: bool = False
    tenant_id: str = "11111111-1111-4111-8111-111111111111"
    tenant_domain: str = "simulator.example.test"
    client_id: str = "22222222-2222-4222-8222-222222222222"
    client_secret: str = field(default="simulator-secret", repr=False)
    audience: str = "https://api.securitycenter.microsoft.com"
    roles: tuple[str, ...] = ("Machine.Read.All", "Vulnerability.Read.All", "Software.Read.All")
    token_life_s: int = 3599
    page_size: int = 10_000
    is_empty_missing: bool = False
    has_quotas: bool = True
    quota_scale: float = 1.0
    quota_speed: float = 1.0
    scenarios: tuple[tuple[str, dict[str, Any]], ...] = ()
