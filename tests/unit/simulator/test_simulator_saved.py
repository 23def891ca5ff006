from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from riskbridge.errors import ConfigError, InputError
from riskbridge.simulator.recorded import RecordedTenant
from riskbridge.simulator.rows import Selection
from riskbridge.simulator.saved import read_saved

A, B = "a" * 40, "b" * 40
URL = "https://api.securitycenter.microsoft.com/api"
Save = Callable[[str, Any], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, content: Any) -> Path:
        file = tmp_path / name
        file.write_text(json.dumps(content), encoding="utf-8")
        return file

    return write


def exchange(path: str, body: Any, at: str = "2024-03-26T02:51:01.406Z", status: int = 200) -> dict[str, Any]:
    return {"method": "GET", "url": f"{URL}{path}", "startedDateTime": at, "status": status, "body": body}


def ids(records: dict[str, dict[str, Any]]) -> list[str]:
    return [str(r.get("id")) for r in records.values()]


def records(selection: Selection) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(b"[" + selection.page(0, selection.count) + b"]")
    return found


def test_plain_answers_are_told_by_their_names(save: Save) -> None:
    save("export_machines.json", {"value": [{"id": A}]})
    save("export_machinesVulnerabilities.json", {"value": [{"id": "row", "machineId": A}]})
    folder = save("my-vulnerabilities.json", {"value": [{"id": "CVE-2021-44228"}]}).parent
    saved = read_saved([folder])
    assert {stream: ids(found) for stream, found in saved.records.items()} == {
        "machines": [A],
        "machinesVulnerabilities": ["row"],
        "vulnerabilities": ["CVE-2021-44228"],
    }


def test_exchanges_are_told_by_their_urls(save: Save) -> None:
    file = save(
        "traffic.json",
        [
            exchange("/machines?%24top=1&%24skip=0", {"value": [{"id": A}]}),
            exchange(f"/machines/{B}", {"@odata.context": "x", "id": B}),
            exchange(f"/v1.0/machines/{A}/vulnerabilities", {"value": [{"@odata.type": "x", "id": "CVE-2021-44228"}]}),
            exchange("/vulnerabilities/machinesVulnerabilities", {"value": [{"id": "row"}]}),
            exchange("/alerts", {"value": [{"id": "alert"}]}),
            exchange("/machines", {"error": {}}, status=429),
        ],
    )
    saved = read_saved([file])
    assert list(saved.records["machines"].values()) == [{"id": A}, {"id": B}]
    assert list(saved.records["vulnerabilities"].values()) == [{"id": "CVE-2021-44228"}]
    assert ids(saved.records["machinesVulnerabilities"]) == ["row"]
    assert saved.cves_of == {A: ["CVE-2021-44228"]}


def test_of_one_record_in_several_files_the_latest_recording_stays_in_the_first_place(save: Save) -> None:
    newer = save(
        "1.json", [exchange("/machines", {"value": [{"id": A, "v": "new"}, {"id": B}]}, "2024-07-29T00:00:00Z")]
    )
    older = save("2.json", [exchange("/machines", {"value": [{"id": A, "v": "old"}]}, "2024-03-26T00:00:00Z")])
    for order in ([newer, older], [older, newer]):
        assert next(iter(read_saved(order).records["machines"].values())) == {"id": A, "v": "new"}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        pytest.param("machines.json", "{", "is no JSON", id="cut off"),
        pytest.param("machines.json", '{"values": []}', "no list `value`", id="no value"),
        pytest.param("machines.json", '{"value": [1]}', "no JSON object", id="no object"),
        pytest.param("machines.json", '[{"body": {}}]', "no url or no body", id="no url"),
        pytest.param("other.json", '{"value": []}', "its name says neither", id="untold"),
        pytest.param("machines.json", "\ufffe\ud800".encode("utf-16", "surrogatepass"), "is no JSON", id="no text"),
    ],
)
def test_a_file_that_cannot_be_served_is_named(tmp_path: Path, name: str, content: str | bytes, why: str) -> None:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError, match=why) as caught:
        read_saved([tmp_path])
    assert caught.value.code == "simulator.bad-recording"
    assert str(file) in str(caught.value)


def test_a_place_without_recordings_is_named(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(ConfigError) as caught:
            read_saved([source])
        assert (caught.value.code, str(source) in str(caught.value)) == ("simulator.no-recording", True)


def test_records_are_served_exactly_as_they_were_saved(save: Save) -> None:
    machine = {
        "zeta": [1, 2.50, None, {"deep": "ü"}],
        "id": A,
        "ipAddresses": ["@{ipAddress=172.27.250.9; macAddress=00FFA141158D; operationalStatus=Up; type=53}"],
    }
    tenant = RecordedTenant([save("machines.json", {"value": [machine, {"computerDnsName": "no id"}]})])
    assert records(tenant.select("machines")) == [machine, {"computerDnsName": "no id"}]


def test_recorded_cves_come_before_the_simulators_own(save: Save) -> None:
    recorded = {"id": "CVE-2021-44228", "severity": "Low"}
    catalogue = records(RecordedTenant([save("vulnerabilities.json", {"value": [recorded]})]).select("vulnerabilities"))
    assert catalogue[0] == recorded
    assert [c["id"] for c in catalogue].count("CVE-2021-44228") == 1
    assert len(catalogue) > 300


def test_a_recorded_world_can_be_changed_too(save: Save) -> None:
    save("machines.json", {"value": [{"id": A, "healthStatus": "Active", "lastSeen": "2025-02-19T11:19:26.2539286Z"}]})
    rows = [{"id": n, "machineId": A, "productName": n, "cveId": "CVE-2021-44228"} for n in ("git", "log4j", "openssl")]
    tenant = RecordedTenant([save("machinesVulnerabilities.json", {"value": rows}).parent])
    assert tenant.patch(A, "git") == 1
    assert [r["id"] for r in records(tenant.select("machinesVulnerabilities"))] == ["log4j", "openssl"]
    tenant.let_days_pass(10)
    assert tenant.find_machine(A) == {"id": A, "healthStatus": "Active", "lastSeen": "2025-03-01T11:19:26.2539286Z"}
    assert tenant.remove_device(A) == 2
    assert tenant.truth()["machines"] == 0
    for change in (lambda: tenant.patch(A, None), lambda: tenant.upgrade(A, "git")):
        with pytest.raises(InputError):
            change()
