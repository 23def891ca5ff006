"""Attributes as identification compares them: one spelling for one value, and null for what identifies nothing.

Placeholders never count: values that firmware, virtual adapters and installers leave behind are equal on hosts that
have nothing to do with each other.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from riskbridge.forms import SEPARATOR, hardware_digits, lower
from riskbridge.identity.rules import IDENTIFYING

PLACEHOLDER_TEXTS = (
    "",
    "-",
    "chassis serial number",
    "default string",
    "default",
    "empty",
    "invalid",
    "n/a",
    "na",
    "none",
    "not applicable",
    "not available",
    "not specified",
    "null",
    "o.e.m.",
    "oem",
    "system serial number",
    "to be filled by o.e.m.",
    "unknown",
    "unspecified",
    "0123456789",
    "123456789",
    "1234567890",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
)
"""Texts in the place of an id or name, in lower case; the two UUIDs are firmware defaults of mainboard makers."""

PLACEHOLDER_HOSTS = (
    *PLACEHOLDER_TEXTS,
    "localhost",
    "localdomain",
    "android",
    "iphone",
    "ipad",
    "macbook-air",
    "macbook-pro",
)
"""Host names that many unrelated devices carry."""

PLACEHOLDER_MACS = (
    "00059a3c7800",
    "00059a3c7a00",
    "00090faa0001",
    "00090ffe0001",
    "005056c00001",
    "005056c00008",
    "005345000000",
    "02004c4f4f50",
    "0205857feb80",
    "025041000001",
    "204153594eff",
    "33506f453030",
    "505054503030",
)
"""Fixed addresses of VPN clients, host-only networks, dial-up adapters and packet capture drivers."""

_MAC = r"^[0-9a-f]{12}$"
_MADE_UP_MACS = ("000000000000", "ffffffffffff", "0242", "4201", "0a0027", "0a58", "eeeeeeeeeeee")
"""Beginnings: nothing, broadcast, container networks, addresses made from a private IP, host-only networks, pods."""
_GROUP_MAC = r"^.[13579bdf]"
"""Addresses of groups, which no card has; two placeholders above are such."""

_ONE_SIGN = r"^([0 .:-]*|[f .:-]*|[x .:-]*)$"
_IP_ADDRESS = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-f:.%]*:[0-9a-z:.%]*)$"
_LOCAL_ADDRESS = (
    r"^(127\.|169\.254\.|0\.|::1$|::$|fe[89ab][0-9a-f]:|172\.17\.0\.1$|255\.255\.255\.255$|22[4-9]\.|23[0-9]\.|ff)"
)
_LOCAL_NAME = r"^[^.]+\.(local|localdomain|lan|home)$"


def spell(records: ir.Table) -> ir.Table:
    """Records with their identifying texts in one spelling; placeholders are still there.

    Meant to be materialised: an expression that is used often is computed as often as it is used.

    Args:
        records: The columns of SOURCE_ASSET.

    Returns:
        `source_asset_id`, `connector_id`, `is_active` (its sensor is not inactive and it was not merged away), `name`,
        `label` (the first of its name), `IDENTIFYING`, `netbios_name`, `domain`, `external_asset_id`, `first_seen_at`,
        `last_seen_at`, and `merge_ids`, `mac_addresses`, `ip_addresses`: arrays as the source spells them.
    """
    merged_into = records.merged_into_external_id.nullif("")
    name = _without_dots(_tidy(records.asset_name))
    domain = _without_dots(_tidy(records.domain))
    netbios = _tidy(records.netbios_name)
    source = records.connector_id + SEPARATOR
    return records.select(
        "source_asset_id",
        "connector_id",
        "external_asset_id",
        "first_seen_at",
        "last_seen_at",
        is_active=(records.health_status.fill_null("") != "Inactive") & merged_into.isnull(),
        name=name,
        label=_tidy(records.asset_name).re_extract(r"^([^.]+)", 1),
        **{attribute: _tidy(records[attribute]) for attribute in IDENTIFYING},
        # Windows writes DOMAIN\\NAME, and a computer's account NAME$.
        netbios_name=ibis.ifelse(netbios.re_search(r"[\\$]"), netbios.re_extract(r"([^\\$]+)\$?$", 1), netbios),
        domain=ibis.ifelse(domain.startswith("."), domain.substr(1), domain),
        merge_ids=ibis.array([source + records.external_asset_id, source + merged_into]),
        mac_addresses=records.mac_addresses,
        ip_addresses=records.ip_addresses,
    )


def recognise(spelled: ir.Table) -> ir.Table:
    """Records with the attributes that rules compare; null where there is no value that identifies anything.

    Args:
        spelled: What `spell` gave.

    Returns:
        `source_asset_id`, `connector_id`, `is_active`, the single-valued attributes of `rules.ATTRIBUTES`, and the
        other columns of `spell` but names. Lazy.
    """
    name, label = spelled.name, spelled.label
    is_host = label.notin(PLACEHOLDER_HOSTS) & ~name.re_search(_IP_ADDRESS)
    # A short name beside a DNS domain is a full name in two parts; one without a dot is a NetBIOS domain.
    is_in_domain = ~name.contains(".") & spelled.domain.contains(".")
    full = ibis.ifelse(is_in_domain.fill_null(ibis.literal(value=False)), name + "." + spelled.domain, name)
    return spelled.select(
        "source_asset_id",
        "connector_id",
        "external_asset_id",
        "first_seen_at",
        "last_seen_at",
        "is_active",
        **{attribute: _id(spelled[attribute]) for attribute in IDENTIFYING},
        fqdn=_where(is_host & full.contains(".") & ~full.re_search(_LOCAL_NAME), full),
        host_name=_where(is_host, label),
        netbios_name=_where(spelled.netbios_name.notin(PLACEHOLDER_HOSTS), spelled.netbios_name),
        domain=_where(spelled.domain.notin(PLACEHOLDER_TEXTS), spelled.domain),
        merge_ids=spelled.merge_ids,
        mac_addresses=spelled.mac_addresses,
        ip_addresses=spelled.ip_addresses,
    )


def recognise_value(attribute: str, value: ir.StringValue) -> ir.StringValue:
    """One value of a multi-valued attribute in its one spelling; null when it identifies nothing."""
    if attribute == "mac_address":
        mac = _mac(value)
        is_made_up = ibis.or_(*(mac.startswith(prefix) for prefix in _MADE_UP_MACS)) | mac.re_search(_GROUP_MAC)
        return _where(~is_made_up & mac.notin(PLACEHOLDER_MACS), mac)
    if attribute == "ip_address":
        address = _tidy(value)
        # An address of version 4 in the clothes of version 6.
        address = ibis.ifelse(address.re_search(r"^::ffff:[0-9.]+$"), address.substr(7), address)
        return _where(address.re_search(_IP_ADDRESS) & ~address.re_search(_LOCAL_ADDRESS), address)
    return value


def _mac(value: ir.StringValue) -> ir.StringValue:
    """Twelve digits of any usual form; null for what is none. What maps have put in that form already costs nothing."""
    bare = hardware_digits(value)
    found: ir.StringValue = ibis.cases(
        (value.re_search(_MAC), value), (bare.re_search(_MAC), bare), else_=ibis.null("string")
    )
    return found


def _without_dots(name: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(name.endswith("."), name.re_replace(r"\.+$", ""), name)


def _tidy(text: ir.StringValue) -> ir.StringValue:
    return lower(text.strip())


def _id(value: ir.StringValue) -> ir.StringValue:
    plain = ibis.ifelse(value.startswith("{"), value.re_replace(r"[{}]", ""), value)
    return _where(plain.notin(PLACEHOLDER_TEXTS) & ~plain.re_search(_ONE_SIGN), plain)


def _where(is_real: ir.BooleanValue, value: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(is_real, value, ibis.null("string"))
