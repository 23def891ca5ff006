"""Data models from samples: names, kinds, what may be empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskbridge.errors import RiskbridgeError
from riskbridge.model.file_settings import FileSettings
from riskbridge.model.source_model import parse_model
from riskbridge.source.file.contents import FileContents
from riskbridge.source.file.infer import InferredModel, infer_model


def infer(path: Path, **written: Any) -> InferredModel:
    return infer_model(FileContents(path), FileSettings(findings=(str(path),), **written), "acme.findings", "findings")


KINDS = {
    "flag": ("yes", "no", "boolean"),
    "count": ("7", "-12", "integer"),
    "zip": ("00123", "99", "string"),
    "score": ("7.5", "10", "number"),
    "mac": ("00:00:5e:00:53:01", "00-00-5E-00-53-02", "mac"),
    "address": ("10.20.30.42", "2001:db8::1", "ip"),
    "day": ("2026-10-31", "31.10.2026", "date"),
    "time": ("2026-10-31T08:15:00Z", "2026-10-31 08:15:00", "datetime"),
    "release": ("3.3.1.0", "v10.0.26100", "version"),
    "ids": ("CVE-2024-1,CVE-2024-2", "CVE-2024-3", "strings"),
    "text": ("Update, then restart; twice", "x", "string"),
    "mixed": ("7", "seven", "string"),
    "nothing": ("", "", "string"),
}


def test_a_kind_is_taken_where_every_value_has_it(tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    lines = [";".join(f'"{v[n]}"' for v in KINDS.values()) for n in (0, 1)]
    path.write_text(";".join(KINDS) + "\n" + "\n".join(lines) + "\n")
    found = infer(path)
    assert {c.name: c.kind for c in found.columns} == {name: v[2] for name, v in KINDS.items()}
    assert {f.name: f.required for f in found.model.fields} == {name: bool(v[0]) for name, v in KINDS.items()}
    assert found.rows == 2
    (count,) = [c for c in found.columns if c.name == "count"]
    assert (count.blanks, count.distinct, set(count.examples)) == (0, 2, {"7", "-12"})


def test_the_model_can_be_kept_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    path.write_text("Host,Row,host,,Größe\na,1,b,c,2\n")
    model = infer(path).model
    assert [f.name for f in model.fields] == ["Host", "Row (column)", "host 2", "Column 4", "Größe"]
    assert parse_model(model.as_dict()) == model


def test_json_lines_and_parquet_name_members_by_their_path(tmp_path: Path) -> None:
    lines = tmp_path / "acme.jsonl"
    lines.write_text('{"asset":{"name":"a","ips":["10.0.0.1"]},"n":1}\n{"n":2,"open":true}\n')
    table = pa.table({"asset": pa.array([{"name": "a", "ips": ["10.0.0.1"]}, None]), "n": [1, 2], "open": [None, True]})
    pq.write_table(table, tmp_path / "acme.parquet")
    expected = {"asset.name": "string", "asset.ips": "strings", "n": "integer", "open": "boolean"}
    for path in (lines, tmp_path / "acme.parquet"):
        found = infer(path)
        assert {c.name: c.kind for c in found.columns} == expected, path.name
        assert {c.name: c.blanks for c in found.columns} == {"asset.name": 1, "asset.ips": 1, "n": 0, "open": 1}


def test_columns_without_a_header_are_named_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "acme.csv"
    path.write_text("a|1\nb|2\n")
    found = infer(path, has_header=False)
    assert [(c.name, c.kind) for c in found.columns] == [("Column 1", "string"), ("Column 2", "integer")]
    assert found.rows == 2


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.csv", b"", "file.empty"),
        ("a.csv", b"\xff\xfe\x00", "file.wrong-encoding"),
        ("a.parquet", b"PAR1", "file.not-parquet"),
    ],
)
def test_a_sample_that_cannot_be_read_is_told(tmp_path: Path, name: str, body: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(RiskbridgeError) as caught:
        infer(tmp_path / name)
    assert caught.value.code == code
