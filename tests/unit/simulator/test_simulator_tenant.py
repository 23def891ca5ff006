from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from riskbridge.errors import InputError
from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES
from riskbridge.simulator.catalogue import releases_of
from riskbridge.simulator.odata import parse_filter, parse_order
from riskbridge.simulator.rows import Selection
from riskbridge.simulator.tenant import Tenant

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
FINDINGS = "machinesVulnerabilities"


def made(devices: int = 300, findings_per_device: int = 30, seed: int = 1) -> Tenant:
    return Tenant(devices=devices, findings_per_device=findings_per_device, seed=seed, now=NOW)


def records(selection: Selection, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
    page = selection.page(start, selection.count if stop is None else stop)
    found: list[dict[str, Any]] = json.loads(b"[" + page + b"]")
    return found


def filtered(tenant: Tenant, stream: str, text: str, order: str | None = None) -> list[dict[str, Any]]:
    ordered = parse_order(order, stream) if order else None
    return records(tenant.select(stream, parse_filter(text, stream), ordered, query=f"{text}\n{order}"))


def test_the_same_seed_makes_the_same_tenant_and_another_seed_another() -> None:
    pages = [[t.select(s).page(0, 10_000) for s in ("machines", FINDINGS)] for t in (made(), made(), made(seed=2))]
    assert pages[0] == pages[1]
    assert pages[0] != pages[2]


@pytest.mark.parametrize(
    ("devices", "findings_per_device"),
    [
        pytest.param(300, 30, id="default mean"),
        pytest.param(2000, 30, id="more devices"),
        pytest.param(500, 3, id="few findings"),
        pytest.param(300, 200, id="many findings"),
    ],
)
def test_the_number_of_findings_is_close_to_what_was_asked_for(devices: int, findings_per_device: int) -> None:
    assert made(devices, findings_per_device).finding_count == pytest.approx(devices * findings_per_device, rel=0.08)


def test_no_devices_and_no_findings_are_possible() -> None:
    assert [made(0).truth()[k] for k in ("machines", "findings", "strangers")] == [0, 0, 0]
    assert [made(120, 0).truth()[k] for k in ("machines", "findings", "strangers")] == [120, 0, 0]


@pytest.mark.parametrize(
    "size", [pytest.param(1, id="one"), pytest.param(7, id="seven"), pytest.param(10_000, id="all")]
)
def test_pages_of_any_size_hold_the_same_rows(size: int) -> None:
    rows = made(12).select(FINDINGS)
    assert [r for k in range(0, rows.count, size) for r in records(rows, k, k + size)] == records(rows)
    assert rows.page(rows.count, rows.count + size) == b""


def test_rows_have_exactly_the_properties_of_the_source_model() -> None:
    tenant = made(40)
    machine_names = {f.name for f in MACHINES.fields} - {"defenderAvStatus"}
    assert {frozenset(r) for r in records(tenant.select("machines"))} == {frozenset(machine_names)}
    assert {tuple(r) for r in records(tenant.select(FINDINGS))} != set()
    assert {frozenset(r) for r in records(tenant.select(FINDINGS))} == {
        frozenset(f.name for f in MACHINES_VULNERABILITIES.fields)
    }
    assert {frozenset(r) for r in records(tenant.select("vulnerabilities"))} == {
        frozenset(f.name for f in VULNERABILITIES.fields)
    }


def test_a_row_id_joins_device_cve_product_and_kb() -> None:
    for row in records(made(30).select(FINDINGS)):
        parts = ("machineId", "cveId", "productVendor", "productName", "productVersion", "fixingKbId")
        assert row["id"] == "-_-".join(row[p] or "" for p in parts)


def test_row_ids_are_unique() -> None:
    ids = Counter(r["id"] for r in records(made(500).select(FINDINGS)))
    assert ids.most_common(1)[0][1] == 1


def test_the_world_has_the_oddities_of_a_real_one() -> None:
    tenant = made(500)
    machines = records(tenant.select("machines"))
    by_id = {m["id"]: m for m in machines}
    rows = records(tenant.select(FINDINGS))
    names = Counter(str(m["computerDnsName"]).lower() for m in machines if m["computerDnsName"])
    owners = {r["machineId"] for r in rows}
    macs = {a["macAddress"] for m in machines for a in m["ipAddresses"]}
    assert max(names.values()) > 1, "one name on two records"
    assert any(m["mergedIntoMachineId"] in by_id for m in machines)
    assert len(owners - by_id.keys()) == 1, "rows of a device nobody lists"
    assert not owners & {m["id"] for m in machines if m["onboardingStatus"] != "Onboarded" or m["isExcluded"]}
    assert {"CanBeOnboarded", "Unsupported", "InsufficientInfo"} <= {m["onboardingStatus"] for m in machines}
    assert {None, "000000000000", ""} < macs
    assert {"127.0.0.1", "::1", ""} <= {a["ipAddress"] for m in machines for a in m["ipAddresses"]}
    assert any(len(m["ipAddresses"]) > 30 for m in machines)
    assert {0, 7458} <= {m["rbacGroupId"] for m in machines}
    assert {m["vmMetadata"] is None for m in machines} == {True, False}
    assert any(not str(m["computerDnsName"]).isascii() for m in machines)
    assert any(m["computerDnsName"] is None for m in machines)
    assert {"Windows10", "Windows11", "WindowsServer2019", "Ubuntu", "RedHatEnterpriseLinux"} <= {
        m["osPlatform"] for m in machines
    }
    assert {m["osVersion"] for m in machines} == {None}
    assert any(r["cveId"] == "TVM-2020-0002" for r in rows)
    assert {r["fixingKbId"] is None for r in rows} == {True, False}


def test_an_inactive_device_has_been_silent_for_more_than_a_week() -> None:
    for machine in filtered(made(400), "machines", "healthStatus eq 'Inactive'"):
        assert machine["lastSeen"] < "2026-11-13T18:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("severity eq 'critical'", id="of the row alone"),
        pytest.param("fixingKbId ne null and productVendor eq 'microsoft'", id="two of the row"),
        pytest.param("startswith(machineId,'a')", id="of the device"),
        pytest.param("startswith(id,'0') or severity eq 'Low'", id="of both"),
        pytest.param("productName eq 'no such product'", id="none"),
    ],
)
@pytest.mark.parametrize("order", [None, "id", "machineId desc", "severity desc,id"])
def test_a_filter_selects_what_a_scan_of_every_row_selects(text: str, order: str | None) -> None:
    tenant = made(60)
    keeps = parse_filter(text, FINDINGS).keeps
    expected = [r for r in records(tenant.select(FINDINGS)) if keeps(r)]
    got = filtered(tenant, FINDINGS, text, order)
    if order is None:
        assert got == expected
    else:
        assert sorted(got, key=lambda r: r["id"]) == sorted(expected, key=lambda r: r["id"])
        keys = [r[parse_order(order, FINDINGS).keys[0][0]] for r in got]
        assert keys == sorted(keys, reverse=parse_order(order, FINDINGS).keys[0][1])


