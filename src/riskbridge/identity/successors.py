"""Devices that were set up anew: another id in the same source, the same device, and one silent before the other spoke.

The evidence is one value that stays with the device: the Entra device id, or the host name together with a serial
number, a hardware UUID or a MAC address. The time speaks for it where each record that shares the value was first seen
when the one before had been seen for the last time. Two that were there at one time are two devices, or a clone: nobody
knows then which of them a third one follows, so the value says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from riskbridge.identity.answers import shared_by_records
from riskbridge.identity.normalise import recognise_value

Materialise = Callable[[ir.Table], ir.Table]


def successor_keys(records: ir.Table, materialise: Materialise) -> ir.Table:
    """A key for each device and the one that follows it.

    Args:
        records: What `normalise.recognise` gave.
        materialise: Computes a table once.

    Returns:
        `source_asset_id` and `value`, two rows a pair: the value names both external ids, the evidence and the days.
    """
    rows = materialise(shared_by_records(_evidence(records), ["connector_id", "evidence"]).distinct())
    window = ibis.window(
        group_by=["connector_id", "evidence"], order_by=["first_seen_at", "last_seen_at", "source_asset_id"]
    )
    rows = rows.mutate(
        before_id=rows.source_asset_id.lag().over(window),
        before_external=rows.external_asset_id.lag().over(window),
        silent_since=rows.last_seen_at.lag().over(window),
    )
    is_late = rows.before_id.isnull() | (rows.silent_since <= rows.first_seen_at)
    rows = rows.mutate(is_chain=is_late.all().over(group_by=["connector_id", "evidence"]))
    pairs = rows.filter(rows.is_chain & rows.before_id.notnull())
    told = (
        pairs.before_external
        + " → "
        + pairs.external_asset_id
        + ": "
        + pairs.evidence
        + ", silent since "
        + pairs.silent_since.cast("date").cast("string")
        + ", anew since "
        + pairs.first_seen_at.cast("date").cast("string")
    )
    pairs = materialise(pairs.select("source_asset_id", "before_id", value=told))
    return pairs.select("source_asset_id", "value").union(
        pairs.select("value", source_asset_id="before_id").select("source_asset_id", "value")
    )


def _evidence(records: ir.Table) -> ir.Table:
    dated = records.filter(records.first_seen_at.notnull() & records.last_seen_at.notnull())
    kept = ("source_asset_id", "connector_id", "external_asset_id", "first_seen_at", "last_seen_at")
    name = dated.host_name
    lasting = [dated.entra_device_id, name + " + " + dated.serial_number, name + " + " + dated.hardware_uuid]
    single = dated.select(*kept, evidence=ibis.array(lasting).unnest())
    named = dated.filter(name.notnull()).select(*kept, "host_name", mac=dated.mac_addresses.unnest())
    macs = named.select(*kept, evidence=named.host_name + " + " + recognise_value("mac_address", named.mac))
    rows = single.union(macs)
    return rows.filter(rows.evidence.notnull())
