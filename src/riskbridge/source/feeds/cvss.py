"""CVSS and SSVC of CVEs as their publishers and CISA state them.

Source: https://github.com/cisagov/vulnrichment, one CVE record (JSON 5.x) a file, with CISA's additions in a container of
its own; read as the repository's ZIP archive, as single records, as JSON lines, or in a flat CSV form with a line a CVE.
A record that was rejected tells nothing of danger and is left out.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from riskbridge.source.arrays import floats, texts
from riskbridge.source.feeds.fetch import LARGEST_FEED_BYTES, broken, normalised_ids

_COLUMNS: dict[str, pa.DataType] = {
    "cve_id": pa.string(),
    "source": pa.string(),
    "cvss_version": pa.string(),
    "cvss_score": pa.float64(),
    "cvss_vector": pa.string(),
    "ssvc_exploitation": pa.string(),
    "ssvc_automatable": pa.string(),
    "ssvc_technical_impact": pa.string(),
}
CVSS_SCHEMA = pa.schema(_COLUMNS)
CNA, CISA = "cna", "cisa-adp"
"""Who states a score: the CVE's own publisher, or CISA."""

_METRICS = {"cvssV4_0": "4.0", "cvssV3_1": "3.1", "cvssV3_0": "3.0", "cvssV2_0": "2.0"}
_HEADER = {"cve", "cvss_source", "cvss_version", "cvss_score", "cvss_vector"}
_LARGEST_UNPACKED = 16 * LARGEST_FEED_BYTES


class _Claim(NamedTuple):
    cve_id: str
    source: str
    version: str | None
    score: float | None
    vector: str | None
    exploitation: str | None
    automatable: str | None
    impact: str | None


class _Container(msgspec.Struct, gc=False):
    metrics: list[dict[str, Any]] = []
    providerMetadata: dict[str, Any] = {}  # noqa: N815 - the record's own name


class _Containers(msgspec.Struct, gc=False):
    cna: _Container = msgspec.field(default_factory=_Container)
    adp: list[_Container] = []


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    cve_id: str
    state: str = "PUBLISHED"
    date_updated: str | None = None


class _Record(msgspec.Struct, rename="camel", gc=False):
    cve_metadata: _Metadata
    containers: _Containers


_RECORD = msgspec.json.Decoder(_Record)
_RECORDS = msgspec.json.Decoder(list[_Record])


def parse_cvss(body: bytes, location: str) -> tuple[pa.Table, date | None]:
    """The claims as `CVSS_SCHEMA`: a row a CVE, source and CVSS version; and the day of the newest record.

    A CVE without a score has one row, for its SSVC values; those are in lower case.

    Raises:
        InputError: `feeds.broken`: another file, cut off, a score beyond 0 to 10, a bad id, a CVE twice.
    """
    if body[:2] == b"PK":
        claims, day = _of_records(_archived(body, location), location)
    elif body.lstrip()[:1] in (b"{", b"["):
        claims, day = _of_records(_records(body, location), location)
    else:
        claims, day = _of_csv(body, location)
    if not claims:
        raise broken(location, "it holds no CVE")
    wrong = next((c for c in claims if c.score is not None and not 0 <= c.score <= 10), None)
    if wrong is not None:
        raise broken(location, f"the score {wrong.score} of {wrong.cve_id} is not between 0 and 10")
    (ids, sources, versions, scores, *others) = ([*column] for column in zip(*claims, strict=True))
    columns = [texts(ids), texts(sources), texts(versions), floats(scores), *map(texts, others)]
    rows = pa.Table.from_arrays(columns, schema=CVSS_SCHEMA)
    return rows.set_column(0, "cve_id", normalised_ids(rows["cve_id"], location, may_repeat=True)), _day(day)


def _of_csv(body: bytes, location: str) -> tuple[list[_Claim], str]:
    reader = csv.DictReader(io.StringIO(body.decode("utf-8", "replace"), newline=""))
    if not set(reader.fieldnames or ()) >= _HEADER:
        raise broken(location, f"its columns are not {', '.join(sorted(_HEADER))} …")
    claims: list[_Claim] = []
    newest, seen = "", set()
    for row in reader:
        if None in row.values():
            raise broken(location, f"line {reader.line_num} is cut off")
        if (row.get("state") or "PUBLISHED").upper() == "REJECTED":
            continue
        cve_id = row["cve"].strip().upper()
        if cve_id in seen:
            raise broken(location, f"{cve_id} is in it twice")
        seen.add(cve_id)
        newest = max(newest, row.get("updated") or "", row.get("ssvc_date") or "")
        claims += _of_line(cve_id, row, location)
    return claims, newest


