"""Maps as people keep them: built-in ones, clones, drafts, versions, who uses them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest

from riskbridge.data_models import list_models, show_model
from riskbridge.errors import ConfigError, InputError
from riskbridge.maps import (
    clone_map,
    delete_map,
    draft_map,
    find_labelled,
    find_map,
    keep_for_run,
    list_summaries,
    read_draft,
    require_map,
    save_map,
)
from riskbridge.model.connector import Connector, Profile
from riskbridge.store.config.store import ConfigStore
from riskbridge.transform.plain import map_as_dict, map_as_toml
from riskbridge.transform.spec import load_map

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    made = ConfigStore(tmp_path / "config.db", actor="ana", now=lambda: NOW)
    yield made
    made.close()


def without_row(store, target, name="defender"):
    """A map's plain data without the rows of one target field."""
    values = map_as_dict(find_map(store, name))
    for stream in values["stream"]:
        stream["row"] = [r for r in stream["row"] if r["to"] != target]
    return values


def test_maps_are_listed_with_who_uses_them(store):
    clone_map(store, "defender", "mine")
    store.save_connector(Connector("c1", "Lab"))
    store.save_profile(Profile("p1", "c1", "daily", transform_map="mine"))

    found = {m["name"]: (m["version"], m["is_read_only"], m["used_by"]) for m in list_summaries(store)}
    assert (found["defender"], found["mine"]) == (("1", True, []), ("1", False, ["Lab/daily"]))


def test_a_clone_says_what_it_is_of_and_maps_the_same(store):
    saved = clone_map(store, "defender", "mine")

    assert (saved.label, saved.note) == ("mine/1", "cloned from defender/1")
    assert find_map(store, "mine").streams == load_map("defender").streams


@pytest.mark.parametrize("name", ["defender", "mine"])
def test_a_clone_never_takes_the_place_of_a_map(store, name):
    clone_map(store, "defender", "mine")
    with pytest.raises((InputError, ConfigError)):
        clone_map(store, "mine", name)


def test_an_exported_map_is_saved_again_as_the_same_version(store):
    clone_map(store, "defender", "mine")

    assert save_map(store, map_as_toml(find_map(store, "mine"))).version == 1


def test_older_versions_can_be_told_after_an_edit_and_a_deletion(store):
    clone_map(store, "defender", "mine")
    save_map(store, without_row(store, "tags", "mine"), expected=1)
    delete_map(store, "mine")

    assert find_labelled(store, "mine/1").streams == load_map("defender").streams
    assert "tags" not in {r.target for r in find_labelled(store, "mine/2").streams[0].rows}
    with pytest.raises(InputError) as refused:
        find_map(store, "mine")
    assert refused.value.code == "map.unknown"


@pytest.mark.parametrize("label", ["", "mine", "mine/x", "mine/7", "defender/999"])
def test_a_label_of_nothing_finds_nothing(store, label):
    assert find_labelled(store, label) is None


def test_a_built_in_map_cannot_be_saved_or_deleted(store):
    with pytest.raises(InputError) as refused:
        save_map(store, map_as_toml(load_map("defender")))
    assert (refused.value.code, refused.value.remedy.split(":")[0]) == (
        "map.read-only",
        "Clone it, and change the clone",
    )
    with pytest.raises(InputError) as refused:
        delete_map(store, "defender")
    assert refused.value.code == "map.read-only"


def test_a_map_that_is_not_right_is_not_saved(store):
    clone_map(store, "defender", "mine")
    with pytest.raises(ConfigError) as refused:
        save_map(store, without_row(store, "externalAssetId", "mine"))

    assert len(refused.value.context["faults"]) == 8
    assert find_map(store, "mine").version == "1"


@pytest.mark.parametrize(
    ("name", "version", "remedy"),
    [
        ("defendr", None, "Did you mean: defender?"),
        ("zzz", None, "There are: csv, defender, mde-portal, qualys, rapid7, tenable, wiz, mine."),
        ("mine", 9, "There are: 1."),
    ],
)
def test_an_unknown_map_is_told_with_what_there_is(store, name, version, remedy):
    clone_map(store, "defender", "mine")
    with pytest.raises(InputError) as refused:
        find_map(store, name, version)
    assert (refused.value.code, refused.value.remedy) == ("map.unknown", remedy)


def test_a_profile_needs_a_map_of_what_it_reads(store):
    values = map_as_dict(load_map("defender")) | {"name": "some"}
    values["stream"] = [s for s in values["stream"] if "Export" not in s["source"]]
    save_map(store, values)
    profile = Profile("p1", "c1", "daily", transform_map="some", strategy="paged")

    assert require_map(store, profile).name == "some"
    with pytest.raises(ConfigError, match=r"says nothing of defender.softwareVulnerabilitiesExport, which") as refused:
        require_map(store, Profile("p1", "c1", "daily", transform_map="some", strategy="auto"))
    assert refused.value.code == "transform.no-stream"


def test_what_a_run_used_of_a_built_in_map_is_kept(store):
    assert keep_for_run(store, load_map("defender")) == "defender/1"
    assert store.maps.find_version("defender", 1).note == "built in"


def test_a_draft_feeds_what_goes_by_a_known_name_and_can_be_completed(store):
    drafted = draft_map(store, "mine", ["defender.machines"], ["asset_draft"])

    rows = {r["to"]: r for r in drafted["stream"][0]["row"]}
    assert rows["externalAssetId"] == {"from": "id", "to": "externalAssetId", "type": "string", "identifier": True}
    assert (rows["assetName"]["from"], rows["lastSeenAt"]["from"]) == ("computerDnsName", "lastSeen")
    assert read_draft(store, drafted).name == "mine"


@pytest.mark.parametrize(
    ("sources", "targets", "code"), [(["x"], [], "model.unknown"), ([], ["x"], "map.unknown-target")]
)
def test_a_draft_of_what_is_not_there_is_refused(store, sources, targets, code):
    with pytest.raises(InputError) as refused:
        draft_map(store, "mine", sources, targets)
    assert refused.value.code == code


def test_data_models_are_browsed_with_what_searches_a_target_field(store):
    kinds = {m["name"]: (m["kind"], m["is_read_only"]) for m in list_models(store)}
    assert (kinds["defender.machines"], kinds["asset_draft"]) == (("source", True), ("target", True))
    fields = {f["path"]: f for f in show_model(store, "detection_draft")["fields"]}
    assert fields["findingName"] == {
        "path": "findingName",
        "type": "string",
        "may_be_null": True,
        "description": "Title",
        "example": "microsoft windows_11 10.0.26100.4061 vulnerability",
        "tokens": ["finding.title", "finding.name"],
    }
    machine = {f["path"]: f["type"] for f in show_model(store, "Defender.Machines")["fields"]}
    assert (machine["ipAddresses[].ipAddress"], machine["vmMetadata.vmId"], machine["osBuild"]) == (
        "list",
        "string",
        "integer",
    )


def test_an_unknown_model_is_told_with_the_nearest(store):
    with pytest.raises(InputError, match="defender") as refused:
        show_model(store, "defender.machine")
    assert refused.value.code == "model.unknown"


def test_the_built_in_map_s_version_names_its_contents():
    streams = json.dumps(map_as_dict(load_map("defender"))["stream"], sort_keys=True)
    known = {"1": "5a5bd9fb13aa9c39"}

    # Runs record the version: who changes the rows gives the map the next one, and adds it here.
    assert hashlib.sha256(streams.encode()).hexdigest()[:16] == known[load_map("defender").version]
