from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from riskbridge.errors import InputError
from riskbridge.model.connector import new_connector
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.source_model import parse_model
from riskbridge.store.config.store import ConfigStore

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
MODEL = parse_model({"name": "acme.Findings", "stream": "findings", "fields": [{"name": "Host", "required": True}]})


@pytest.fixture
def ana(tmp_path: Path):
    store = ConfigStore(tmp_path / "models.db", actor="ana", now=lambda: NOW)
    yield store
    store.close()


def test_a_model_is_kept_by_name_and_every_change_is_audited(ana: ConfigStore) -> None:
    changed = replace(MODEL, description="Ours")
    ana.data_models.save_model(MODEL, is_new=True)
    ana.data_models.save_model(MODEL)
    ana.acting_as("bo").data_models.save_model(changed)
    assert ana.data_models.list_models() == [ana.data_models.find_model("ACME.findings")] == [changed]
    with pytest.raises(InputError, match="already"):
        ana.data_models.save_model(MODEL, is_new=True)
    ana.data_models.delete_model("acme.FINDINGS")
    assert ana.data_models.list_models() == []
    assert [(e.actor, e.action, e.object) for e in ana.list_audit()] == [
        ("ana", "model.deleted", "acme.Findings"),
        ("bo", "model.changed", "acme.Findings"),
        ("ana", "model.added", "acme.Findings"),
    ]


def test_a_connector_of_files_comes_back_as_it_was_saved(ana: ConfigStore) -> None:
    settings = FileSettings(("/srv/a.csv", "upload:b.csv"), format="tenable", assets=("/srv/c.csv",), delimiter=";")
    connector = new_connector("scanner", kind="file", file=settings)
    ana.save_connector(connector)
    ana.save_connector(connector)
    assert ana.list_connectors() == [ana.find_connector("SCANNER")] == [connector]
    assert [e.action for e in ana.list_audit()] == ["connector.added"]
    ana.save_connector(replace(connector, file=replace(settings, takes="newest")))
    assert ana.list_audit()[0].detail["file"]["takes"] == "newest"


@pytest.mark.parametrize(
    "wrong",
    [
        {"findings": ()},
        {"findings": (" ",)},
        {"reader": "xlsx"},
        {"encoding": "utf-7"},
        {"delimiter": "ab"},
        {"delimiter": "x"},
        {"delimiter": "\n"},
        {"qualifier": ";", "delimiter": ";"},
        {"takes": "some"},
    ],
    ids=repr,
)
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError) as caught:
        FileSettings(**({"findings": ("/a.csv",)} | wrong))
    assert caught.value.code == "file.bad-settings"
