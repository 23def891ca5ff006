"""Why what is reported no more closes: the reason, from what was read, and the evidence in words.

| reason | the evidence |
| --- | --- |
| `device-reimaged` | the device is silent or gone, and a device that first reported since belongs to the same asset |
| `device-removed` | the device is gone from the source's list, or offboarded |
| `out-of-scope` | the device is excluded in the source, or the device filter does not keep it any more |
| `device-silent` | its sensor sends nothing |
| `version-changed` | another version of the product is there, and this one is not |
| `kb-installed` | no row of the device asks for the fixing KB |
| `cve-withdrawn` | nobody is reported with the id any more, and the source rejects it or reports another in its place |
| `software-removed` | the inventory, or where none was read the findings, have no row of the product on the device |
| `source-said-fixed` | the source said so |
| `unexplained` | none of these |

The first that holds is taken. A finding filter makes the absence of other rows say nothing, so with one only what is
there speaks: devices, other versions, the inventory, the source's own word.
"""

from __future__ import annotations

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from riskbridge.model.reasons import CloseReason

SILENT = ("Inactive", "NoSensorData", "NoSensorDataImpairedCommunication")
"""Sensor health words of a device that sends nothing."""
OFFBOARDED = "CanBeOnboarded"
REJECTED = r"(?i)^\s*(\*\*\s*reject|rejected reason)"
"""How the description of a withdrawn CVE begins."""
SYSTEMS = r"^(windows_(\d|server)|mac_?os|ios$|android$|linux_kernel|.*linux$|ubuntu|debian|centos|fedora|opensuse)"
"""Products that a device does not lose: its operating system."""
_YES, _NO = ibis.literal(value=True), ibis.literal(value=False)
_KEY = ("source_asset_id", "product_vendor", "product_name")


@dataclass(frozen=True, slots=True)
class ReadFacts:
    """What a run read that can speak for a closing.

    Attributes:
        seen: Sightings on the devices in question: the columns of DETECTION but those of its life and validity.
        devices: Devices of this run: `source_asset_id`, `external_asset_id`, `health_status`, `onboarding_status`,
            `is_excluded`, `exclusion_reason`, `first_seen_at`, `last_seen_at`.
        links: `source_asset_id`, `asset_id` of every device the connector ever reported.
        software: A complete inventory: `source_asset_id`, `product_vendor`, `product_name`, `product_version`; None
            where none was read.
        withdrawn: `subject` (CVE or vendor id) and `withdrawal` (in words) of ids that are reported no more; None for none.
        said_fixed: `detection_id` of what the source itself called fixed; None where it said nothing.
        has_device_filter: Not all devices were asked for.
        has_finding_filter: Not all findings were asked for.
    """

    seen: ir.Table
    devices: ir.Table
    links: ir.Table
    software: ir.Table | None = None
    withdrawn: ir.Table | None = None
    said_fixed: ir.Table | None = None
    has_device_filter: bool = False
    has_finding_filter: bool = False


def explain_closings(missing: ir.Table, facts: ReadFacts) -> ir.Table:
    """Missing detections with why they close.

    Args:
        missing: Rows of DETECTION, without validity.
        facts: What the run read.

    Returns:
        The columns of `missing` with `close_reason` filled, and `evidence` (text).
    """
    rows = _with_devices(missing.drop("close_reason"), facts)
    rows = _with_products(rows, facts)
    rows = _with_inventory(rows, facts)
    rows = _with_ids(rows, facts)
    ladder = _ladder(rows, facts)
    reason = ibis.cases(*((holds, why.value) for holds, why, _ in ladder), else_=CloseReason.UNEXPLAINED.value)
    evidence = ibis.cases(
        *((holds, text) for holds, _, text in ladder), else_="a complete reading of the same scope did not report it"
    )
    return rows.mutate(close_reason=reason, evidence=evidence).select(*missing.columns, "evidence")


