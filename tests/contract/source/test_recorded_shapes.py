"""The simulator's answers have the shapes of recorded ones: those kept beside this file, or a person's own.

`RISKBRIDGE_RECORDING` names a folder of `riskbridge connector record`, to hold the simulator against a real tenant.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from riskbridge.model.source_model import SOURCE_MODELS
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.source.defender.streams import DefenderSource

RECORDING = Path(os.environ.get("RISKBRIDGE_RECORDING") or Path(__file__).parent / "recording")
MANIFEST = json.loads((RECORDING / "recording.json").read_text())
STREAMS = {s["stream"]: s for s in MANIFEST["streams"] if s["status"] == 200}


def shapes(records: list[Any]) -> dict[str, set[str]]:
    """The JSON types that each member has, members of members by a dotted path."""
    found: dict[str, set[str]] = defaultdict(set)

    def walk(path: str, value: Any) -> None:
        kind = {bool: "boolean", int: "number", float: "number", str: "text", type(None): "null"}.get(type(value))
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{path}.{name}" if path else name, inner)
        elif isinstance(value, list):
            for inner in value:
                walk(f"{path}[]", inner)
        else:
            found[path].add(kind or "")

    for record in records:
        walk("", record)
    return found


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    """The recording, served again."""
    home = tmp_path_factory.mktemp("replay")
    with start_simulator(
        SimulatorSettings(home=home, sources=(RECORDING,), has_api_tls=True, has_quotas=False)
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def every_role(tenant: RunningSimulator) -> None:
    tenant.control("directory", {"roles": ["Machine.Read.All", "Vulnerability.Read.All", "Software.Read.All"]})


def raw(source: DefenderSource, stream: str, since: datetime) -> tuple[list[Any], set[str], set[str]]:
    pages = list(source.read_raw(stream, since=since if "Changes" in stream else None))
    records = [r for p in pages for r in p.records]
    return records, {p.content_type.split(";")[0] for p in pages}, {m for p in pages for m in p.members}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_simulator_answers_in_the_recorded_shape(stream: str, connect: Callable[..., DefenderSource]) -> None:
    recorded = shapes(json.loads((RECORDING / f"{stream}.json").read_bytes())["value"])
    records, content_types, members = raw(connect(), stream, datetime(2026, 11, 18, tzinfo=UTC))
    assert content_types == {STREAMS[stream]["content_type"].split(";")[0]}
    assert set(STREAMS[stream]["members"]) - members <= {"@odata.nextLink"}
    if recorded and records:
        made = shapes(records)
        assert set(recorded) - set(made) == set()
        wrong = {n: (recorded[n], made[n]) for n in recorded if not recorded[n] <= made[n] | {"null"}}
        assert wrong == {}


@pytest.mark.parametrize("stream", STREAMS)
def test_every_recorded_member_is_one_of_the_data_model(stream: str) -> None:
    model = next(m for m in SOURCE_MODELS if m.stream == stream)
    known = {f.name for f in model.fields}
    recorded = {
        n.split(".")[0].removesuffix("[]")
        for n in shapes(json.loads((RECORDING / f"{stream}.json").read_bytes())["value"])
    }
    assert {name.split(".")[0].removesuffix("[]") for name in recorded} - known == set()


@pytest.mark.parametrize("stream", STREAMS)
def test_a_recording_is_served_as_it_was_saved(
    stream: str, replay: RunningSimulator, connect: Callable[..., DefenderSource]
) -> None:
    saved = json.loads((RECORDING / f"{stream}.json").read_bytes())["value"]
    source = connect(
        api_url=replay.api_url, login_url=replay.login_url.rstrip("/"), ca_bundle=Path(str(replay.ca_bundle))
    )
    since = datetime.fromisoformat(MANIFEST["recorded_at"]) - timedelta(days=13)
    served, _, _ = raw(source, stream, since)
    if stream == "vulnerabilities":
        served = [r for r in served if r["id"] in {s["id"] for s in saved}]
    assert sorted(map(json.dumps, served)) == sorted(map(json.dumps, saved))
