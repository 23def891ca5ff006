"""Maps at work on real rows: previewed and compared before they are saved, from one run of a simulated tenant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from riskbridge.app import App
from riskbridge.config import load_settings
from riskbridge.errors import ConfigError, InputError
from riskbridge.maps import find_map
from riskbridge.model.connector import new_connector, new_profile
from riskbridge.simulator.process import start_simulator
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.transform.plain import map_as_dict, map_as_toml
from riskbridge.workbench import MapDraft, compare, preview_map

pytestmark = pytest.mark.slow
PAGED, MACHINES = "defender.machinesVulnerabilities", "defender.machines"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("workbench")
    settings = SimulatorSettings(home=folder / "simulator", devices=12, has_quotas=False)
    with start_simulator(settings) as tenant, App(load_settings(home=folder / "home")) as opened:
        connector = new_connector(
            "tenant",
            tenant_id=tenant.tenant_id,
            client_id=tenant.client_id,
            login_url=tenant.login_url,
            api_url=tenant.api_url,
            audience=tenant.audience,
            ca_bundle=str(tenant.ca_bundle),
        )
        opened.add_connector(connector, new_profile(connector), client_secret=tenant.client_secret)
        opened.run("tenant")
        yield opened


def changed(app: App, source: str, **rows: dict[str, Any]) -> dict[str, Any]:
    """The built-in map under another name, with other rows for those target fields of a source."""
    values = map_as_dict(find_map(app.store, "defender")) | {"name": "mine"}
    for stream in values["stream"]:
        if stream["source"] == source:
            stream["row"] = [{**r, **rows.get(r["to"], {})} for r in stream["row"]]
    return values


def difference(app: App, values: dict[str, Any], source: str) -> dict[str, Any]:
    (stream,) = compare(app, "tenant", MapDraft(values), source=source)["streams"]
    return stream


def count(app: App, sql: str) -> int:
    found = app.engine.execute(sql).fetchone()
    assert found is not None
    return int(found[0])


def test_a_preview_shows_source_values_and_results_field_by_field(app: App) -> None:
    shown = preview_map(app, "tenant", MapDraft("defender"), source=MACHINES, limit=2, offset=3)

    assert [(r["page"], r["row"], r["outcome"]) for r in shown["rows"]] == [(0, 3, "draft"), (0, 4, "draft")]
    fields = {f["target"]: f for f in shown["rows"][0]["fields"]}
    asset = app.list_assets(f"asset.name:`{fields['assetName']['result']}`").rows[0]
    assert fields["externalAssetId"]["result"] == fields["externalAssetId"]["from"]["id"]
    assert fields["ipAddress"]["result"] == asset["ip_address"]
    assert list(fields["operatingSystemVersion"]["from"]) == ["osVersion", "version"]


def test_a_preview_of_a_draft_tells_why_a_row_is_refused(app: App) -> None:
    draft = MapDraft(changed(app, PAGED, findingSeverity={"type": "ip", "strict": True}))

    (row,) = preview_map(app, "tenant", draft, source=PAGED, limit=1)["rows"]

    assert (row["outcome"], row["reason"]) == ("reject", "value-unfit")
    assert "findingSeverity can be made nothing of severity" in row["detail"]


def test_the_same_map_changes_nothing(app: App) -> None:
    text = map_as_toml(find_map(app.store, "defender")).replace('name = "defender"', 'name = "mine"')
    found = compare(app, "tenant", MapDraft(text))

    assert (found["is_same"], found["before"], found["after"]) == (True, "defender/1", "mine (not saved)")
    assert [s["source"] for s in found["streams"]] == [MACHINES, PAGED, "defender.vulnerabilities"]
    assert all(not s["fields"] and not s["outcomes"] and not s["identity"]["changed"] for s in found["streams"])


def test_changed_values_are_counted_with_examples(app: App) -> None:
    found = difference(app, changed(app, MACHINES, assetName={"function": "upper"}), MACHINES)

    (field,) = found["fields"]
    # A second way to the number: names that are not in capitals, as they are stored.
    expected = count(app, "SELECT count(*) FROM source_asset WHERE asset_name <> upper(asset_name)")
    assert (field["target"], field["changed"], field["emptied"]) == ("assetName", expected, 0)
    assert all(e["after"] == e["before"].upper() for e in field["examples"])
    assert found["identity"]["changed"] == 0


def test_changed_severities_and_identities_are_told(app: App) -> None:
    lower = {"function": "map-values", "values": {"Critical": "High"}}
    draft = changed(app, PAGED, findingSeverity=lower, productName={"function": "upper"})

    found = difference(app, draft, PAGED)

    was = count(app, "SELECT count(*) FROM detection WHERE finding_severity = 'Critical'")
    assert [(m["before"], m["after"], m["rows"]) for m in found["severity"]["moves"]] == [("Critical", "High", was)]
    assert found["identity"]["changed"] == found["rows"]
    assert {k: found["findings"][k] for k in ("gone", "new", "split", "joined")} == dict.fromkeys(
        ("gone", "new", "split", "joined"), 0
    )


def test_findings_that_would_join_and_split_are_counted(app: App) -> None:
    # One CVE for all that a device has: its findings become one. And the way back: one becomes many.
    one = {"function": "constant", "value": "CVE-2024-0001", "from": []}
    draft = changed(app, PAGED, cveId=one)
    found = difference(app, draft, PAGED)["findings"]
    back = compare(app, "tenant", MapDraft("defender"), MapDraft(draft), source=PAGED)["streams"][0]["findings"]

    devices = count(app, "SELECT count(DISTINCT asset_id) FROM finding")
    findings = count(app, "SELECT count(*) FROM finding")
    assert (found["before"], found["after"], found["gone"], found["new"]) == (findings, devices, findings, devices)
    assert (found["split"], back["joined"]) == (0, 0)
    assert found["joined"] == back["split"] > 0


def test_rows_that_would_be_refused_are_counted_by_reason(app: App) -> None:
    draft = changed(app, PAGED, findingSeverity={"type": "ip", "strict": True})

    found = difference(app, draft, PAGED)

    assert (found["before"]["draft"], found["after"]["draft"], found["newly_refused"]) == (
        found["rows"],
        0,
        found["rows"],
    )
    assert found["outcomes"] == [
        {
            "was_outcome": "draft",
            "was_reason": None,
            "now_outcome": "reject",
            "now_reason": "value-unfit",
            "times": found["rows"],
        }
    ]


def test_a_bounded_look_says_so(app: App) -> None:
    found = compare(app, "tenant", MapDraft("defender"), source=PAGED, most_rows=10)["streams"][0]
    assert (found["rows"], found["is_whole"]) == (10, False)


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param(lambda app: preview_map(app, "nobody", MapDraft("defender")), "connector.unknown", id="connector"),
        pytest.param(lambda app: preview_map(app, "tenant", MapDraft("mine/9")), "map.unknown", id="map"),
        pytest.param(
            lambda app: preview_map(app, "tenant", MapDraft("defender"), source="x"), "workbench.no-stream", id="stream"
        ),
        pytest.param(
            lambda app: compare(app, "tenant", MapDraft("defender"), source="defender.softwareInventoryByMachine"),
            "workbench.no-rows",
            id="rows",
        ),
        pytest.param(lambda app: preview_map(app, "tenant", MapDraft({"name": "x"})), "transform.invalid", id="draft"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_remedy(app: App, act: Any, code: str) -> None:
    with pytest.raises((InputError, ConfigError)) as refused:
        act(app)
    assert (refused.value.code, bool(refused.value.remedy)) == (code, True)
