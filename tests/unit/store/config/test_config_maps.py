from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.errors import InputError
from riskbridge.model.connector import Connector, Profile
from riskbridge.model.map_version import MapVersion
from riskbridge.store.config.store import ConfigStore

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BODY = {"description": "mine", "stream": []}


@pytest.fixture
def ana(tmp_path: Path):
    store = ConfigStore(tmp_path / "maps.db", actor="ana", now=lambda: NOW)
    yield store
    store.close()


def version(number: int, body: dict, note: str = "", by: str = "ana") -> MapVersion:
    return MapVersion("mine", number, body, note, NOW, by)


def test_every_save_is_a_new_version_and_the_old_ones_stay(ana: ConfigStore) -> None:
    first = ana.maps.save_map("mine", BODY, expected=0)
    second = ana.acting_as("bo").maps.save_map("mine", {"stream": [1]}, note="why", expected=1)

    assert (first, second) == (version(1, BODY), version(2, {"stream": [1]}, "why", "bo"))
    assert ana.maps.list_versions("mine") == [second, first]
    assert ana.maps.list_maps() == [ana.maps.find_map("mine")] == [second]
    assert ana.maps.find_version("mine", 1) == first
    assert [(e.action, e.actor, e.detail) for e in ana.list_audit()] == [
        ("map.changed", "bo", {"version": 2, "note": "why"}),
        ("map.added", "ana", {"version": 1, "note": ""}),
    ]


def test_saving_the_same_again_makes_no_version(ana: ConfigStore) -> None:
    assert ana.maps.save_map("mine", BODY) == ana.maps.save_map("mine", BODY, note="again")
    assert len(ana.list_audit()) == 1


@pytest.mark.parametrize(("expected", "code"), [(0, "map.exists"), (1, "map.stale"), (3, "map.stale")])
def test_an_edit_of_another_version_than_the_newest_saves_nothing(ana: ConfigStore, expected: int, code: str) -> None:
    ana.maps.save_map("mine", BODY)
    newest = ana.maps.save_map("mine", {"stream": [1]})

    with pytest.raises(InputError) as refused:
        ana.maps.save_map("mine", {"stream": [2]}, expected=expected)

    assert (refused.value.code, ana.maps.find_map("mine")) == (code, newest)


def test_a_map_in_use_is_not_deleted(ana: ConfigStore) -> None:
    ana.maps.save_map("mine", BODY)
    ana.save_connector(Connector("c1", "Lab"))
    ana.save_profile(Profile("p1", "c1", "daily", transform_map="mine"))

    with pytest.raises(InputError, match="in use by 1 profiles: 'daily' of 'Lab'") as refused:
        ana.maps.delete_map("mine")

    assert (refused.value.code, ana.maps.find_map("mine")) == ("map.in-use", version(1, BODY))


def test_a_deleted_map_keeps_its_versions_and_its_number(ana: ConfigStore) -> None:
    ana.maps.save_map("mine", BODY)
    ana.maps.delete_map("mine", expected=1)

    assert (ana.maps.find_map("mine"), ana.maps.list_maps()) == (None, [])
    assert ana.maps.find_version("mine", 1) == version(1, BODY)
    assert ana.maps.save_map("mine", BODY, expected=0).version == 2


def test_a_map_that_is_not_there_cannot_be_deleted(ana: ConfigStore) -> None:
    with pytest.raises(InputError) as refused:
        ana.maps.delete_map("mine")

    assert refused.value.code == "map.unknown"


def test_a_built_in_map_is_kept_as_it_was_first_used_and_is_nobody_s(ana: ConfigStore) -> None:
    ana.maps.keep_version("defender", 1, BODY)
    ana.maps.keep_version("defender", 1, {"stream": [1]})

    found = ana.maps.find_version("defender", 1)
    assert found is not None
    assert (found.body, ana.maps.list_maps(), ana.maps.find_map("defender")) == (BODY, [], None)
