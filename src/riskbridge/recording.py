"""A tenant's answers saved as files that a person can look through and the simulator can serve, with names replaced.

Records are scrubbed before anything reaches the disk. Tokens, secrets and the addresses of export files are never kept.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from riskbridge.app import App
from riskbridge.errors import InputError, RiskbridgeError
from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOFTWARE_INVENTORY,
    VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
)
from riskbridge.simulator.saved import MANIFEST
from riskbridge.simulator.scrub import Scrubber
from riskbridge.source.defender.raw import RawRecords

NEEDED = (MACHINES, MACHINES_VULNERABILITIES)
"""Without these nothing is recorded; a refusal of the others is part of the recording."""
OTHERS = (
    VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
    SOFTWARE_INVENTORY,
)
CHANGES_OF = timedelta(days=13)
"""How far back changes are recorded: a day less than Defender keeps them."""
_DEVICE = ("machineId", "deviceId", "DeviceId")


@dataclass(frozen=True, slots=True)
class RecordedStream:
    """What was recorded of a stream.

    Attributes:
        stream: Its name.
        records: How many were saved.
        status: 200, or the status of its refusal.
        code: Our code of the refusal; '' for none.
        content_type: Of its answers.
        members: Names in its answers besides the records.
        error: The refusal's sentence, scrubbed; '' for none.
    """

    stream: str
    records: int
    status: int = 200
    code: str = ""
    content_type: str = ""
    members: tuple[str, ...] = ()
    error: str = ""


def record_tenant(
    app: App, name: str, folder: Path, *, hidden: Sequence[str] = (), most_devices: int | None = None
) -> list[RecordedStream]:
    """Save every stream that the connector may read, scrubbed; gives what was saved of each.

    Pseudonyms are the same in all streams of one recording; their key is forgotten with it, so that nothing leads back.

    Args:
        app: The home with the connector.
        name: The connector.
        folder: New, or empty; it is there only when everything was saved.
        hidden: Further words to replace wherever they stand, such as a company's name.
        most_devices: Records of so many devices and of their CVEs alone; None for all.

    Raises:
        InputError: `connector.unknown`, `recording.folder-in-use`.
        RiskbridgeError: The devices or their findings are refused, or the tenant is out of reach.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} holds something already.",
            code="recording.folder-in-use",
            remedy="Name a new folder; what is in this one was left as it is.",
        )
    connector = app.store.get_connector(name)
    scrubber = Scrubber(secrets.token_bytes(32), [connector.tenant_id, connector.client_id, *hidden])
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o700)
    now = app.now()
    try:
        with app.open_source(connector, None) as source:
            writer = _Writer(partial, scrubber, most_devices)
            found = [writer.write(m.stream, source.read_raw(m.stream)) for m in NEEDED]
            for model in OTHERS:
                since = now - CHANGES_OF if model is VULNERABILITY_CHANGES else None
                found.append(writer.try_to_write(model.stream, source.read_raw(model.stream, since=since)))
        manifest = {
            "format": 1,
            "recorded_at": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "streams": [asdict(s) for s in found],
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        partial.replace(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return found


class _Writer:
    """Writes streams as `{"value": [...]}`, a record a line."""

    def __init__(self, folder: Path, scrubber: Scrubber, most_devices: int | None) -> None:
        self._folder = folder
        self._scrubber = scrubber
        self._most = most_devices
        self._devices: set[str] = set()
        self._cves: set[str] = set()

    def write(self, stream: str, pages: Iterable[RawRecords]) -> RecordedStream:
        """Save a stream."""
        count, content_type, members = 0, "", set[str]()
        with self._open(stream) as file:
            file.write('{"value":[')
            for page in pages:
                content_type = page.content_type
                members |= set(page.members)
                for record in page.records:
                    if self._is_wanted(stream, record):
                        text = json.dumps(self._scrubber.record(record), ensure_ascii=False, separators=(",", ":"))
                        file.write(("," if count else "") + "\n" + text)
                        count += 1
            file.write("\n]}\n")
        return RecordedStream(stream, count, content_type=content_type, members=tuple(sorted(members)))

    def try_to_write(self, stream: str, pages: Iterable[RawRecords]) -> RecordedStream:
        """Save a stream, or that the tenant refuses it."""
        try:
            return self.write(stream, pages)
        except RiskbridgeError as error:
            status = error.context.get("status")
            if not isinstance(status, int | float):
                raise
            self._path(stream).unlink(missing_ok=True)
            said = str(self._scrubber.error(error.message))
            return RecordedStream(stream, 0, status=int(status), code=error.code, error=said)

    def _is_wanted(self, stream: str, record: Any) -> bool:
        if self._most is None or not isinstance(record, dict):
            return True
        if stream == MACHINES.stream:
            if len(self._devices) >= self._most:
                return False
            self._devices.add(str(record.get("id")))
            return True
        if stream == VULNERABILITIES.stream:
            return record.get("id") in self._cves
        owners = [str(record[n]) for n in _DEVICE if record.get(n)]
        is_wanted = not owners or owners[0] in self._devices
        if is_wanted and record.get("cveId"):
            self._cves.add(str(record["cveId"]))
        return is_wanted

    def _open(self, stream: str) -> Any:
        handle = os.open(self._path(stream), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        return closing(os.fdopen(handle, "w", encoding="utf-8"))

    def _path(self, stream: str) -> Path:
        return self._folder / f"{stream}.json"
