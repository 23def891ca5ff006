"""Columns that a view computes from stored ones: bands, ratings, families, what a CVSS vector says, names of sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from riskbridge.model.bands import QDS_BANDS, TRURISK_BANDS, Band

DEFENDER = "MS Defender"
PRODUCTS = {DEFENDER: ("Microsoft", "Defender")}
"""Inventory source to the maker and the product that findings name; any other source is called as it is."""

_RATINGS: dict[str, tuple[tuple[float, str], ...]] = {
    "3": ((9.0, "Critical"), (7.0, "High"), (4.0, "Medium"), (0.1, "Low"))
}
_RATINGS |= {"4": _RATINGS["3"], "2": ((7.0, "High"), (4.0, "Medium"))}
_LOWEST = {"2": "Low", "3": "None", "4": "None"}
_FAMILIES = (
    ("Windows", ("windows",)),
    ("Mac", ("macos", "mac ", "os x")),
    ("Mobile", ("ios", "android", "ipados")),
    ("Network", ("cisco", "junos", "fortios", "pan-os")),
    ("Linux", ("linux", "ubuntu", "debian", "redhat", "centos", "suse", "fedora", "oracle", "rocky", "alma", "amazon")),
)
_ACCESS = {"N": "Network", "A": "Adjacent", "L": "Local", "P": "Physical"}
_PRIVILEGE = {"N": "None", "L": "Low", "H": "High"}


def qds_band(qds: ir.IntegerValue) -> ir.StringValue:
    """Critical, High, Medium or Low."""
    return _band(qds, QDS_BANDS)


def trurisk_band(trurisk: ir.IntegerValue) -> ir.StringValue:
    """Severe, High, Medium or Low."""
    return _band(trurisk, TRURISK_BANDS)


def cvss_rating(score: Any, version: str) -> ir.StringValue:
    """The rating of a base score; null for none.

    Source: the qualitative severity scales of CVSS 3.1 and 4.0 (section 5) and of NVD for CVSS 2.
    """
    named = ibis.cases(*((score >= lowest, name) for lowest, name in _RATINGS[version]), else_=_LOWEST[version])
    return ibis.ifelse(score.isnull(), ibis.null("string"), named)


def access_vector(vector: Any) -> ir.StringValue:
    """From where a vulnerability is reached, by its CVSS vector."""
    return _metric(vector, "AV", _ACCESS)


def required_privilege(vector: Any) -> ir.StringValue:
    """Which rights it needs, by its CVSS vector; null for CVSS 2, which does not say."""
    return _metric(vector, "PR", _PRIVILEGE)


def system_category(name: Any) -> ir.StringValue:
    """The family of an operating system by its name; null for none."""
    plain = name.lower()
    found = [(ibis.or_(*(plain.startswith(word) for word in words)), family) for family, words in _FAMILIES]
    return ibis.ifelse(name.isnull(), ibis.null("string"), ibis.cases(*found, else_="Other"))


def product_of(source: str) -> tuple[str, str]:
    """Maker and product of an inventory source."""
    return PRODUCTS.get(source, (source, source))


def source_vendors(sources: Any) -> ir.ArrayValue:
    """Makers of an asset's sources."""
    return _named(sources, 0)


def source_products(sources: Any) -> ir.ArrayValue:
    """Products that an asset's sources are."""
    return _named(sources, 1)


def of_connector(connector_id: Any, sources: Mapping[str, str] | None, part: int) -> ir.StringValue:
    """Maker (0) or product (1) of a connector's source; Defender's where the connector is not known any more."""
    known = {c: product_of(name)[part] for c, name in (sources or {}).items()}
    usual = PRODUCTS[DEFENDER][part]
    others = {c: name for c, name in known.items() if name != usual}
    if not others:
        return ibis.literal(usual)
    if set(known.values()) == set(others.values()) and len(set(others.values())) == 1:
        return ibis.literal(next(iter(others.values())))
    return ibis.cases(*((connector_id == c, name) for c, name in others.items()), else_=usual)


def _band(score: Any, bands: tuple[Band, ...]) -> ir.StringValue:
    """The name of the band; null for none, which no comparison finds."""
    return ibis.cases(*((score >= band.lowest, band.name) for band in bands), else_=ibis.null("string"))


def _named(sources: Any, part: int) -> ir.ArrayValue:
    def name(source: Any) -> ir.StringValue:
        return ibis.cases(*((source == known, names[part]) for known, names in PRODUCTS.items()), else_=source)

    named: ir.ArrayValue = sources.map(name)
    return named


def _metric(vector: Any, metric: str, words: Mapping[str, str]) -> ir.StringValue:
    return ibis.cases(
        *((vector.contains(f"{metric}:{letter}"), word) for letter, word in words.items()), else_=ibis.null("string")
    )
