"""The same raw rows under another map: each line of the table of what becomes of a detection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ibis
import pyarrow as pa
import pytest

from riskbridge.lifecycle.detections import COLUMNS, LIFE, Sighting
from riskbridge.lifecycle.remapped import Lineage, diff_remapped
from riskbridge.model.target import DETECTION

READ_AT = datetime(2026, 11, 20, tzinfo=UTC)
NOW = READ_AT + timedelta(days=3)
LONG_AGO = READ_AT - timedelta(days=90)
SIGHTING = Sighting(9, NOW, READ_AT)
SEEN = tuple(n for n in COLUMNS if n not in LIFE)


@pytest.fixture(scope="module")
def connection():
    made = ibis.duckdb.connect()
    made.raw_sql("SET TimeZone='UTC'")
    return made


def row(identity, finding="f1", **values):
    fixed = {"asset_id": "a1", "source_asset_id": "s1", "connector_id": "c1", "category": "vulnerability"}
    return {"detection_id": identity, "finding_id": finding, "external_finding_id": "x", **fixed, **values}


def stored(identity, finding="f1", state="open", **values):
    life = {"state": state, "first_found_at": LONG_AGO, "first_run": 2}
    if state == "closed":
        life |= {"closed_at": READ_AT, "close_reason": "kb-installed", "last_found_at": LONG_AGO}
    return row(identity, finding, **(life | values))


@pytest.fixture
def remap(connection):
    """A function: versions by id (change and life), and replaced ids with the finding that takes over."""

    def table(rows, types):
        filled = [{n: r.get(n) for n in types} for r in rows]
        schema = ibis.schema(types).to_pyarrow()
        return connection.create_table(ibis.util.gen_name("t"), pa.Table.from_pylist(filled, schema=schema), temp=True)

    def remap(seen, current, was, pairs=()):
        types = DETECTION.types
        lineage = Lineage(
            was=table([{"detection_id": i} for i in was], {"detection_id": "string"}),
            pairs=table(
                [{"was_detection_id": w, "detection_id": n} for w, n in pairs],
                {"was_detection_id": "string", "detection_id": "string"},
            ),
            label="defender/1 to mine/2",
            read_at=READ_AT,
        )
        found = diff_remapped(
            table(seen, {n: types[n] for n in SEEN}),
            table(current, {n: types[n] for n in COLUMNS}),
            lineage,
            SIGHTING,
            lambda t: connection.create_table(ibis.util.gen_name("m"), t, temp=True),
        )
        rows = [r for part in found.versions for r in connection.to_pyarrow(part).to_pylist()]
        versions = {r["detection_id"]: r for r in rows}
        assert len(versions) == len(rows)
        replaced = {r["detection_id"]: r["now_finding_id"] for r in connection.to_pyarrow(found.replaced).to_pylist()}
        return versions, replaced

    return remap


def test_the_same_detection_with_the_same_values_has_no_new_version(remap):
    assert remap([row("d1")], [stored("d1")], ["d1"]) == ({}, {})


def test_other_values_keep_every_date(remap):
    was = stored("d1", finding_severity="Low", last_found_at=LONG_AGO, reopened_at=LONG_AGO, reopened_run=4)
    versions, replaced = remap([row("d1", finding_severity="High")], [was], ["d1"])

    assert replaced == {}
    assert (versions["d1"]["change"], versions["d1"]["finding_severity"]) == ("changed", "High")
    assert {n: versions["d1"][n] for n in LIFE} == {n: was.get(n) for n in LIFE}


def test_another_detection_takes_the_place_and_the_dates(remap):
    versions, replaced = remap(
        [row("d2", "f2")], [stored("d1", reopened_at=LONG_AGO, reopened_run=4)], ["d1"], [("d1", "d2")]
    )

    assert replaced == {"d1": "f2"}
    assert list(versions) == ["d2"]
    assert (versions["d2"]["change"], versions["d2"]["first_found_at"], versions["d2"]["first_run"]) == (
        "remapped",
        LONG_AGO,
        2,
    )
    assert (versions["d2"]["reopened_run"], versions["d2"]["last_found_at"], versions["d2"]["state"]) == (
        4,
        None,
        "open",
    )


def test_several_that_join_have_the_oldest_date(remap):
    young = stored("d2", first_found_at=READ_AT, last_found_at=READ_AT)
    versions, replaced = remap(
        [row("d3")], [stored("d1"), young], ["d1", "d2"], [("d1", "d3"), ("d2", "d3")]
    )  # fmt: skip

    assert (versions["d3"]["first_found_at"], versions["d3"]["last_found_at"]) == (LONG_AGO, None)
    assert replaced == {"d1": "f1", "d2": "f1"}


def test_one_that_splits_gives_its_date_to_each(remap):
    versions, replaced = remap([row("d2", "f2"), row("d3", "f3")], [stored("d1")], ["d1"], [("d1", "d2"), ("d1", "d3")])

    assert {i: v["first_found_at"] for i, v in versions.items()} == {"d2": LONG_AGO, "d3": LONG_AGO}
    assert replaced == {"d1": "f2"}


def test_one_that_joins_a_stored_one_is_replaced_by_it(remap):
    versions, replaced = remap([row("d2")], [stored("d1"), stored("d2")], ["d1", "d2"], [("d1", "d2")])

    assert (versions, replaced) == ({}, {"d1": "f1"})


def test_what_the_map_refuses_now_closes_for_that_reason(remap):
    versions, replaced = remap([], [stored("d1")], ["d1"])

    assert replaced == {}
    assert {n: versions["d1"][n] for n in ("change", "state", "close_reason", "closed_at", "last_found_at")} == {
        "change": "closed",
        "state": "closed",
        "close_reason": "map-changed",
        "closed_at": NOW,
        "last_found_at": READ_AT,
    }
    assert versions["d1"]["evidence"].startswith("defender/1 to mine/2")


def test_what_the_map_takes_now_is_found_when_its_row_was_read(remap):
    versions, _ = remap([row("d1")], [], [])

    assert (versions["d1"]["change"], versions["d1"]["first_found_at"], versions["d1"]["first_run"]) == (
        "new",
        READ_AT,
        9,
    )


def test_what_is_closed_stays_closed_under_any_name(remap):
    closed = [stored("d1", state="closed"), stored("d3", state="closed")]
    assert remap([row("d2"), row("d3")], closed, ["d1", "d3"], [("d1", "d2")]) == ({}, {})


def test_an_open_one_that_becomes_a_closed_one_opens_it(remap):
    versions, replaced = remap([row("d2")], [stored("d1"), stored("d2", state="closed")], ["d1"], [("d1", "d2")])

    assert (versions["d2"]["change"], versions["d2"]["state"], replaced) == ("remapped", "open", {"d1": "f1"})


def test_what_a_map_closed_opens_when_a_map_takes_its_row_again(remap):
    closed = stored("d1", state="closed", close_reason="map-changed")
    versions, replaced = remap([row("d1")], [closed], [])

    assert replaced == {}
    expected = {
        "change": "remapped",
        "state": "open",
        "close_reason": None,
        "closed_at": None,
        "first_found_at": LONG_AGO,
        "last_found_at": None,
    }
    assert {n: versions["d1"][n] for n in expected} == expected


def test_what_is_not_in_the_raw_rows_is_left_alone(remap):
    assert remap([], [stored("d1", last_found_at=LONG_AGO)], []) == ({}, {})
