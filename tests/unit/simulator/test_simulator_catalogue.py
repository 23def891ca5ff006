from __future__ import annotations

import re
from importlib import resources

import pytest

from riskbridge.errors import InputError
from riskbridge.simulator.catalogue import KevEntry, load_cves, load_releases, releases_of
from riskbridge.simulator.cve_records import catalogue_records
from riskbridge.simulator.devices import PLATFORMS


def test_the_catalogue_is_large_and_its_file_small() -> None:
    file = resources.files("riskbridge.simulator") / "data" / "catalogue.csv"
    assert len(load_cves()) >= 320
    assert len(file.read_bytes()) < 400_000


def test_a_well_known_cve_carries_its_published_facts() -> None:
    log4shell = load_cves()["CVE-2021-44228"]
    assert (log4shell.cvss, log4shell.vector, log4shell.products, log4shell.exploit, log4shell.kev) == (
        10.0,
        "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
        ("apache/log4j",),
        "kit",
        KevEntry("2021-12-10", "2021-12-24", is_ransomware=True),
    )


def test_every_cve_is_well_formed() -> None:
    odd = [
        cve.id
        for cve in load_cves().values()
        if not re.fullmatch(r"CVE-\d{4}-\d{4,}", cve.id)
        or not re.fullmatch(r"(\d{4}-\d{2}-\d{2})?", cve.published)
        or cve.severity not in ("Low", "Medium", "High", "Critical")
        or (cve.cvss is None) != (cve.vector == "")
        or (cve.cvss is not None and not 0 < cve.cvss <= 10)
        or not all(re.fullmatch(r"[a-z0-9_+.-]+/[a-z0-9_+.-]+", p) for p in cve.products)
        or (cve.epss is not None and not 0 <= cve.epss <= 1)
        or (cve.kev is not None and cve.exploit == "none")
    ]
    assert odd == []


def test_every_release_is_affected_by_cves_of_its_product_alone() -> None:
    cves = load_cves()
    wrong = [
        (release.product, exposure.cve_id)
        for release in load_releases()
        for exposure in release.exposures
        if exposure.cve_id in cves and f"{release.vendor}/{release.product}" not in cves[exposure.cve_id].products
    ]
    assert wrong == []


def test_every_release_is_vulnerable_and_names_itself_once() -> None:
    names = [(r.vendor, r.product, r.version) for r in load_releases()]
    assert [r.product for r in load_releases() if not r.exposures] == []
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("product", "version", "cve_id", "kb"),
    [
        pytest.param("windows_11", "10.0.22631.4751", "CVE-2025-21418", "5051989", id="the month's update of 23H2"),
        pytest.param("windows_11", "10.0.26100.2894", "CVE-2025-21418", "5051987", id="the month's update of 24H2"),
        pytest.param("chrome", "128.0.6613.84", "CVE-2025-2783", None, id="no KB outside Windows"),
    ],
)
def test_a_windows_cve_is_fixed_by_the_update_of_its_month(
    product: str, version: str, cve_id: str, kb: str | None
) -> None:
    release = next(r for r in releases_of(product) if r.version == version)
    assert {e.cve_id: e.kb for e in release.exposures}[cve_id] == kb


def test_every_platform_finds_what_may_be_installed_on_it() -> None:
    for platform in PLATFORMS:
        own = releases_of(platform.product) if platform.product else ()
        assert not own or any(r.version.startswith(platform.versions) for r in own)
        assert all(releases_of(name) for name in platform.software)


def test_an_unknown_product_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no product 'netscape'"):
        releases_of("netscape")


def test_catalogue_records_show_the_quirks_of_the_service() -> None:
    records = {r["id"]: r for r in catalogue_records({"CVE-2021-44228": 7})}
    assert records["CVE-2021-44228"]["exposedMachines"] == 7
    assert isinstance(records["CVE-2021-44228"]["cvssV3"], int), "10, not 10.0"
    own = records["TVM-2020-0002"]
    assert (own["severity"], own["cvssVector"], own["publishedOn"], own["epss"], own["exposedMachines"]) == (
        "Critical",
        "",
        None,
        0,
        0,
    )
    assert {"Supported", "NotSupported", "Not Supported", ""} <= {r["cveSupportability"] for r in records.values()}
    assert any(r["cvssVector"] == "" and r["cvssV3"] is None and r["id"].startswith("CVE-") for r in records.values())
    assert any(r["publishedOn"] is None and r["id"].startswith("CVE-") for r in records.values())
