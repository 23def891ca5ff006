"""CISA's catalogue of known exploited vulnerabilities.

Source: https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json and its schema.
"""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Annotated

import msgspec
import pyarrow as pa

from riskbridge.source.arrays import booleans, dates, texts
from riskbridge.source.feeds.fetch import broken, normalised_ids

_COLUMNS: dict[str, pa.DataType] = {
    "cve_id": pa.string(),
    "kev_added_on": pa.date32(),
    "kev_due_on": pa.date32(),
    "is_ransomware": pa.bool_(),
}
KEV_SCHEMA = pa.schema(_COLUMNS)


class _Entry(msgspec.Struct, rename={"cve_id": "cveID", "added_on": "dateAdded", "due_on": "dueDate"}, gc=False):
    cve_id: Annotated[str, msgspec.Meta(min_length=1)]
    added_on: date
    due_on: date | None = None
    knownRansomwareCampaignUse: str | None = None  # noqa: N815 - the feed's own name


class _Catalogue(msgspec.Struct):
    vulnerabilities: Annotated[list[_Entry], msgspec.Meta(min_length=1)]
    count: int | None = None
    dateReleased: str | None = None  # noqa: N815 - the feed's own name


_DECODER = msgspec.json.Decoder(_Catalogue)


def parse_kev(body: bytes, location: str) -> tuple[pa.Table, date | None]:
    """The catalogue as `KEV_SCHEMA`: one row a CVE, and the day it was released. `kev_due_on` may be null.

    CISA gives it as JSON and as CSV; the CSV states no day, so that of its newest entry is taken.

    Raises:
        InputError: `feeds.broken`: another file, cut off, fewer entries than it says, a bad or repeated id.
    """
    is_json = body.lstrip()[:1] in (b"{", b"[")
    entries, released_on = _of_json(body, location) if is_json else _of_csv(body, location)
    columns = [
        texts([e.cve_id for e in entries]),
        dates([e.added_on for e in entries]),
        dates([e.due_on for e in entries]),
        booleans([(e.knownRansomwareCampaignUse or "").strip().lower() == "known" for e in entries]),
    ]
    rows = pa.Table.from_arrays(columns, schema=KEV_SCHEMA)
    return rows.set_column(0, "cve_id", normalised_ids(rows["cve_id"], location)), released_on


def _of_json(body: bytes, location: str) -> tuple[list[_Entry], date | None]:
    try:
        catalogue = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise broken(location, f"it is not CISA's KEV catalogue ({error})") from error
    entries = catalogue.vulnerabilities
    if catalogue.count is not None and catalogue.count != len(entries):
        raise broken(location, f"it says it holds {catalogue.count:,} entries and holds {len(entries):,}")
    try:
        released_on = date.fromisoformat((catalogue.dateReleased or "")[:10])
    except ValueError:
        released_on = None
    return entries, released_on


def _of_csv(body: bytes, location: str) -> tuple[list[_Entry], date | None]:
    rows = list(csv.DictReader(io.StringIO(body.decode("utf-8", "replace"))))
    if not rows or not {"cveID", "dateAdded", "dueDate"} <= set(rows[0]):
        raise broken(location, "it is not CISA's KEV catalogue: its columns are not cveID, dateAdded, dueDate …")
    told = ({k: v for k, v in row.items() if k and v} for row in rows)
    try:
        entries = [msgspec.convert(row, _Entry, strict=False) for row in told]
    except msgspec.ValidationError as error:
        raise broken(location, f"a line cannot be read ({error})") from error
    return entries, max(e.added_on for e in entries)
