"""Connectors over REST: what there is, the connection test, adding one, running it and watching it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, status
from sse_starlette.sse import EventSourceResponse

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import ConnectorShape, FilterShape
from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile, new_connector, new_profile
from riskbridge.model.run import RunRecord
from riskbridge.schedule.progress import RunProgress
from riskbridge.service import Service

router = APIRouter(tags=["connectors"])
NEWS_EVERY_S = 0.4
"""How often at most a watcher is told of progress."""


def shown(service: Service, connector: Connector) -> dict[str, Any]:
    """A connector as it may be shown: its state and profile, never its secret."""
    values = {k: v for k, v in asdict(connector).items() if k != "client_secret"}
    profiles = [asdict(p) for p in service.app.store.list_profiles(connector.connector_id)]
    return {**values, "state": service.state_of(connector.name).value, "profiles": profiles}


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


@router.post("/connectors/{name}/runs", status_code=status.HTTP_202_ACCEPTED)
def start_run(_: Asked, service: Served, name: str) -> dict[str, Any]:
    """Begin a run; watch it at `/connectors/{name}/progress`."""
    return service.start_run(name).as_dict()


@router.delete("/connectors/{name}/runs/current", status_code=status.HTTP_202_ACCEPTED)
def cancel_run(_: Asked, service: Served, name: str) -> dict[str, str]:
    """Cancel the run that is under way; nothing of it is published."""
    service.cancel_run(name)
    return {"state": "cancelling"}


@router.get("/connectors/{name}/progress")
async def watch(request: Request, _: Asked, service: Served, name: str) -> Any:
    """The newest run's progress: as JSON, or as server-sent events for who accepts `text/event-stream`."""
    progress = await asyncio.to_thread(service.find_progress, name)
    if "text/event-stream" not in request.headers.get("accept", ""):
        return {"connector": name, "state": "none", "phases": []} if progress is None else progress.as_dict()
    return EventSourceResponse(_news(progress) if progress else _nothing())


async def _news(progress: RunProgress) -> AsyncIterator[dict[str, str]]:
    version = -1
    while True:
        version = await asyncio.to_thread(progress.wait, version, 15.0)
        yield {"event": "progress", "data": json.dumps(progress.as_dict())}
        if progress.is_over:
            return
        await asyncio.sleep(NEWS_EVERY_S)


async def _nothing() -> AsyncIterator[dict[str, str]]:
    yield {"event": "progress", "data": json.dumps({"state": "none", "phases": []})}


@router.get("/runs")
def list_runs(_: Asked, service: Served, connector: str | None = None, limit: int = 50) -> dict[str, Any]:
    """Runs, newest first."""
    connector_id = service.app.store.get_connector(connector).connector_id if connector else None
    rows = [run_as_dict(r) for r in service.app.store.list_runs(connector_id, limit=max(1, min(limit, 1_000)))]
    return {"count": len(rows), "rows": rows}


@router.get("/runs/{run_id}")
def show_run(_: Asked, service: Served, run_id: str) -> dict[str, Any]:
    """One run, by its id or the beginning of it."""
    return run_as_dict(service.app.store.get_run(run_id))


@router.get("/rejects")
def list_rejects(_: Asked, service: Served, limit: int = 50) -> dict[str, Any]:
    """Rows the newest published run could not use, with their reasons."""
    with service.reading() as app:
        rows = app.list_rejects(limit=max(1, min(limit, 1_000)))
    return {"count": len(rows), "rows": rows}
