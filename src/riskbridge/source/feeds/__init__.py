"""Facts of CVEs from public feeds: CISA KEV and FIRST EPSS, from a path or a URL."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from riskbridge.errors import InputError, RetryableError

FEED_TYPES: dict[str, dict[str, str]] = {
    "kev": {"cve_id": "string", "kev_added_on": "date", "kev_due_on": "date", "is_ransomware": "boolean"},
    "epss": {"cve_id": "string", "epss": "float64", "epss_percentile": "float64"},
}
LARGEST_FEED_BYTES = 256 * 1024 * 1024
_KEV_SCHEMA = pa.schema(
    [("cve_id", pa.string()), ("kev_added_on", pa.date32()), ("kev_due_on", pa.date32()), ("is_ransomware", pa.bool_())]
)


def read_feed(kind: str, location: str) -> pa.Table:
    """A feed's rows with the columns of `FEED_TYPES`, one a CVE, ids in upper case.

    Args:
        kind: `kev` (CISA's JSON) or `epss` (FIRST's CSV, with or without its comment line).
        location: A path or an http(s) URL; gzip is recognised by content.

    Raises:
        InputError: `feeds.*`: not the feed it should be; nothing is kept of it.
        RetryableError: `feeds.unreachable`.
    """
    readers: dict[str, Callable[[bytes, str], pa.Table]] = {"kev": _parse_kev, "epss": _parse_epss}
    if kind not in readers:
        raise InputError(f"'{kind}' is no feed.", code="feeds.unknown", remedy="Feeds are: epss, kev.")
    body = _read(location)
    rows = readers[kind](body, location)
    if len(pc.unique(rows["cve_id"])) != rows.num_rows:
        raise _broken(location, "a CVE is in it twice")
    return rows


def _read(location: str) -> bytes:
    if location.startswith(("http://", "https://")):
        body = _download(location)
    else:
        try:
            body = Path(location).read_bytes()
        except OSError as error:
            raise InputError(
                f"The feed {location} cannot be read: {error.strerror}.",
                code="feeds.unreadable",
                remedy="Give the path of a file or an http(s) URL.",
            ) from error
    if body[:2] == b"\x1f\x8b":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise _broken(location, "its gzip is cut off or damaged") from error
    return body


def _download(url: str) -> bytes:
    body = bytearray()
    try:
        with httpx.stream("GET", url, timeout=60.0, follow_redirects=True) as answer:
            if answer.status_code != 200:
                raise _broken(url, f"the server answered {answer.status_code}")
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > LARGEST_FEED_BYTES:
                    raise _broken(url, f"it is larger than {LARGEST_FEED_BYTES >> 20} MiB")
    except httpx.TransportError as error:
        raise RetryableError(
            f"The feed {url} cannot be reached: {error}.",
            code="feeds.unreachable",
            remedy="Check the network, or give a file.",
        ) from error
    return bytes(body)


def _parse_kev(body: bytes, location: str) -> pa.Table:
    try:
        entries: Any = json.loads(body)["vulnerabilities"]
        rows = [
            {
                "cve_id": str(e["cveID"]).strip().upper(),
                "kev_added_on": date.fromisoformat(e["dateAdded"]),
                "kev_due_on": date.fromisoformat(e["dueDate"]) if e.get("dueDate") else None,
                "is_ransomware": e.get("knownRansomwareCampaignUse") == "Known",
            }
            for e in entries
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _broken(location, f"it is not CISA's KEV catalogue ({type(error).__name__}: {error})") from error
    if not rows:
        raise _broken(location, "it is empty")
    return pa.Table.from_pylist(rows, _KEV_SCHEMA)


def _parse_epss(body: bytes, location: str) -> pa.Table:
    head = body[:4096].split(b"\n", 2)
    skipped = 1 if head[0].startswith(b"#") else 0
    header = head[skipped].decode("utf-8", "replace").strip() if len(head) > skipped else ""
    if next(csv.reader(io.StringIO(header)), []) != ["cve", "epss", "percentile"]:
        raise _broken(location, "its columns are not cve, epss, percentile")
    try:
        rows = pa_csv.read_csv(
            pa.BufferReader(body),
            read_options=pa_csv.ReadOptions(skip_rows=skipped),
            convert_options=pa_csv.ConvertOptions(
                column_types={"cve": pa.string(), "epss": pa.float64(), "percentile": pa.float64()}
            ),
        ).rename_columns(["cve_id", "epss", "epss_percentile"])
    except pa.ArrowInvalid as error:
        raise _broken(location, f"a line cannot be read ({error})") from error
    for name in ("epss", "epss_percentile"):
        bounds = pc.min_max(rows[name]).as_py()
        if rows[name].null_count or bounds["min"] is None or bounds["min"] < 0 or bounds["max"] > 1:
            raise _broken(location, f"a value of {name} is not between 0 and 1")
    return rows.set_column(0, "cve_id", pc.utf8_upper(pc.utf8_trim_whitespace(rows["cve_id"])))


def _broken(location: str, why: str) -> InputError:
    return InputError(
        f"The feed {location} cannot be used: {why}.",
        code="feeds.broken",
        remedy="Fetch it again. The facts kept before stay in use.",
    )
