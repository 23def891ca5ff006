"""Data models and transform maps over REST: browsed, cloned, edited by two people, tried on real rows, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web.conftest import Served, start_serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MAPS = "/api/v1/maps"
PAGED = "defender.machinesVulnerabilities"


@pytest.fixture(scope="module")
def home(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served home that these tests may change."""
    folder = tmp_path_factory.mktemp("maps") / "home"
    shutil.copytree(filled, folder)
    running = start_serving(folder)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def client(home: Served) -> httpx.Client:
    return home.log_in()


@pytest.fixture
def clone(client: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A clone of the built-in map, named after the test."""
    name = f"c{abs(hash(request.node.name)) % 10**8}"
    assert client.post(f"{MAPS}/defender/clone", json={"name": name}).status_code == 201
    return name


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def upper_names(shown: dict[str, Any]) -> dict[str, Any]:
    """The map with asset names in capitals."""
    values: dict[str, Any] = shown["map"]
    for row in values["stream"][0]["row"]:
        if row["to"] == "assetName":
            row["function"] = "upper"
    return values


def test_models_are_browsed_with_their_fields(client: httpx.Client) -> None:
    names = {m["name"]: m["kind"] for m in client.get("/api/v1/data-models").json()["rows"]}
    assert (names["defender.machines"], names["asset_draft"]) == ("source", "target")
    fields = {f["path"]: f for f in client.get("/api/v1/data-models/asset_draft").json()["fields"]}
    assert fields["assetName"]["tokens"][0] == "asset.name"
    assert code_of(client.get("/api/v1/data-models/none")) == (404, "model.unknown")


def test_what_a_row_may_do_is_listed(client: httpx.Client) -> None:
    found = client.get("/api/v1/map-functions").json()
    assert {"concat", "map-values", "regex-extract"} <= {f["name"] for f in found["rows"]}
    assert "mac" in found["data_types"]


def test_two_people_who_edit_one_map_never_overwrite_each_other(client: httpx.Client, clone: str) -> None:
    read = client.get(f"{MAPS}/{clone}")
    edited = {"map": upper_names(read.json()), "note": "capitals"}
    tag = {"if-match": read.headers["etag"]}

    assert code_of(client.put(f"{MAPS}/{clone}", json=edited)) == (428, "edit.no-tag")
    saved = client.put(f"{MAPS}/{clone}", json=edited, headers=tag)
    late = client.put(f"{MAPS}/{clone}", json=edited, headers=tag)

    assert (saved.status_code, saved.json()["map"]["version"]) == (200, "2")
    assert code_of(late) == (412, "edit.stale")
    assert late.json()["current"]["map"]["version"] == "2"
    versions = client.get(f"{MAPS}/{clone}/versions").json()
    assert [(v["version"], v["note"], v["saved_by"]) for v in versions["rows"]] == [
        (2, "capitals", "ana"),
        (1, "cloned from defender/1", "ana"),
    ]
    assert client.get(f"{MAPS}/{clone}", params={"version": 1}).json()["map"]["version"] == "1"


def test_every_fault_of_a_map_comes_back_with_row_and_remedy(client: httpx.Client, clone: str) -> None:
    values = client.get(f"{MAPS}/{clone}").json()["map"]
    values["stream"][0]["row"][0]["identifier"] = False
    values["stream"][0]["row"][1]["from"] = "computerDnsNam"

    answer = client.put(f"{MAPS}/{clone}", json={"map": values}, headers={"if-match": "*"})

    assert code_of(answer) == (422, "transform.invalid")
    assert [(f["row"], f["remedy"]) for f in answer.json()["faults"]] == [
        (2, "Write 'computerDnsName'."),
        (None, "Mark the row of the source's own id with identifier = true."),
    ]
    assert code_of(client.post(f"{MAPS}/check", json={"map": values})) == (422, "transform.invalid")
    assert client.get(f"{MAPS}/{clone}").json()["map"]["version"] == "1"


def test_a_map_travels_as_text(client: httpx.Client, clone: str) -> None:
    text = client.get(f"{MAPS}/{clone}/text").text.replace(f'name = "{clone}"', f'name = "{clone}x"')
    added = client.post(MAPS, json={"map": text})
    assert (added.status_code, added.json()["map"]["name"]) == (201, f"{clone}x")
    assert code_of(client.post(MAPS, json={"map": text})) == (409, "map.exists")
    assert code_of(client.put(f"{MAPS}/{clone}", json={"map": text}, headers={"if-match": "*"})) == (
        400,
        "map.other-name",
    )


def test_a_map_in_use_or_built_in_is_not_deleted(client: httpx.Client, clone: str) -> None:
    any_tag = {"if-match": "*"}
    profile = "/api/v1/connectors/tenant/profiles/default"
    assert client.patch(profile, json={"transform_map": clone}, headers=any_tag).status_code == 200
    assert code_of(client.delete(f"{MAPS}/{clone}", headers=any_tag)) == (409, "map.in-use")
    assert client.patch(profile, json={"transform_map": "defender"}, headers=any_tag).status_code == 200
    assert client.delete(f"{MAPS}/{clone}", headers=any_tag).status_code == 204
    assert code_of(client.get(f"{MAPS}/{clone}")) == (404, "map.unknown")
    assert code_of(client.delete(f"{MAPS}/defender", headers=any_tag)) == (400, "map.read-only")
    assert code_of(client.patch(profile, json={"transform_map": clone}, headers=any_tag)) == (404, "map.unknown")


def test_an_edit_is_tried_on_staged_rows_before_it_is_saved(client: httpx.Client, clone: str) -> None:
    values = upper_names(client.get(f"{MAPS}/{clone}").json())
    url = "/api/v1/connectors/tenant"

    shown = client.post(f"{url}/map-preview", json={"map": values, "source": "defender.machines", "limit": 2}).json()
    found = client.post(f"{url}/map-difference", json={"map": values, "source": "defender.machines"}).json()

    names = [f for row in shown["rows"] for f in row["fields"] if f["target"] == "assetName"]
    assert [f["result"] for f in names] == [f["from"]["computerDnsName"].upper() for f in names]
    assert (found["before"], found["after"]) == ("defender/1", f"{clone} (not saved)")
    assert [f["target"] for f in found["streams"][0]["fields"]] == ["assetName"]
    assert code_of(client.post(f"{url}/map-preview", json={"map": "none"})) == (404, "map.unknown")


def test_a_draft_for_a_model_can_be_begun(client: httpx.Client) -> None:
    body = {"name": "begun", "sources": [PAGED], "targets": ["detection_draft"]}
    drafted = client.post(f"{MAPS}/draft", json=body).json()
    rows = {r["to"] for r in drafted["stream"][0]["row"]}
    assert {"externalFindingId", "externalAssetId", "cveId", "category"} <= rows