def _ladder(rows: ir.Table, facts: ReadFacts) -> list[tuple[ir.BooleanValue, CloseReason, ir.StringValue]]:
    """Conditions in order, with the reason and the evidence of each."""
    text = ibis.literal
    is_gone = rows.device.isnull()
    is_offboarded = rows.health_status.isin(SILENT) & (rows.onboarding_status == OFFBOARDED)
    is_silent = rows.health_status.isin(SILENT)
    heir = text("the asset reports as device ") + rows.heir + " now, first seen after this one fell silent"
    gone = CloseReason.OUT_OF_SCOPE if facts.has_device_filter else CloseReason.DEVICE_REMOVED
    gone_text = (
        "the device filter does not keep the device any more, or it is gone"
        if facts.has_device_filter
        else "the device is not in the source's list any more"
    )
    excluded = text("the source excludes the device: ") + rows.exclusion_reason.fill_null("no reason given")
    named = rows.product_name.fill_null("the product")
    is_told = ibis.literal(not facts.has_finding_filter)
    other = text("version on the device now: ") + rows.now_version + rows.now_by
    is_system = named.re_search(SYSTEMS)
    return [
        ((is_gone | is_silent) & rows.heir.notnull(), CloseReason.DEVICE_REIMAGED, heir),
        (is_gone, gone, text(gone_text)),
        (rows.is_excluded.fill_null(_NO), CloseReason.OUT_OF_SCOPE, excluded),
        (is_offboarded, CloseReason.DEVICE_REMOVED, text("the device is offboarded and its sensor is inactive")),
        (is_silent, CloseReason.DEVICE_SILENT, text("the device's sensor sends nothing: ") + rows.health_status),
        (rows.now_version.notnull() & ~rows.is_version_there, CloseReason.VERSION_CHANGED, other),
        (
            is_told & rows.fixing_kb.notnull() & ~rows.is_kb_wanted,
            CloseReason.KB_INSTALLED,
            text("no row of the device asks for KB") + rows.fixing_kb,
        ),
        (rows.withdrawal.notnull(), CloseReason.CVE_WITHDRAWN, rows.withdrawal),
        (
            rows.is_inventoried & ~rows.is_installed & ~is_system,
            CloseReason.SOFTWARE_REMOVED,
            text("the software inventory of the device has no ") + named + " any more",
        ),
        (
            is_told & ~rows.is_inventoried & ~rows.is_product_there & rows.product_name.notnull() & ~is_system,
            CloseReason.SOFTWARE_REMOVED,
            text("no finding names ")
            + named
            + " on the device any more: removed, or brought to a version without weaknesses",
        ),
        (rows.is_said, CloseReason.SOURCE_SAID_FIXED, text("the source reported it as fixed")),
    ]


def _with_devices(rows: ir.Table, facts: ReadFacts) -> ir.Table:
    told = ("health_status", "onboarding_status", "is_excluded", "exclusion_reason", "last_seen_at")
    devices = facts.devices.select(*told, device="source_asset_id")
    rows = rows.left_join(devices, [("source_asset_id", "device")])
    links = facts.links.select(_linked="source_asset_id", of_asset="asset_id")
    active = facts.devices.filter(~facts.devices.health_status.fill_null("").isin(SILENT))
    heirs = active.join(links, [("source_asset_id", "_linked")])
    heirs = heirs.group_by("of_asset").agg(
        heir=heirs.external_asset_id.argmax(heirs.first_seen_at), heir_since=heirs.first_seen_at.max()
    )
    own = facts.links.select(_own="source_asset_id", now_asset="asset_id")
    rows = rows.left_join(own, [("source_asset_id", "_own")])
    rows = rows.left_join(heirs, [("now_asset", "of_asset")])
    is_later = (rows.heir_since >= rows.last_seen_at).fill_null(_YES)
    return rows.mutate(heir=ibis.ifelse(is_later, rows.heir, ibis.null("string"))).drop(
        "_own", "now_asset", "of_asset", "heir_since", "last_seen_at"
    )


def _with_products(rows: ir.Table, facts: ReadFacts) -> ir.Table:
    seen = _keyed(facts.seen)
    products = seen.group_by("of_product").agg(seen_version=seen.product_version.min())
    versions = seen.select(of_version="version_key").distinct()
    wanted = seen.filter(seen.fixing_kb.notnull()).select(_device="source_asset_id", _kb="fixing_kb").distinct()
    rows = _keyed(rows, prefix="own_")
    rows = rows.left_join(products, [("own_product", "of_product")])
    rows = rows.left_join(versions, [("own_version", "of_version")])
    rows = rows.left_join(wanted, [("source_asset_id", "_device"), ("fixing_kb", "_kb")])
    return rows.mutate(
        is_product_there=rows.of_product.notnull(),
        is_version_seen=rows.of_version.notnull(),
        is_kb_wanted=rows["_kb"].notnull(),
    ).drop("of_product", "of_version", "_device", "_kb")