def _of_line(cve_id: str, row: dict[str, str], location: str) -> Iterator[_Claim]:
    ssvc = [_word(row.get(f"ssvc_{name}")) for name in ("exploitation", "automatable", "technical_impact")]
    source, score = row["cvss_source"].strip() or CISA, _number(row["cvss_score"], location)
    yield _Claim(cve_id, source, row["cvss_version"].strip() or None, score, row["cvss_vector"].strip() or None, *ssvc)
    newer = _number(row.get("cvss4_score") or "", location)
    if newer is not None and row["cvss_version"].strip() != "4.0":
        yield _Claim(cve_id, source, "4.0", newer, (row.get("cvss4_vector") or "").strip() or None, *ssvc)


def _records(body: bytes, location: str) -> Iterator[_Record]:
    try:
        if body.lstrip()[:1] == b"[":
            yield from _RECORDS.decode(body)
            return
        try:
            yield _RECORD.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            yield from _RECORD.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise broken(location, f"it holds no CVE records ({error})") from error


def _archived(body: bytes, location: str) -> Iterator[_Record]:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = [f for f in archive.infolist() if re.search(r"(^|/)CVE-[0-9-]+\.json$", f.filename)]
            if sum(f.file_size for f in files) > _LARGEST_UNPACKED:
                raise broken(location, f"it unpacks to more than {_LARGEST_UNPACKED >> 30} GiB")
            for file in files:
                yield from _records(archive.read(file), location)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise broken(location, f"the archive is damaged ({error})") from error


def _of_records(records: Iterable[_Record], location: str) -> tuple[list[_Claim], str]:
    claims: list[_Claim] = []
    newest, seen = "", set()
    for record in records:
        told = record.cve_metadata
        cve_id = told.cve_id.strip().upper()
        if cve_id in seen:
            raise broken(location, f"{cve_id} is in it twice")
        seen.add(cve_id)
        newest = max(newest, told.date_updated or "")
        if told.state.upper() != "REJECTED":
            claims += _of_record(cve_id, record.containers, location)
    return claims, newest


def _of_record(cve_id: str, containers: _Containers, location: str) -> list[_Claim]:
    cisa = [c for c in containers.adp if "cisa" in str(c.providerMetadata.get("shortName", "")).lower()]
    ssvc = _ssvc([metric for container in cisa for metric in container.metrics])
    found: dict[tuple[str, str], _Claim] = {}
    for source, container in ((CNA, containers.cna), *((CISA, c) for c in cisa)):
        for metric in container.metrics:
            for name, version in _METRICS.items():
                stated = metric.get(name)
                if isinstance(stated, dict):
                    score, vector = stated.get("baseScore"), stated.get("vectorString")
                    claim = _Claim(cve_id, source, version, _number(str(score or 0), location), vector or None, *ssvc)
                    found.setdefault((source, version), claim)
    return list(found.values()) or [_Claim(cve_id, CISA, None, None, None, *ssvc)]


def _ssvc(metrics: list[dict[str, Any]]) -> tuple[str | None, ...]:
    words: dict[str, str | None] = {}
    for metric in metrics:
        other = metric.get("other")
        if isinstance(other, dict) and str(other.get("type", "")).lower() == "ssvc":
            content = other.get("content")
            options = content.get("options") if isinstance(content, dict) else None
            for option in options if isinstance(options, list) else ():
                words |= {str(name).lower(): _word(str(value)) for name, value in dict(option).items()}
    return tuple(words.get(name) for name in ("exploitation", "automatable", "technical impact"))


def _word(text: str | None) -> str | None:
    return (text or "").strip().lower() or None


def _number(text: str, location: str) -> float | None:
    try:
        return float(text) if text.strip() else None
    except ValueError:
        raise broken(location, f"'{text[:40]}' is no score") from None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