def test_rows_of_one_device_are_found_by_its_id() -> None:
    tenant = made(60)
    wanted = records(tenant.select(FINDINGS), 0, 1)[0]["machineId"]
    expected = [r for r in records(tenant.select(FINDINGS)) if r["machineId"] == wanted]
    assert filtered(tenant, FINDINGS, f"machineId eq '{wanted}'") == expected
    assert filtered(tenant, FINDINGS, "machineId eq 'nobody'") == []


def test_machines_are_filtered_and_sorted() -> None:
    tenant = made(60)
    names = [m["id"] for m in filtered(tenant, "machines", "osPlatform eq 'windows11'", "id desc")]
    assert names == sorted(m["id"] for m in records(tenant.select("machines")) if m["osPlatform"] == "Windows11")[::-1]


def test_a_device_is_found_by_id_and_by_name() -> None:
    tenant = made(20)
    machine = records(tenant.select("machines"))[0]
    assert tenant.find_machine(machine["id"]) == machine
    assert tenant.find_machine(str(machine["computerDnsName"]).upper()) == machine
    assert tenant.find_machine("nobody") is None
    assert tenant.find_machine("f" * 40) is None


def test_a_patch_takes_the_rows_of_a_product_and_no_others() -> None:
    tenant = made(60)
    before = records(tenant.select(FINDINGS))
    row = before[0]
    gone = tenant.patch(row["machineId"], row["productName"])
    expected = [r for r in before if (r["machineId"], r["productName"]) != (row["machineId"], row["productName"])]
    assert records(tenant.select(FINDINGS)) == expected
    assert gone == len(before) - len(expected) > 0
    assert tenant.patch(row["machineId"], None) > 0
    assert row["machineId"] not in {r["machineId"] for r in records(tenant.select(FINDINGS))}


def test_an_upgrade_changes_the_version_of_one_product() -> None:
    tenant = made(200)
    last = releases_of("chrome")[-1].version
    mine = [r for r in records(tenant.select(FINDINGS)) if r["productName"] == "chrome"]
    row = next(r for r in mine if r["productVersion"] != last)
    rows_now = tenant.upgrade(row["machineId"], "chrome")
    mine = [
        r
        for r in records(tenant.select(FINDINGS))
        if r["machineId"] == row["machineId"] and r["productName"] == "chrome"
    ]
    assert row["productVersion"] not in {r["productVersion"] for r in mine}
    assert len(mine) == rows_now > 0


def test_a_removed_device_takes_its_rows_with_it() -> None:
    tenant = made(30)
    machine = records(tenant.select("machines"))[0]
    before = tenant.truth()
    gone = tenant.remove_device(machine["id"])
    after = tenant.truth()
    assert (before["machines"] - after["machines"], before["findings"] - after["findings"]) == (1, gone)
    assert tenant.find_machine(machine["id"]) is None


def test_days_that_pass_are_seen_on_reporting_devices_alone() -> None:
    tenant = made(100)
    before = records(tenant.select("machines"))
    tenant.let_days_pass(3)
    moved = {
        was["healthStatus"] == "Inactive": was["lastSeen"][:10] != now["lastSeen"][:10]
        for was, now in zip(before, records(tenant.select("machines")), strict=True)
    }
    assert moved == {True: False, False: True}


def test_a_change_of_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        made(10).patch("f" * 40, None)
    assert caught.value.code == "simulator.unknown-device"


def test_exposed_machines_count_devices_of_the_list() -> None:
    tenant = made(80)
    listed = {m["id"] for m in records(tenant.select("machines"))}
    expected = Counter(
        cve
        for cve, _ in {
            (r["cveId"], r["machineId"]) for r in records(tenant.select(FINDINGS)) if r["machineId"] in listed
        }
    )
    catalogue = records(tenant.select("vulnerabilities"))
    shown = {c["id"]: c["exposedMachines"] for c in catalogue if c["exposedMachines"]}
    assert shown == {cve: n for cve, n in expected.items() if not cve.startswith("TVM")}


def test_the_cves_of_a_device_are_those_of_its_rows() -> None:
    tenant = made(20)
    wanted = records(tenant.select(FINDINGS), 0, 1)[0]["machineId"]
    ids = {c["id"] for c in tenant.cves_of(wanted) or []}
    assert ids == {r["cveId"] for r in filtered(tenant, FINDINGS, f"machineId eq '{wanted}'")}
    assert tenant.cves_of("nobody") is None
