"""A first map for a data model: rows for the target fields that its fields are named like."""

from __future__ import annotations

import re
from typing import Any

from riskbridge.model.schema import Table
from riskbridge.model.source_model import SourceModel
from riskbridge.transform.convert import is_convertible
from riskbridge.transform.rows import PROVENANCE, camel_case, source_types, target_types

_SAME: dict[str, tuple[str, ...]] = {
    "externalAssetId": (
        "deviceid",
        "machineid",
        "assetid",
        "hostid",
        "assetuuid",
        "hostname",
        "dnsname",
        "fqdn",
        "host",
    ),
    "assetName": ("computerdnsname", "hostname", "dnsname", "fqdn", "devicename", "host", "dns", "name", "asset"),
    "externalFindingId": ("id", "findingid", "pluginid", "qid", "vulnerabilityid", "vulnid"),
    "cveId": ("cve", "cves", "cveids", "vulnerability"),
    "findingName": ("title", "name", "vulnerabilitytitle", "pluginname", "summary"),
    "findingSeverity": ("severity", "risk", "vulnerabilityseveritylevel", "severitylevel"),
    "operatingSystemName": ("os", "osname", "osplatform", "operatingsystem"),
    "operatingSystemVersion": ("osversion", "version"),
    "ipAddress": ("ip", "lastipaddress", "ipv4", "address", "assetip"),
    "macAddresses": ("mac", "macaddress"),
    "productName": ("product", "softwarename", "software"),
    "productVendor": ("vendor", "softwarevendor", "publisher"),
    "productVersion": ("softwareversion", "installedversion"),
    "fixingKb": ("kb", "fixingkbid", "recommendedsecurityupdateid"),
    "firstSeenAt": ("firstseen", "firstfound", "firstdiscovered"),
    "lastSeenAt": ("lastseen", "lastfound", "lastobserved"),
    "cvssScore": ("cvss", "cvssv3", "cvssv3basescore", "cvssbasescore"),
}
"""Names that sources give to a target field, without blanks and in lower case, the surest first."""


def suggest_rows(model: SourceModel, target: Table) -> list[dict[str, Any]]:
    """Rows, as plain data: each target field fed by the field named like it, where one is and its type can become it.

    The target's key is marked as identifier, and a category that nothing feeds is `vulnerability`.
    """
    types = source_types(model)
    by_key = {_key(path): path for path in reversed(types)}
    rows: list[dict[str, Any]] = []
    for column in target:
        field = camel_case(column.name)
        wanted = target_types(target, column.name) if column.name not in PROVENANCE else ()
        names = (_key(field), *_SAME.get(field, ()), *(("id",) if column.name in target.key else ()))
        fits = [by_key[n] for n in names if n in by_key and wanted and is_convertible(types[by_key[n]], wanted[0])]
        is_own = {"identifier": True} if column.name in target.key or column.name.startswith("external_") else {}
        if fits:
            rows.append({"from": fits[0], "to": field, "type": wanted[0], **is_own})
        elif field == "category":
            rows.append({"to": field, "type": "string", "function": "constant", "value": "vulnerability"})
    return rows


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
