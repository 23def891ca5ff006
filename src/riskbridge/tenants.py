"""Connectors of kind `defender`: their settings as a source to read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from riskbridge.config import Settings
from riskbridge.model.connector import Connector
from riskbridge.security.secrets import SecretStore

if TYPE_CHECKING:
    from riskbridge.source.defender.streams import DefenderSource


def open_tenant(
    settings: Settings, secrets: SecretStore, connector: Connector, *, page_size: int | None
) -> DefenderSource:
    """The tenant as a source, to be closed by whoever asked; `page_size` is rows a call, None the server's own."""
    from riskbridge.source.defender.settings import DefenderSettings  # noqa: PLC0415 - loads httpx and Arrow
    from riskbridge.source.defender.streams import DefenderSource  # noqa: PLC0415

    return DefenderSource(
        DefenderSettings(
            login_url=connector.login_url,
            api_url=connector.api_url,
            audience=connector.audience,
            tenant_id=connector.tenant_id,
            client_id=connector.client_id,
            client_secret=secrets.open(connector.client_secret) if connector.client_secret else "",
            certificate=Path(connector.certificate) if connector.certificate else None,
            federated_token_file=Path(connector.federated_token_file) if connector.federated_token_file else None,
            ca_bundle=Path(connector.ca_bundle) if connector.ca_bundle else None,
            proxy=connector.proxy,
            page_size=page_size,
            managed_identity=connector.managed_identity,
            calls_per_minute=connector.calls_per_minute,
            budget_file=settings.budget_path(connector.tenant_id, connector.client_id),
            secret_expires_on=date.fromisoformat(connector.secret_expires_on) if connector.secret_expires_on else None,
        )
    )