def _with_inventory(rows: ir.Table, facts: ReadFacts) -> ir.Table:
    none, no = ibis.null("string"), _NO
    if facts.software is None:
        installed = rows.mutate(installed_version=none, is_installed=no, is_version_installed=no, is_inventoried=no)
    else:
        listed = _keyed(facts.software)
        products = listed.group_by("of_product").agg(installed_version=listed.product_version.min())
        versions = listed.select(of_version="version_key").distinct()
        devices = listed.select(_device="source_asset_id").distinct()
        rows = rows.left_join(products, [("own_product", "of_product")])
        rows = rows.left_join(versions, [("own_version", "of_version")])
        rows = rows.left_join(devices, [("source_asset_id", "_device")])
        installed = rows.mutate(
            is_installed=rows.of_product.notnull(),
            is_version_installed=rows.of_version.notnull(),
            is_inventoried=rows["_device"].notnull(),
        ).drop("of_product", "of_version", "_device")
    return installed.mutate(
        now_version=installed.seen_version.coalesce(installed.installed_version),
        now_by=ibis.ifelse(installed.seen_version.isnull(), " (by the software inventory)", ""),
        is_version_there=installed.is_version_seen | installed.is_version_installed,
    )


def _with_ids(rows: ir.Table, facts: ReadFacts) -> ir.Table:
    if facts.withdrawn is None:
        rows = rows.mutate(withdrawal=ibis.null("string"))
    else:
        withdrawn = facts.withdrawn.select("withdrawal", _subject="subject")
        rows = rows.mutate(own_subject=subject(rows)).left_join(withdrawn, [("own_subject", "_subject")])
    if facts.said_fixed is None:
        return rows.mutate(is_said=ibis.literal(value=False))
    said = facts.said_fixed.select(_said="detection_id")
    rows = rows.left_join(said, [("detection_id", "_said")])
    return rows.mutate(is_said=rows["_said"].notnull())


def find_withdrawn(missing: ir.Table, seen: ir.Table, beside: ir.Table, current: ir.Table, cve: ir.Table) -> ir.Table:
    """Ids of missing detections that no device is reported with any more, where something says that they are withdrawn.

    That is a description by which the CVE is rejected or, for an id of the source's own, another id that is new on the
    same product and version of a device that had it.

    Args:
        missing: Rows of DETECTION, without validity.
        seen: Every sighting of the run.
        beside: Those on the devices of the missing ones.
        current: The connector's current rows of DETECTION.
        cve: `cve_id`, `description` as far as anybody told.

    Returns:
        `subject`, `withdrawal` (in words), one row an id.
    """
    asked = missing.select(subject=subject(missing)).distinct()
    asked = asked.anti_join(seen.select(subject=subject(seen)), "subject")
    rejected = cve.filter(cve.description.re_search(REJECTED)).select(subject="cve_id").distinct()
    rejected = rejected.semi_join(asked, "subject").mutate(rank=ibis.literal(0, "int64"))
    rejected = rejected.mutate(withdrawal=ibis.literal("the CVE is rejected, and no device is reported with it"))
    own = missing.filter(missing.cve_id.isnull())
    old = _keyed(own).select(of_version="version_key", subject=subject(own)).semi_join(asked, "subject")
    fresh = beside.anti_join(current, "detection_id")
    fresh = _keyed(fresh).select("version_key", fresh_subject=subject(fresh))
    both = old.join(fresh, [("of_version", "version_key")])
    told = both.group_by("subject").agg(now=both.fresh_subject.min())
    renamed = told.select(
        "subject",
        rank=ibis.literal(1, "int64"),
        withdrawal=ibis.literal("no device is reported with the id any more; the source reports ")
        + told.now
        + " in its place",
    )
    together = rejected.select("subject", "rank", "withdrawal").union(renamed)
    return together.group_by("subject").agg(withdrawal=together.withdrawal.min())


def subject(rows: ir.Table) -> ir.StringValue:
    """The CVE or the vendor's own id that detections are of."""
    found: ir.StringValue = rows.cve_id.coalesce(rows.vendor_finding_id)
    return found


def _keyed(rows: ir.Table, prefix: str = "") -> ir.Table:
    """Rows with a text for device and product, and one for the version besides; no vendor counts as an empty one."""
    product = rows.source_asset_id
    for name in _KEY[1:]:
        product = product + "\x1f" + rows[name].fill_null("")
    names = ("own_product", "own_version") if prefix else ("of_product", "version_key")
    return rows.mutate(**{names[0]: product, names[1]: product + "\x1f" + rows.product_version.fill_null("")})
