"""What a simulated tenant is made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """A tenant and where it listens.

    Attributes:
        home: Folder of the certificate authority; made when missing.
        devices: Devices in the tenant.
        findings_per_device: Mean rows of an onboarded device.
        seed: The same seed makes the same tenant.
        sources: Files or folders of saved JSON to serve instead of a made tenant.
        port: The API's port; 0 picks a free one.
        login_port: The login host's port; 0 picks a free one.
        tenant_id: The tenant.
        client_id: The only registered application.
        client_secret: Its secret.
        audience: The resource tokens are for.
        roles: Application permissions in its tokens.
        token_life_s: Seconds a token lives.
        has_quotas: Whether the documented call quotas hold.
    """

    home: Path
    devices: int = 200
    findings_per_device: int = 30
    seed: int = 1
    sources: tuple[Path, ...] = ()
    port: int = 0
    login_port: int = 0
    tenant_id: str = "11111111-1111-4111-8111-111111111111"
    client_id: str = "22222222-2222-4222-8222-222222222222"
    client_secret: str = "simulator-secret"  # noqa: S105 - opens the simulator alone
    audience: str = "https://api.securitycenter.microsoft.com"
    roles: tuple[str, ...] = ("Machine.Read.All", "Vulnerability.Read.All")
    token_life_s: int = 3599
    has_quotas: bool = True
