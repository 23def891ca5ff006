"""FIRST's Exploit Prediction Scoring System: the daily table of every scored CVE.

Source: https://www.first.org/epss/data_stats (epss_scores-YYYY-MM-DD.csv.gz).
"""

from __future__ import annotations

import io
import re
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from riskbridge.errors import InputError
from riskbridge.source.feeds.fetch import broken, normalised_ids

_COLUMNS: dict[str, pa.DataType] = {"cve_id": pa.string(), "epss": pa.float64(), "epss_percentile": pa.float64()}
EPSS_SCHEMA = pa.schema(_COLUMNS)
_HEADER = ["cve", "epss", "percentile"]


def parse_epss(body: bytes, location: str) -> tuple[pa.Table, date | None]:
    """The table as `EPSS_SCHEMA`: one row a CVE, probability and percentile 0 to 1; and the day of the scores.

    FIRST's file begins with a comment line (`#model_version:…,score_date:…`), mirrors often drop it; both are
    read, and without it the day is None.

    Raises:
        InputError: `feeds.broken`: other columns, cut off, a value beyond 0 to 1, a bad or repeated id.
    """
    length = _comment_length(body)
    table = body[length:]
    header = table[:1024].split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    if [name.strip(' "').lower() for name in header.split(",")] != _HEADER:
        raise broken(location, f"its columns are not {', '.join(_HEADER)}")
    if not table.endswith(b"\n") and table.rstrip().rsplit(b"\n", 1)[-1].count(b",") != 2:
        raise broken(location, "its last line is cut off")
    rows = _read(table, location)
    if not rows.num_rows:
        raise broken(location, "it has no row")
    for name in ("epss", "epss_percentile"):
        _require_share(rows[name], name, location)
    return rows.set_column(0, "cve_id", normalised_ids(rows["cve_id"], location)), _score_date(body[:length])


def _score_date(comment: bytes) -> date | None:
    stated = re.search(rb"score_date:(\d{4}-\d{2}-\d{2})", comment)
    try:
        return date.fromisoformat(stated[1].decode()) if stated else None
    except ValueError:
        return None


def _comment_length(body: bytes) -> int:
    at = 0
    while body[at : at + 1] == b"#":
        end = body.find(b"\n", at)
        at = len(body) if end < 0 else end + 1
    return at


def _read(table: bytes, location: str) -> pa.Table:
    try:
        return pa_csv.read_csv(
            io.BytesIO(table),
            read_options=pa_csv.ReadOptions(column_names=EPSS_SCHEMA.names, skip_rows=1),
            convert_options=pa_csv.ConvertOptions(column_types=EPSS_SCHEMA),
        )
    except pa.ArrowInvalid as error:
        raise broken(location, f"a line cannot be read ({str(error)[:200]})") from error


def _require_share(values: pa.ChunkedArray[Any], name: str, location: str) -> None:
    problem: InputError | None = None
    if values.null_count:
        problem = broken(location, f"a row has no {name}")
    elif not pc.all(pc.is_finite(values)).as_py() or not _is_share(pc.min_max(values).as_py()):
        problem = broken(location, f"a value of {name} is not between 0 and 1")
    if problem is not None:
        raise problem


def _is_share(bounds: Any) -> bool:
    return bool(bounds["min"] >= 0 and bounds["max"] <= 1)
