"""JSON that a person saved: plain answers (`{"value": […]}`) and recorded exchanges, sorted into streams."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from riskbridge.errors import ConfigError

Record = dict[str, Any]
STREAMS = ("machinesVulnerabilities", "machines", "vulnerabilities")
EXPORTS = (
    "softwareVulnerabilitiesByMachine",
    "softwareVulnerabilitiesExport",
    "softwareVulnerabilityChangesByMachine",
    "softwareInventoryByMachine",
)
"""Streams of exports, whose records have no id of their own and stay in their order."""
MANIFEST = "recording.json"
"""What a recording says of itself: when it was made, and what the tenant refused."""
_PATH = re.compile(r"/api(?:/v1\.0)?/(?P<rest>[^?]*)")


@dataclass(slots=True)
class SavedStreams:
    """Records by stream and id, each as it was last recorded, in the order in which its id was first met.

    `cves_of` gives the CVE ids that were recorded for a device, `listed` the records of exports, `refusals` the status and
    body of streams that the tenant refused, `recorded_at` when it was, where the recording says so.
    """

    records: dict[str, dict[str, Record]] = field(default_factory=lambda: {stream: {} for stream in STREAMS})
    cves_of: dict[str, list[str]] = field(default_factory=dict)
    listed: dict[str, list[Record]] = field(default_factory=lambda: {stream: [] for stream in EXPORTS})
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    recorded_at: str = ""
    _recorded_at: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, stream: str, record: Record, recorded_at: str) -> None:
        """Take a record; of several with one id the one recorded last stays, without a time the one read last."""
        table = self.records[stream]
        identity = record.get("id")
        key = identity if isinstance(identity, str) and identity else f"\0{len(table)}"
        if recorded_at >= self._recorded_at.get((stream, key), ""):
            table[key] = record
            self._recorded_at[stream, key] = recorded_at


def read_saved(sources: Iterable[Path]) -> SavedStreams:
    """Everything in files, and in the `*.json` of folders by name.

    A plain answer is told by its file's name, which holds the name of an export, else `machinesVulnerabilities`, else
    `machines`, else `vulnerabilities`. Of recorded exchanges (objects with `url` and `body`, and `method`, `status` and
    `startedDateTime` where known) each is told by its URL; those that are no GET or did not succeed are left out.

    Raises:
        ConfigError: `simulator.no-recording`: nothing there. `simulator.bad-recording`: a file is not of these forms.
    """
    saved = SavedStreams()
    for file in _files(sources):
        try:
            content = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            raise _malformed(file, f"it is no JSON: {error}") from error
        if file.name == MANIFEST:
            _add_manifest(saved, file, content)
        elif isinstance(content, list):
            for exchange in content:
                _add_exchange(saved, file, exchange)
        else:
            stream = _stream_of_file(file)
            for record in _values(file, content):
                if stream in saved.listed:
                    saved.listed[stream].append(record)
                else:
                    saved.add(stream, record, "")
    return saved


def _files(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        files = sorted(source.glob("*.json")) if source.is_dir() else [source] if source.is_file() else []
        if not files:
            raise ConfigError(
                f"There is no saved JSON at {source}.",
                code="simulator.no-recording",
                remedy="Give --from a file, or a folder with .json files, that you saved from the service.",
            )
        yield from files


def _add_exchange(saved: SavedStreams, file: Path, exchange: Any) -> None:
    if not isinstance(exchange, dict) or not isinstance(exchange.get("url"), str) or "body" not in exchange:
        raise _malformed(file, "an exchange has no url or no body")
    if str(exchange.get("method", "GET")).upper() != "GET" or exchange.get("status", 200) != 200:
        return
    match = _PATH.search(exchange["url"])
    parts = match["rest"].strip("/").split("/") if match else []
    body, at = exchange["body"], str(exchange.get("startedDateTime", ""))
    match parts:
        case ["machines" | "vulnerabilities" as stream]:
            records = _values(file, body)
        case ["vulnerabilities", "machinesVulnerabilities" as stream]:
            records = _values(file, body)
        case ["machines" | "vulnerabilities" as stream, _]:
            records = [_bare(_object(file, body))]
        case ["machines", machine_id, "vulnerabilities"]:
            stream, records = "vulnerabilities", [_bare(r) for r in _values(file, body)]
            saved.cves_of[machine_id.lower()] = [str(r.get("id")) for r in records]
        case _:
            return
    for record in records:
        saved.add(stream, record, at)


def _values(file: Path, body: Any) -> list[Record]:
    values = body.get("value") if isinstance(body, dict) else None
    if not isinstance(values, list):
        raise _malformed(file, "an answer has no list `value`")
    return [_object(file, record) for record in values]


def _object(file: Path, record: Any) -> Record:
    if not isinstance(record, dict):
        raise _malformed(file, "a record is no JSON object")
    return record


def _bare(record: Record) -> Record:
    """The record without what only the answer around it needed."""
    return {name: value for name, value in record.items() if not name.startswith("@odata.")}


def _add_manifest(saved: SavedStreams, file: Path, content: Any) -> None:
    try:
        saved.recorded_at = str(content["recorded_at"])
        datetime.fromisoformat(saved.recorded_at)
        for stream in content["streams"]:
            if int(stream["status"]) != 200:
                saved.refusals[str(stream["stream"])] = int(stream["status"]), str(stream["error"])
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(file, "it is not what a recording says of itself") from error


def _stream_of_file(file: Path) -> str:
    for stream in (*EXPORTS, *STREAMS):
        if stream.lower() in file.name.lower():
            return stream
    raise _malformed(file, "its name says neither machinesVulnerabilities nor machines nor vulnerabilities")


def _malformed(file: Path, why: str) -> ConfigError:
    return ConfigError(
        f"The saved file {file} cannot be served: {why}.",
        code="simulator.bad-recording",
        remedy='Save whole answers: an object with a list "value", or a list of exchanges with "url" and "body".',
    )
