"""Files of the server: over REST those of some folders may be named; the owner's commands name any, also while it is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenario.test_identity_ways_in import Client, code_of
from tests.scenario.test_main_job import Cli
from tests.web.conftest import start_serving

from riskbridge.api.application import make_api
from riskbridge.app import App
from riskbridge.config import load_settings
from riskbridge.model.account import TokenScope
from riskbridge.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EXPORT = "Plugin ID,CVE,Risk,Host,Protocol,Port,Name\n1,CVE-2023-38545,High,wks-1.example.test,tcp,443,curl\n"
KEV = '{"dateReleased": "2026-11-01", "vulnerabilities": [{"cveID": "CVE-2023-38545", "dateAdded": "2026-10-01"}]}'
TENANT = {
    "name": "Contoso",
    "tenant_id": "contoso.example.test",
    "client_id": "8769b673-6805-6789-8f77-12345678abcd",
    "login_url": "https://127.0.0.1:9/",
    "api_url": "https://127.0.0.1:9/",
    "audience": "https://127.0.0.1:9",
}
ANY = {"if-match": "*"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home, and a folder that its settings do not name, with a file of each kind."""
    made = tmp_path_factory.mktemp("named")
    for where in (made / "elsewhere", made / "home" / "files"):
        where.mkdir(parents=True)
        for name, text in (("scan.csv", EXPORT), ("kev.json", KEV), ("secret", "s3cret"), ("cert.pem", "none")):
            (where / name).write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def ana(folder: Path) -> Iterator[Client]:
    """Ana, who may change things, at the API in this process."""
    with App(load_settings(home=folder / "home", environment={})) as app:
        service = Service(app)
        account = service.accounts.make("ana", "correct horse battery")
        _, token = service.accounts.make_token(account, "test", 1, TokenScope.WRITE)
        try:
            yield Client(make_api(service), token)
        finally:
            service.close()


def named(where: Path) -> list[tuple[str, dict[str, Any]]]:
    """Every route that files are named to, and a body that names one."""
    scan = {"format": "tenable", "findings": [str(where / "scan.csv")]}
    tenants = [
        TENANT | {"client_secret": f"file:{where}/secret"},
        TENANT | {"certificate": f"{where}/cert.pem"},
        TENANT | {"federated_token_file": f"{where}/secret"},
        TENANT | {"client_secret": "x", "ca_bundle": f"{where}/cert.pem"},
    ]
    return [
        *((route, body) for body in tenants for route in ("/connectors/test", "/connectors/count", "/connectors")),
        ("/files/look", scan),
        ("/files/look", scan | {"assets": [str(where / "*.csv")], "findings": ["upload:scan.csv"]}),
        ("/file-connectors/test", scan | {"name": "scan"}),
        ("/file-connectors", scan | {"name": "scan"}),
        ("/data-models/infer", scan | {"format": "", "name": "own"}),
        ("/feeds/kev/import", {"location": str(where / "kev.json")}),
    ]


def test_files_elsewhere_cannot_be_named_whatever_for(ana: Client, folder: Path) -> None:
    answers = [(route, ana.post(route, json=body)) for route, body in named(folder / "elsewhere")]
    assert [(route, code_of(answer)) for route, answer in answers] == [
        (route, (403, "file.not-allowed")) for route, _ in answers
    ]
    for _, answer in answers:
        assert str(folder / "home" / "files") in answer.json()["remedy"]
    missing = [ana.post(route, json=body).json()["code"] for route, body in named(folder / "nowhere")]
    assert set(missing) == {"file.not-allowed"}, "whether it is there is not told"


def test_drafts_of_the_wizard_cannot_name_them_either(ana: Client, folder: Path) -> None:
    for value in ({"client_secret": f"file:{folder}/elsewhere/secret"}, {"certificate": f"{folder}/home/secret.key"}):
        made = ana.post("/drafts", json={"values": TENANT | value}).json()
        for verb in ("test", "count"):
            assert code_of(ana.post(f"/drafts/{made['draft_id']}/{verb}")) == (403, "file.not-allowed")


def test_files_of_the_homes_folder_are_read(ana: Client, folder: Path) -> None:
    own = folder / "home" / "files"
    files = [
        (route, body) for route, body in named(own) if not route.startswith("/connectors") and "assets" not in body
    ]
    assert [ana.post(route, json=body).status_code for route, body in files] == [200, 200, 201, 200, 200]
    scan = {"format": "tenable", "findings": [str(own / "*.csv")]}
    (look,) = ana.post("/files/look", json=scan).json()["findings"]
    assert look["rows"][0]["Host"] == "wks-1.example.test"
    assert ana.get("/connectors/scan").json()["file"]["findings"] == [str(own / "scan.csv")]
    assert ana.get("/feeds/kev").json()["cves"] == 1


def test_the_owners_commands_name_any_file_also_of_a_served_home(folder: Path, tmp_path: Path) -> None:
    elsewhere = folder / "elsewhere"
    served = start_serving(tmp_path / "home", "--file-folder", str(tmp_path / "lent"))
    try:
        scan = str(elsewhere / "scan.csv")
        words = ("--name", "scan", "--format", "tenable", "--findings", scan)
        assert Cli(tmp_path / "home")("connector", "add-file", *words)["exit_code"] == 0
        client = served.log_in()
        url, tag = "/api/v1/file-connectors/scan", ANY
        kept = client.patch(url, json={"findings": [scan], "source_name": "Nessus"}, headers=tag)
        assert (kept.status_code, kept.json()["file"]["findings"]) == (200, [scan])
        other = client.patch(url, json={"findings": [scan, str(elsewhere / "kev.json")]}, headers=tag)
        assert code_of(other) == (403, "file.not-allowed")
        (tmp_path / "lent").mkdir()
        lent = tmp_path / "lent" / "scan.csv"
        lent.write_text(EXPORT, encoding="utf-8")
        moved = client.patch(url, json={"findings": [str(lent)]}, headers=tag)
        assert (moved.status_code, moved.json()["file"]["findings"]) == (200, [str(lent)])
        assert (tmp_path / "home" / "files").is_dir()
        feed = client.patch("/api/v1/feeds/kev", json={"url": str(elsewhere / "kev.json")}, headers=tag)
        assert code_of(feed) == (403, "file.not-allowed")
    finally:
        assert served.stop() == 0
