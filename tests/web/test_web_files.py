"""Connectors of files over REST: upload, look, save, run, upload anew; and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web.conftest import Served, start_serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

API = "/api/v1"
HEADER = "Plugin ID,CVE,Risk,Host,Protocol,Port,Name\n"
EXPORT = HEADER + '182252,"CVE-2023-38545, CVE-2023-38546",High,wks-1.example.test,tcp,443,curl overflow\n'
OWN = "machine;weakness;level;seen\nwks-2;CVE-2024-3094;5;2026-10-31\nwks-2;;1;2026-10-31\n"
NESSUS = {"name": "nessus", "format": "tenable", "findings": ["upload:nessus.csv"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("uploads") / "home"
    folder.mkdir()
    (folder / "riskbridge.toml").write_text("largest_upload_mib = 2\n")
    running = start_serving(folder)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def client(home: Served) -> httpx.Client:
    return home.log_in()


def upload(client: httpx.Client, file: str, body: bytes | str, **query: str) -> httpx.Response:
    content = body.encode() if isinstance(body, str) else body
    return client.post(f"{API}/uploads", files={"file": (file, content)}, params=query)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def run(client: httpx.Client, name: str) -> dict[str, Any]:
    assert client.post(f"{API}/connectors/{name}/runs").status_code == 202
    news = client.get(f"{API}/connectors/{name}/progress", headers={"accept": "text/event-stream"}).text
    assert '"state"' in news
    found: dict[str, Any] = client.get(f"{API}/runs", params={"connector": name, "limit": 1}).json()["rows"][0]
    return found


def test_an_uploaded_export_is_read_and_the_next_takes_its_place(client: httpx.Client) -> None:
    made = upload(client, "nessus.csv", EXPORT)
    assert (made.status_code, made.json()["path"], made.json()["size_bytes"]) == (201, "upload:nessus.csv", len(EXPORT))
    formats = {f["name"] for f in client.get(f"{API}/file-formats").json()["rows"]}
    assert formats == {"mde-portal", "tenable", "qualys", "rapid7", "wiz", "csv"}
    files = {k: NESSUS[k] for k in ("format", "findings")}
    (look,) = client.post(f"{API}/files/look", json=files).json()["findings"]
    assert (look["rows"][0]["Host"], look["unknown"], look["refused"]) == ("wks-1.example.test", [], [])
    assert client.post(f"{API}/file-connectors/test", json=NESSUS).json()["ok"]
    saved = client.post(f"{API}/file-connectors", json=NESSUS)
    assert (saved.status_code, saved.json()["file"]["findings"]) == (201, ["upload:nessus.csv"])
    assert run(client, "nessus")["counts"]["findings"] == 2
    assert client.get(f"{API}/assets", params={"query": "inventory: (source: `Tenable`)"}).json()["count"] == 1
    url = f"{API}/uploads/nessus.csv"
    assert told(client.delete(url)) == (428, "edit.no-tag")
    assert told(client.delete(url, headers={"if-match": client.get(url).headers["etag"]})) == (409, "upload.in-use")
    upload(client, "may.csv", EXPORT + "51192,,Medium,wks-1.example.test,tcp,443,SSL\n", name="nessus.csv")
    assert run(client, "nessus")["counts"]["findings"] == 3


def test_an_edit_looks_at_the_files_again(client: httpx.Client) -> None:
    upload(client, "edited.csv", EXPORT)
    made = client.post(f"{API}/file-connectors", json=NESSUS | {"name": "edited", "findings": ["upload:edited.csv"]})
    url, tag = f"{API}/file-connectors/edited", {"if-match": made.headers["etag"]}
    assert told(client.patch(url, json={"source_name": "Nessus"})) == (428, "edit.no-tag")
    assert told(client.patch(url, json={"findings": ["upload:none.csv"]}, headers=tag)) == (422, "file.missing")
    changed = client.patch(url, json={"source_name": "Nessus", "delimiter": "comma"}, headers=tag)
    assert (changed.status_code, changed.json()["file"]["source_name"]) == (200, "Nessus")
    assert told(client.patch(url, json={"takes": "newest"}, headers=tag)) == (412, "edit.stale")


def test_a_table_of_ones_own_becomes_a_model_and_a_source(client: httpx.Client) -> None:
    upload(client, "own.csv", OWN)
    sample = {"findings": ["upload:own.csv"], "name": "own.findings"}
    found = client.post(f"{API}/data-models/infer", json=sample).json()
    assert [(f["name"], f["kind"], f["required"]) for f in found["model"]["fields"]] == [
        ("machine", "string", True),
        ("weakness", "string", False),
        ("level", "integer", True),
        ("seen", "date", True),
    ]
    model = found["model"] | {"description": "Ours"}
    added = client.post(f"{API}/data-models", json=model)
    assert added.status_code == 201, added.text
    assert told(client.post(f"{API}/data-models", json=model)) == (409, "model.exists")
    rows = [
        {"from": "machine", "to": "externalAssetId", "identifier": True},
        {
            "from": "weakness",
            "to": "externalFindingId",
            "function": "template",
            "text": "{weakness}",
            "identifier": True,
        },
        {"from": "weakness", "to": "cveId", "function": "cve-id"},
        {"to": "category", "function": "constant", "value": "vulnerability"},
    ]
    streams = [
        {"source": "own.findings", "target": "asset_draft", "row": [rows[0], {"from": "machine", "to": "assetName"}]},
        {"source": "own.findings", "target": "detection_draft", "pass_over_without": "weakness", "row": rows},
    ]
    assert client.post(f"{API}/maps", json={"map": {"name": "own", "stream": streams}}).status_code == 201
    files = {"findings": ["upload:own.csv"], "findings_model": "own.findings"}
    refused = client.post(f"{API}/file-connectors", json=files | {"name": "own"})
    assert told(refused) == (400, "file.no-map")
    other = client.post(f"{API}/file-connectors", json=files | {"name": "own", "transform_map": "tenable"})
    assert told(other) == (422, "transform.no-stream")
    assert (
        client.post(f"{API}/file-connectors", json=files | {"name": "own", "transform_map": "own"}).status_code == 201
    )
    assert run(client, "own")["counts"]["detections"] == 1
    preview = {"map": "own", "source": "own.findings", "target": "asset_draft"}
    assert client.post(f"{API}/connectors/own/map-preview", json=preview).json()["rows"][0]["outcome"] == "draft"
    url = f"{API}/data-models/own.findings"
    tag = {"if-match": client.get(url).headers["etag"]}
    assert told(client.delete(url, headers=tag)) == (409, "model.in-use")
    fewer = model | {"fields": model["fields"][1:]}
    assert told(client.put(url, json=fewer, headers=tag)) == (409, "model.in-use")
    more = client.put(url, json=model | {"fields": [*model["fields"], {"name": "note"}]}, headers=tag)
    assert (more.status_code, len(more.json()["fields"])) == (200, 5)
    # Rows that were staged before the field came lack it: there are none of the model as it is now.
    assert told(client.post(f"{API}/connectors/own/map-preview", json=preview)) == (400, "workbench.no-rows")
    assert told(client.put(url, json=model, headers=tag)) == (412, "edit.stale")
    assert told(client.delete(f"{API}/data-models/tenable.findings", headers={"if-match": "*"})) == (
        400,
        "model.read-only",
    )


@pytest.mark.parametrize(
    ("name", "body", "query", "expected"),
    [
        pytest.param("big.csv", b"x" * (5 << 19), {}, (413, "upload.too-large"), id="larger than allowed"),
        pytest.param("vast.csv", b"x" * (5 << 20), {}, (413, "http.413"), id="larger than the form around it may be"),
        pytest.param("none.csv", b"", {}, (400, "upload.empty"), id="empty"),
        pytest.param("x", b"a", {"name": "../config.db"}, (400, "file.bad-path"), id="a way out"),
        pytest.param("x", b"a", {"name": ".hidden"}, (400, "file.bad-path"), id="a hidden name"),
    ],
)
def test_uploads_that_cannot_be_leave_no_trace(
    home: Served, client: httpx.Client, *, name: str, body: bytes, query: dict[str, str], expected: tuple[int, str]
) -> None:
    before = sorted(p.name for p in (home.home / "uploads").glob("*")) if (home.home / "uploads").exists() else []
    assert told(upload(client, name, body, **query)) == expected
    assert sorted(p.name for p in (home.home / "uploads").glob("*")) == before


def test_a_form_that_is_none_is_refused(client: httpx.Client) -> None:
    url = f"{API}/uploads"
    assert told(client.post(url, json={"file": "x"})) == (400, "upload.malformed")
    assert told(client.post(url, data={"name": "x"}, files={"other": (None, b"x")})) == (400, "upload.malformed")
    broken = client.post(url, content=b"--b\r\nnonsense", headers={"content-type": "multipart/form-data; boundary=b"})
    assert told(broken) == (400, "upload.malformed")
    assert told(client.delete(f"{url}/none.csv")) == (404, "upload.unknown")


def test_files_of_the_home_cannot_be_read_through_a_connector(
    home: Served, client: httpx.Client, tmp_path: Path
) -> None:
    paths = {
        str(home.home / "config.db"): (403, "file.not-allowed"),
        str(home.home / "secret.key"): (403, "file.not-allowed"),
        "etc/passwd": (400, "file.bad-path"),
        str(tmp_path / ".." / "none.csv"): (422, "file.missing"),
    }
    for path, expected in paths.items():
        answer = client.post(f"{API}/files/look", json={"format": "csv", "findings": [path]})
        assert told(answer) == expected, path
