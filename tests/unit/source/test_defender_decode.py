from __future__ import annotations

import json
from datetime import date
from typing import Any

import ibis
import pyarrow as pa
import pytest

from riskbridge.errors import RetryableError
from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOURCE_MODELS,
    VULNERABILITIES,
    SourceModel,
)
from riskbridge.model.target import REJECT
from riskbridge.source.arrays import dates, positions, texts
from riskbridge.source.defender.decode import PageDecoder
from riskbridge.source.defender.shapes import REJECT_SCHEMA, staged_schema

DEVICE = "0f3c1a5b7d9e2f4a6b8c0d1e3f5a7b9c1d3e5f70"


def page(*records: object, **more: object) -> bytes:
    return json.dumps({"@odata.context": "https://x/$metadata#X", "value": list(records)} | more).encode()


def row(number: int = 1, **changes: object) -> dict[str, Any]:
    return {"id": f"row-{number}", "machineId": DEVICE, "cveId": "CVE-2026-10001", "fixingKbId": None} | changes


def decode(model: SourceModel, body: bytes, number: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    decoder = PageDecoder(model)
    parsed = decoder.parse(body)
    rows, rejects = decoder.to_rows(parsed, number), decoder.to_rejects(parsed, number)
    rows.validate(full=True)
    rejects.validate(full=True)
    assert parsed.received == rows.num_rows + rejects.num_rows
    return rows.to_pylist(), rejects.to_pylist()


@pytest.mark.parametrize("model", SOURCE_MODELS, ids=lambda m: m.stream)
def test_rows_have_exactly_the_staged_columns(model: SourceModel) -> None:
    staged = ibis.schema(model.staged_types).to_pyarrow()
    assert staged_schema(model).equals(staged)
    decoder = PageDecoder(model)
    for body in (
        page(),
        page({"id": "a", "machineId": "b"}),
        page({"id": ""}, {"id": "a", "machineId": "b", "new": 1}),
    ):
        assert decoder.to_rows(decoder.parse(body), 0).schema.equals(staged)


def test_rejects_have_exactly_the_columns_of_the_reject_table() -> None:
    assert REJECT_SCHEMA.equals(ibis.schema(REJECT.types).to_pyarrow())
    decoder = PageDecoder(MACHINES)
    assert decoder.to_rejects(decoder.parse(page("x")), 0).schema.equals(REJECT_SCHEMA)


def test_every_kind_of_field_arrives_as_sent() -> None:
    machine = {
        "id": DEVICE,
        "isExcluded": False,
        "isAadJoined": None,
        "computerDnsName": "büro-ä.example.test\u0000",
        "osBuild": 26100,
        "rbacGroupId": 0,
        "machineTags": ["finance", "", None],
        "ipAddresses": [
            {"ipAddress": "10.0.0.1", "macAddress": "00005E005301", "type": "Ethernet", "operationalStatus": "Up"},
            {"ipAddress": "", "macAddress": None},
            None,
        ],
        "vmMetadata": {"vmId": "vm-1", "cloudProvider": "Azure", "resourceId": None, "subscriptionId": None},
    }
    (got,), rejects = decode(MACHINES, page(machine), 7)
    assert rejects == []
    assert {k: got[k] for k in machine} == machine | {
        "ipAddresses": [
            machine["ipAddresses"][0],  # type: ignore[index]
            {"ipAddress": "", "macAddress": None, "type": None, "operationalStatus": None},
            None,
        ]
    }
    assert (got["page"], got["row"], got["extra"], got["lastSeen"]) == (7, 0, None, None)


def test_missing_and_empty_collections_stay_apart() -> None:
    rows, _ = decode(MACHINES, page({"id": "a"}, {"id": "b", "ipAddresses": [], "machineTags": [], "vmMetadata": None}))
    assert [(r["ipAddresses"], r["machineTags"], r["vmMetadata"]) for r in rows] == [(None, None, None), ([], [], None)]


def test_whole_numbers_are_scores_too() -> None:
    rows, rejects = decode(VULNERABILITIES, page({"id": "CVE-1", "cvssV3": 8, "epss": 0}, {"id": "CVE-2", "epss": 0.5}))
    assert [(r["cvssV3"], r["epss"]) for r in rows] == [(8.0, 0.0), (None, 0.5)]
    assert rejects == []


@pytest.mark.parametrize(
    ("model", "record", "reason", "detail"),
    [
        pytest.param(MACHINES, {"osBuild": 1}, "identity-missing", "id is missing; a record needs it", id="id missing"),
        pytest.param(MACHINES, {"id": None}, "identity-missing", "id is null; a record needs it", id="id null"),
        pytest.param(MACHINES, {"id": ""}, "identity-missing", "id is empty; a record needs it", id="id empty"),
        pytest.param(
            MACHINES_VULNERABILITIES,
            {"id": "x", "machineId": None},
            "identity-missing",
            "machineId is null; a record needs it",
            id="device null",
        ),
        pytest.param(MACHINES, {"id": 5}, "field-mistyped", "id: expected string, found integer", id="id a number"),
        pytest.param(
            MACHINES,
            {"id": "a", "osBuild": "abc"},
            "field-mistyped",
            "osBuild: expected integer, found string",
            id="build",
        ),
        pytest.param(
            MACHINES,
            {"id": "a", "osBuild": 1.5},
            "field-mistyped",
            "osBuild: expected integer, found number",
            id="half",
        ),
        pytest.param(
            MACHINES,
            {"id": "a", "osBuild": 2**63},
            "field-mistyped",
            "osBuild: expected integer, found one out of range",
            id="too large",
        ),
        pytest.param(
            MACHINES,
            {"id": "a", "isExcluded": "no"},
            "field-mistyped",
            "isExcluded: expected boolean, found string",
            id="flag",
        ),
        pytest.param(
            MACHINES,
            {"id": "a", "ipAddresses": "10.0.0.1"},
            "field-mistyped",
            "ipAddresses: expected array, found string",
            id="addresses as text",
        ),
        pytest.param(
            MACHINES,
            {"id": "a", "ipAddresses": [{"macAddress": 7}]},
            "field-mistyped",
            "ipAddresses[0].macAddress: expected string, found integer",
            id="deep",
        ),
        pytest.param(
            MACHINES,
            {"id": "a", "ipAddresses": ["10.0.0.1"]},
            "field-unreadable",
            "ipAddresses[0]: expected an object, found the text '10.0.0.1'",
            id="an address as text",
        ),
        pytest.param(MACHINES, "not an object", "record-not-object", "expected an object, found string", id="text"),
        pytest.param(MACHINES, None, "record-not-object", "expected an object, found null", id="null"),
        pytest.param(MACHINES, ["id"], "record-not-object", "expected an object, found array", id="array"),
    ],
)
def test_a_faulty_record_becomes_a_reject_and_the_others_pass(
    model: SourceModel, record: object, reason: str, detail: str
) -> None:
    good = [{"id": "good-1", "machineId": "m"}, {"id": "good-2", "machineId": "m"}]
    rows, rejects = decode(model, page(good[0], record, good[1]), 4)
    assert [(r["id"], r["page"], r["row"]) for r in rows] == [("good-1", 4, 0), ("good-2", 4, 2)]
    raw = json.dumps(record)
    assert rejects == [{"stream": model.stream, "page": 4, "row": 1, "reason": reason, "detail": detail, "raw": raw}]


def test_a_records_text_is_cut_in_its_reject() -> None:
    _, (reject,) = decode(MACHINES, page({"id": None, "version": "x" * 9000}))
    assert len(reject["raw"]) == 4000


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xff\xfe"'], ids=["half a surrogate pair", "no UTF-8"])
def test_undecodable_text_costs_its_record_alone(text: bytes) -> None:
    body = b'{"value":[{"id":"a"},{"id":"b","version":' + text + b'},{"id":"c"}]}'
    rows, rejects = decode(MACHINES, body)
    assert [r["id"] for r in rows] == ["a", "c"]
    assert [(r["row"], r["reason"]) for r in rejects] == [(1, "field-unreadable")]


def test_whole_numbers_in_another_dress_are_taken() -> None:
    (got,), rejects = decode(MACHINES, page({"id": "a", "rbacGroupId": "7458", "osBuild": 22631.0}))
    assert (got["rbacGroupId"], got["osBuild"], rejects) == (7458, 22631, [])


def test_addresses_that_went_through_powershell_are_read() -> None:
    body = page(
        {
            "id": "a",
            "ipAddresses": [
                "@{ipAddress=172.27.250.9; macAddress=00FFA141158D; operationalStatus=Up; type=53}",
                "@{ipAddress=fe80::cacc:d85e:2b2c:4446; macAddress=; operationalStatus=Down; type=Ethernet}",
            ],
            "vmMetadata": "@{vmId=1; cloudProvider=Azure; resourceId=/a=b; subscriptionId=}",
        }
    )
    (got,), rejects = decode(MACHINES, body)
    assert rejects == []
    assert got["ipAddresses"] == [
        {"ipAddress": "172.27.250.9", "macAddress": "00FFA141158D", "type": "53", "operationalStatus": "Up"},
        {"ipAddress": "fe80::cacc:d85e:2b2c:4446", "macAddress": None, "type": "Ethernet", "operationalStatus": "Down"},
    ]
    assert got["vmMetadata"] == {"vmId": "1", "cloudProvider": "Azure", "resourceId": "/a=b", "subscriptionId": None}


def test_unknown_fields_are_kept_aside_on_the_first_page_and_the_same_on_later_ones() -> None:
    decoder = PageDecoder(MACHINES_VULNERABILITIES)
    body = page(row(1, newField={"deep": [1, "ä"]}, other=None), row(2), row(3, newField=2.50))
    kept = []
    for number in range(2):
        parsed = decoder.parse(body)
        assert parsed.unknown_fields == ("newField", "other")
        extras = decoder.to_rows(parsed, number)["extra"].to_pylist()
        kept.append([None if e is None else json.loads(e) for e in extras])
    assert kept == [[{"newField": {"deep": [1, "ä"]}, "other": None}, None, {"newField": 2.5}]] * 2


def test_a_learned_field_that_stays_away_is_not_reported() -> None:
    decoder = PageDecoder(MACHINES_VULNERABILITIES)
    decoder.parse(page(row(1, newField=1)))
    parsed = decoder.parse(page(row(2)))
    assert (parsed.unknown_fields, decoder.to_rows(parsed, 1)["extra"].to_pylist()) == ((), [None])


def test_a_faulty_record_beside_a_learned_field_keeps_the_others_extras() -> None:
    decoder = PageDecoder(MACHINES_VULNERABILITIES)
    decoder.parse(page(row(1, newField=1)))
    parsed = decoder.parse(page(row(2, newField="x"), row(3, severity=5), row(4)))
    assert decoder.to_rows(parsed, 1)["extra"].to_pylist() == ['{"newField":"x"}', None]
    assert [r.row for r in parsed.rejects] == [1]


def test_an_unknown_member_of_an_address_keeps_the_addresses_as_sent() -> None:
    sent = [{"ipAddress": "10.0.0.1", "vlan": 5}]
    (got,), _ = decode(MACHINES, page({"id": "a", "ipAddresses": sent}))
    assert json.loads(got["extra"]) == {"ipAddresses": sent}
    assert got["ipAddresses"][0]["ipAddress"] == "10.0.0.1"


def test_annotations_of_odata_on_a_record_are_no_fault() -> None:
    (got,), rejects = decode(VULNERABILITIES, page({"@odata.type": "#x", "id": "CVE-2026-1"}))
    assert (json.loads(got["extra"]), rejects) == ({"@odata.type": "#x"}, [])


def test_link_and_count_are_read_where_they_are_given() -> None:
    link = "https://api.example.test/api/machines?$skip=10000"
    parsed = PageDecoder(MACHINES).parse(page({"id": "a"}, **{"@odata.nextLink": link, "@odata.count": 421}))
    assert (parsed.next_link, parsed.server_count, parsed.received) == (link, 421, 1)
    assert PageDecoder(MACHINES).parse(b'\xef\xbb\xbf{"value":[]}').received == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"<!DOCTYPE html><html>", "HTML", id="HTML"),
        pytest.param(page(row(), row())[:-40], "truncated", id="cut off"),
        pytest.param(b'{"value":{}}', "array", id="value is no array"),
        pytest.param(b'{"error":{}}', "value", id="no value at all"),
        pytest.param(b'[{"id":"a"}]', "object", id="a bare array"),
        pytest.param(b'{"value":' + b"[" * 100_000, "recursion", id="nested without end"),
    ],
)
def test_what_is_no_page_is_asked_for_again(body: bytes, words: str) -> None:
    with pytest.raises(RetryableError, match=words) as caught:
        PageDecoder(MACHINES).parse(body)
    assert caught.value.code == "defender.not-a-page"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([], id="none"),
        pytest.param([""], id="one empty"),
        pytest.param([None, None], id="nulls alone"),
        pytest.param(["a", None, ""], id="mixed"),
        pytest.param(["ä", "日本", None], id="beyond ASCII"),
        pytest.param(["a\x00b", None, "\x00"], id="the separator itself"),
    ],
)
def test_texts_become_an_array_of_the_same_values(values: list[str | None]) -> None:
    made = texts(values)
    made.validate(full=True)
    assert (made.type, made.to_pylist()) == (pa.string(), values)


def test_dates_become_an_array_of_the_same_days() -> None:
    days = [date(2026, 11, 20), None, date(1969, 12, 31), date(1970, 1, 1)]
    assert dates(days).to_pylist() == days


def test_positions_count_from_nought() -> None:
    assert [positions(n).to_pylist() for n in (0, 1, 3)] == [[], [0], [0, 1, 2]]
