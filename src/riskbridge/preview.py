"""What a run would meet, asked with few calls: how much a filter keeps, and how many calls the next run takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from riskbridge.app import App
from riskbridge.model.connector import Connector, Profile, RunOutcome
from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES
from riskbridge.pipeline.forecast import StreamForecast, forecast

LIST_ROWS, CATALOGUE_ROWS, EXPORT_ROWS = 10_000, 8_000, 50_000


def count_matches(app: App, connector: Connector, profile: Profile) -> dict[str, Any]:
    """How many devices and findings the profile's filters keep.

    Raises:
        RiskbridgeError: Refused or unreachable; `filter.*`: a filter is wrong.
    """
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415 - loads the grammar

    check_filters(profile.device_filter, profile.finding_filter)
    with app.open_source(connector, profile) as source:
        devices = source.count(MACHINES.stream, profile.device_filter)
        findings = source.count(MACHINES_VULNERABILITIES.stream, profile.finding_filter)
    return {
        "devices": devices.number,
        "is_devices_whole": devices.is_whole,
        "findings": findings.number,
        "is_findings_whole": findings.is_whole,
        "is_findings_of_devices": profile.device_filter is None,
    }


def forecast_run(app: App, connector: Connector, profile: Profile) -> list[StreamForecast]:
    """The calls that the next run takes if it meets what the last good one did; asks nothing of the source."""
    runs = app.store.list_runs(connector.connector_id, limit=20)
    good = next((r for r in runs if r.outcome in (RunOutcome.SUCCEEDED, RunOutcome.PARTIAL) and r.streams), None)
    read: dict[str, Any] = {str(s["stream"]): s.get("received") for s in good.streams} if good is not None else {}
    rows: dict[str, int | None] = {
        name: read.get(name)
        for name in dict.fromkeys(
            (MACHINES.stream, *(read or {MACHINES_VULNERABILITIES.stream: 0}), VULNERABILITIES.stream)
        )
    }
    page_rows = dict.fromkeys(rows, profile.page_size or EXPORT_ROWS)
    lists = (MACHINES.stream, MACHINES_VULNERABILITIES.stream)
    page_rows |= {name: min(profile.page_size or LIST_ROWS, LIST_ROWS) for name in lists}
    page_rows[VULNERABILITIES.stream] = min(profile.page_size or LIST_ROWS, CATALOGUE_ROWS)
    with app.open_source(connector, profile) as source:
        now = app.now().timestamp()
        limits = {name: source.budget.limit(name) for name in rows}
        used = {name: source.budget.used(name, now) for name in rows}
    return forecast(rows, page_rows, limits, used)


def chosen_profile(
    app: App,
    name: str,
    device_filter: str | None,
    finding_filter: str | None,
    *,
    profile_name: str | None = None,
) -> tuple[Connector, Profile]:
    """A connector and its profile, with other filters where they are given; nothing is saved."""
    connector = app.store.get_connector(name)
    profile = app.store.get_profile(connector.connector_id, profile_name)
    if device_filter is not None:
        profile = replace(profile, device_filter=device_filter or None)
    if finding_filter is not None:
        profile = replace(profile, finding_filter=finding_filter or None)
    return connector, profile


def find_out_of_scope(app: App, connector: Connector, profile: Profile, *, limit: int = 50) -> dict[str, Any]:
    """What is stored of a connector that the profile's device filter would no longer reach; nothing is changed.

    The ids of the devices that match are read from the source, and compared with those that hold open findings. A finding
    filter is not looked at: what it would leave out, only the source can say.

    Args:
        app: The home.
        connector: Whose stored findings.
        profile: With the filters to try.
        limit: Devices named, those with most findings first.

    Returns:
        `devices_matching` (at the source), `devices_stored` (with open findings), `devices_out_of_scope` and
        `findings_out_of_scope` among these, and `devices`: `asset_id`, `asset_name`, `findings`.

    Raises:
        RiskbridgeError: Refused or unreachable; `filter.*`: the filter is wrong.
    """
    import pyarrow as pa  # noqa: PLC0415

    from riskbridge.model.target import ASSET, DETECTION, SOURCE_ASSET  # noqa: PLC0415
    from riskbridge.source.defender.filters import check_filters  # noqa: PLC0415 - loads the grammar

    check_filters(profile.device_filter, profile.finding_filter)
    with app.open_source(connector, profile) as source:
        pages = source.read(MACHINES.stream, filter_text=profile.device_filter, resume=None)
        ids = pa.chunked_array([p.rows["id"].combine_chunks() for p in pages], type=pa.string())
    matching = app.engine.from_arrow(pa.table({"external_asset_id": ids}), {"external_asset_id": "string"})
    try:
        records = app.warehouse.current(SOURCE_ASSET)
        records = records.filter(records.connector_id == connector.connector_id)
        detections = app.warehouse.current(DETECTION)
        opened = detections.filter(detections.state == "open").semi_join(records, "source_asset_id")
        lost = opened.semi_join(records.anti_join(matching, "external_asset_id"), "source_asset_id")
        by_device = lost.group_by("asset_id").agg(findings=lost.finding_id.nunique())
        named = by_device.join(app.warehouse.current(ASSET).select("asset_id", "asset_name"), "asset_id")
        ordered = named.order_by([named.findings.desc(), named.asset_id]).select("asset_id", "asset_name", "findings")
        return {
            "devices_matching": len(ids),
            "devices_stored": int(app.engine.scalar(opened.source_asset_id.nunique())),
            "devices_out_of_scope": int(app.engine.scalar(lost.source_asset_id.nunique())),
            "findings_out_of_scope": int(app.engine.scalar(lost.finding_id.nunique())),
            "devices": app.engine.records(ordered.limit(limit)),
        }
    finally:
        app.engine.drop(matching)
