from __future__ import annotations

from datetime import UTC, datetime

import pytest

FILE = {"connector_id": "file-1"}
MAC = "00005e005301"
BOX = {"asset_name": "WKS-1.example.test", "mac_addresses": [MAC]}


def on(day: int) -> datetime:
    return datetime(2026, 11, day, tzinfo=UTC)


def seen(first: int, last: int) -> dict:
    return {"first_seen_at": on(first), "last_seen_at": on(last)}


@pytest.mark.parametrize(
    ("old", "new", "evidence"),
    [
        pytest.param({"entra_device_id": "E1"}, {"entra_device_id": "e1"}, "e1", id="the Entra device id"),
        pytest.param(BOX, BOX, f"wks-1 + {MAC}", id="name and MAC"),
        pytest.param(
            {"asset_name": "w", "serial_number": "S"}, {"asset_name": "W.a.test", "serial_number": "s"}, "w + s",
            id="name and serial number",
        ),
        pytest.param(
            {"asset_name": "w", "hardware_uuid": "U"}, {"asset_name": "w", "hardware_uuid": "u"}, "w + u",
            id="name and BIOS UUID",
        ),
    ],
)  # fmt: skip
def test_a_device_that_speaks_when_another_has_fallen_silent_is_its_successor(find, old, new, evidence):
    estate = find({"a": old | seen(1, 5), "b": new | seen(7, 9)})
    value = f"x-a → x-b: {evidence}, silent since 2026-11-05, anew since 2026-11-07"
    assert {(link["rule"], link["matched_on"]) for link in estate.links.values()} == {("re-imaged", value)}


def test_a_device_that_is_set_up_anew_may_register_anew(find):
    old, new = BOX | {"entra_device_id": "e1"} | seen(1, 5), BOX | {"entra_device_id": "e2"} | seen(5, 9)
    assert find({"a": old, "b": new}).rules == {"a": "re-imaged", "b": "re-imaged"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(seen(1, 6), seen(5, 9), id="both were there at one time"),
        pytest.param(seen(1, 5), {"last_seen_at": on(9)}, id="nobody knows since when"),
        pytest.param(seen(1, 5), seen(6, 9) | {"mac_addresses": [], "serial_number": None}, id="the name alone"),
        pytest.param(
            seen(1, 5), seen(6, 9) | {"asset_name": "wks-2.example.test", "serial_number": None}, id="the MAC alone"
        ),
        pytest.param(seen(1, 5), seen(6, 9) | {"serial_number": "s2"}, id="another serial number"),
        pytest.param(seen(1, 5), seen(6, 9) | FILE, id="another source"),
    ],
)
def test_what_time_or_hardware_speaks_against_is_no_successor(find, old, new):
    base = BOX | {"entra_device_id": "e1", "serial_number": "s1"}
    estate = find({"a": base | old, "b": base | {"entra_device_id": "e2"} | new})
    assert len(estate.together) == 2


def test_two_of_a_kind_leave_open_whom_a_third_one_follows(find):
    clones = {
        i: BOX | {"entra_device_id": i} | seen(*days) for i, days in {"a": (1, 5), "b": (2, 6), "c": (7, 9)}.items()
    }
    assert len(find(clones).together) == 3


def test_a_device_set_up_anew_more_often_than_a_value_may_be_shared_is_one_asset(find):
    records = {f"r{i:02d}": BOX | {"entra_device_id": f"e{i}"} | seen(1 + i, 2 + i) for i in range(20)}
    estate = find(records, bounds=None)
    assert len(estate.together) == 1


def test_a_record_of_another_source_still_finds_the_asset_by_the_new_registration(find):
    old, new = BOX | {"entra_device_id": "e1"} | seen(1, 5), BOX | {"entra_device_id": "e2"} | seen(7, 9)
    estate = find({"a": old, "b": new, "c": {"entra_device_id": "e2"} | FILE})
    assert len(estate.together) == 1
