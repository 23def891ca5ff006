"""Connectors over REST: what there is, the connection test, adding one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, status

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import ConnectorShape, FilterShape
from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, new_connector, new_profile
from riskbridge.model.run import RunRecord
from riskbridge.service import Service

router = APIRouter(tags=["connectors"])


def shown(service: Service, connector: Connector) -> dict[str, Any]:
    """A connector as it may be shown: where it stands and its profiles, never its secret."""
    values = {k: v for k, v in asdict(connector).items() if k != "client_secret"}
    profiles = [asdict(p) for p in service.app.store.list_profiles(connector.connector_id)]
    return {**values, **service.standing_of(connector.name).as_dict(), "profiles": profiles}


def run_as_dict(record: RunRecord) -> dict[str, Any]:
    """A run's record as plain data; `seconds` is how long it took, null while it runs."""
    seconds = (record.ended_at - record.started_at).total_seconds() if record.ended_at else None
    values = asdict(record) | {"outcome": record.outcome.value, "seconds": seconds}
    times = ("started_at", "observed_at", "ended_at")
    return values | {n: values[n].isoformat() if values[n] else None for n in times}


def make_connector(shape: ConnectorShape) -> tuple[Connector, Profile]:
    """The connector and profile that a shape describes.

    Raises:
        RiskbridgeError: `cloud.unknown`, `filter.*`, `connector.*`: what cannot be.
    """
    from riskbridge.source.defender.clouds import find_cloud  # noqa: PLC0415 - loads httpx
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415

    hosts = find_cloud(shape.cloud)
    check_filters(shape.device_filter, shape.finding_filter)
    connector = new_connector(
        shape.name,
        description=shape.description,
        tenant_id=shape.tenant_id,
        client_id=shape.client_id,
        login_url=shape.login_url or hosts.login_url,
        api_url=shape.api_url or hosts.api_url,
        audience=shape.audience or hosts.audience,
        certificate=shape.certificate or None,
        ca_bundle=shape.ca_bundle or None,
        proxy=shape.proxy or None,
        retain_missing=shape.retain_missing,
    )
    profile = new_profile(
        connector,
        device_filter=shape.device_filter or None,
        finding_filter=shape.finding_filter or None,
        page_size=shape.page_size,
        strategy=shape.strategy.value,
        has_software=shape.has_software,
    )
    return connector, profile


def check(service: Service, shape: ConnectorShape) -> dict[str, Any]:
    """The connection test of a connector that is not saved yet, item by item."""
    connector, _ = make_connector(shape)
    report = service.app.check_connector(connector, client_secret=shape.client_secret)
    return {"ok": report.is_ok, "items": [asdict(i) for i in report.items]}


def add(service: Service, shape: ConnectorShape) -> Connector:
    """Save a connector whose connection test passes.

    Raises:
        RiskbridgeError: The name is taken, or the test's first failed item.
    """
    connector, profile = make_connector(shape)
    service.app.require_free_name(connector.name)
    service.app.check_connector(connector, client_secret=shape.client_secret).require_passed()
    return service.app.add_connector(connector, profile, client_secret=shape.client_secret)


@router.get("/connectors")
def list_connectors(_: Asked, service: Served) -> dict[str, Any]:
    """Every connector with its state, by name."""
    rows = [shown(service, c) for c in service.app.store.list_connectors()]
    return {"count": len(rows), "rows": rows}


@router.post("/connectors", status_code=status.HTTP_201_CREATED)
def add_connector(_: Asked, service: Served, shape: ConnectorShape) -> dict[str, Any]:
    """Save a connector, once its connection test has passed."""
    return shown(service, add(service, shape))


@router.post("/connectors/test")
def check_unsaved(_: Asked, service: Served, shape: ConnectorShape) -> dict[str, Any]:
    """Test a connection that is not saved; nothing is stored."""
    return check(service, shape)


@router.post("/filters/check")
def check_filter(_: Asked, shape: FilterShape) -> dict[str, bool]:
    """Check OData filters; a mistake comes back with its position and the nearest right name."""
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415 - loads the grammar

    check_filters(shape.device_filter, shape.finding_filter)
    return {"ok": True}


@router.get("/connectors/{name}")
def show_connector(_: Asked, service: Served, name: str) -> dict[str, Any]:
    """One connector."""
    return shown(service, service.app.store.get_connector(name))


@router.delete("/connectors/{name}", status_code=status.HTTP_204_NO_CONTENT)
def delete_connector(_: Asked, service: Served, name: str) -> None:
    """Delete a connector and its profiles; what it found stays."""
    progress = service.find_progress(name)
    if progress is not None and not progress.is_over:
        raise InputError(f"'{name}' has a run under way.", code="run.under-way", remedy="Cancel it first.")
    service.app.store.delete_connector(name)


@router.post("/connectors/{name}/test")
def check_saved(_: Asked, service: Served, name: str) -> dict[str, Any]:
    """Test a saved connection."""
    report = service.app.check_connector(service.app.store.get_connector(name))
    return {"ok": report.is_ok, "items": [asdict(i) for i in report.items]}
