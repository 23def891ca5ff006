"""Real CVEs with their CVSS, EPSS and KEV facts, and the product releases that simulated devices have installed.

Both come with the package: `data/catalogue.csv` (a row a CVE) and `data/products.json` (products, their releases and
the KB numbers of Windows updates by month). A CVE affects a release when it is of that product and was published after
the release came out, unless the release lists its CVEs: true of the product, approximate for the release.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from riskbridge.errors import InputError

Exploit = Literal["none", "public", "verified", "kit"]

TVM_IDS = ("TVM-2020-0002", "TVM-2021-0001")
"""Ids of Defender's own that stand where a CVE has none yet."""


@dataclass(frozen=True, slots=True)
class KevEntry:
    """What CISA's catalogue of known exploited vulnerabilities says: two dates (YYYY-MM-DD) and ransomware use."""

    added: str
    due: str
    is_ransomware: bool


@dataclass(frozen=True, slots=True)
class Cve:
    """A CVE: `published` is a date or empty, `cvss` and `epss` None where unknown, `vector` may be empty.

    `products` are vendor/product as Defender spells them.
    """

    id: str
    products: tuple[str, ...]
    published: str
    severity: str
    cvss: float | None
    vector: str
    epss: float | None
    epss_percentile: float | None
    exploit: Exploit
    exploit_types: tuple[str, ...]
    kev: KevEntry | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """One way a release is vulnerable: the id, its severity word and the KB that fixes it (None: no KB)."""

    cve_id: str
    severity: str
    kb: str | None


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a product and what affects it; `place` is its place in `load_releases`."""

    place: int
    vendor: str
    product: str
    version: str
    exposures: tuple[Exposure, ...]


@cache
def load_cves() -> dict[str, Cve]:
    """Every CVE of the catalogue by id, oldest id first."""
    return {row["cve"]: _cve(row) for row in csv.DictReader(_data("catalogue.csv").splitlines())}


@cache
def load_releases() -> tuple[Release, ...]:
    """Every release, by product in the file's order and then oldest first."""
    content = json.loads(_data("products.json"))
    found: list[Release] = []
    for product in content["products"]:
        name = f"{product['vendor']}/{product['product']}"
        cves = [c for c in load_cves().values() if name in c.products]
        for values in product["releases"]:
            exposures = _exposures(cves, values, content["kbs"].get(values.get("kbs"), {}))
            found.append(Release(len(found), product["vendor"], product["product"], values["version"], exposures))
    return tuple(found)


@cache
def releases_of(product: str) -> tuple[Release, ...]:
    """The releases of a product by its bare name, oldest first.

    Raises:
        InputError: `simulator.unknown-product`.
    """
    found = tuple(r for r in load_releases() if r.product == product)
    if not found:
        raise InputError(
            f"The simulator knows no product {product!r}.",
            code="simulator.unknown-product",
            remedy="Use a productName that occurs in the tenant's findings.",
        )
    return found


def _data(name: str) -> str:
    return (resources.files("riskbridge.simulator") / "data" / name).read_text(encoding="utf-8")


def _cve(row: dict[str, str]) -> Cve:
    kev = KevEntry(row["kev_added"], row["kev_due"], row["kev_ransomware"] == "yes") if row["kev_added"] else None
    exploit: Any = row["exploit"]
    return Cve(
        id=row["cve"],
        products=tuple(row["products"].split("|")),
        published=row["published"],
        severity=row["severity"],
        cvss=_number(row["cvss_score"]),
        vector=row["cvss_vector"],
        epss=_number(row["epss"]),
        epss_percentile=_number(row["epss_percentile"]),
        exploit=exploit,
        exploit_types=tuple(t for t in row["exploit_types"].split("|") if t),
        kev=kev,
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _exposures(cves: list[Cve], release: dict[str, Any], kbs: dict[str, str]) -> tuple[Exposure, ...]:
    found = [Exposure(c.id, c.severity, kbs.get(c.published[:7])) for c in cves if _affects(c, release)]
    return (*found, *(Exposure(tvm_id, "Critical", None) for tvm_id in release.get("also", ())))


def _affects(cve: Cve, release: dict[str, Any]) -> bool:
    if "only" in release:
        return cve.id in release["only"]
    if not cve.published:
        return bool(release.get("undated", False))
    return cve.published > release["after"] and cve.id not in release.get("not", ())
