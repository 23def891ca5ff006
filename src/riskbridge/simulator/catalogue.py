"""Real CVEs with their real CVSS, EPSS and KEV facts, and the products whose versions they affect in simulated tenants."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

VERSIONS: dict[str, tuple[str, ...]] = {
    "windows_10": ("10.0.19045.4046", "10.0.19045.4529", "10.0.17763.5458"),
    "windows_11": ("10.0.22631.4751", "10.0.22621.3447", "10.0.26100.1742"),
    "windows_server_2019": ("10.0.17763.5329", "10.0.17763.6293"),
    "windows_server_2022": ("10.0.20348.2227", "10.0.20348.2655"),
    "office": ("16.0.10406.20006", "16.0.17328.20162"),
    "edge_chromium-based": ("120.0.2210.91", "125.0.2535.51", "128.0.2739.42"),
    "chrome": ("116.0.5845.96", "122.0.6261.57", "127.0.6533.72"),
    "firefox": ("115.0.2.0", "123.0.1.0", "128.0.3.0"),
    "acrobat_reader_dc": ("23.003.20269", "24.001.20604"),
    "linux_kernel": ("5.15.0-91.101", "0:5.14.0-362.8.1.el9_3"),
}
KB_PRODUCTS = {"windows_10": "5051974", "windows_11": "5051989", "windows_server_2019": "5052000"}
WINDOWS_11 = ("windows_11",)
CLIENT = (
    "edge_chromium-based", "chrome", "firefox", "office", "acrobat_reader_dc", "jre", "7-zip", "winrar", "zoom",
    "teamviewer", "notepad++", "putty", "pdf_reader", "wireshark", "git", "python", "node.js", ".net", "openssl",
    "libreoffice", "log4j",
)  # fmt: skip
SERVER = ("edge_chromium-based", ".net", "jre", "openssl", "log4j", "tools", "7-zip", "python", "node.js", "putty")
LINUX = ("linux_kernel", "openssl", "glibc", "openssh", "sudo", "polkit", "curl", "vim", "python", "xz", "git", "log4j")


@dataclass(frozen=True, slots=True)
class Cve:
    """A CVE; `kev` is (date added, due date, ransomware) or None, `epss` None where unknown, `vector` may be empty."""

    id: str
    vendor: str
    product: str
    cvss: float
    vector: str
    severity: str
    epss: float | None
    published: str
    public: bool
    verified: bool
    kev: tuple[str, str, bool] | None


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a product and the ids that affect it."""

    vendor: str
    product: str
    version: str
    cves: tuple[tuple[str, str], ...]
    """Pairs of id and severity."""


@cache
def load_cves() -> tuple[Cve, ...]:
    """Every CVE of the catalogue, by id."""
    text = (resources.files("riskbridge.simulator") / "data" / "catalogue.jsonl").read_text(encoding="utf-8")
    return tuple(
        Cve(**values | {"kev": tuple(values["kev"]) if values["kev"] else None})
        for values in map(json.loads, text.splitlines())
    )


@cache
def load_releases() -> dict[str, tuple[Release, ...]]:
    """Releases by product, oldest first: an older release is affected by all that a newer one is, and more."""
    by_product: dict[str, list[Cve]] = {}
    for cve in load_cves():
        by_product.setdefault(cve.product, []).append(cve)
    return {name: _releases(name, cves) for name, cves in by_product.items()}


def _releases(product: str, cves: list[Cve]) -> tuple[Release, ...]:
    versions = VERSIONS.get(product, ("1.0.2", "2.4.1"))
    ordered = sorted(cves, key=lambda c: (c.published, c.id))
    releases = []
    for age, version in enumerate(versions):
        affected = ordered[len(ordered) * age // len(versions) :]
        pairs = tuple((c.id, c.severity) for c in affected)
        if product == "edge_chromium-based" and age == 0:
            pairs = (*pairs, ("TVM-2020-0002", "Critical"))
        releases.append(Release(cves[0].vendor, product, version, pairs))
    return tuple(releases)
