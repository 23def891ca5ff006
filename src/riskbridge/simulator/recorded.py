"""A tenant from JSON that a person saved: plain answers (`{"value": […]}`) or recorded exchanges, served as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from riskbridge.errors import ConfigError


class RecordedTenant:
    """Saved records, in the order of the files' names; a record that is in several files is served once.

    A plain file is told by its name: it holds findings when the name has `machinesVulnerabilities` in it, devices when it
    has `machines`, else CVEs. In a recording each exchange is told by its URL. Answers about one device's CVEs name no
    product, so they go to the CVE catalogue.

    Raises:
        ConfigError: `simulator.bad-recording`, naming the file.
    """

    def __init__(self, sources: Iterable[Path]) -> None:
        self._tables: dict[str, dict[str, Any]] = {"machines": {}, "machinesVulnerabilities": {}, "vulnerabilities": {}}
        for file in _files(sources):
            self._load(file)

    @property
    def machine_count(self) -> int:
        """Devices."""
        return len(self._tables["machines"])

    @property
    def finding_count(self) -> int:
        """Finding rows."""
        return len(self._tables["machinesVulnerabilities"])

    def machines(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Devices as recorded."""
        yield from list(self._tables["machines"].values())[start:stop]

    def find_machine(self, machine_id: str) -> dict[str, Any] | None:
        """The device of that id or name."""
        wanted = machine_id.lower()
        for machine in self.machines():
            if wanted in (machine.get("id"), str(machine.get("computerDnsName")).lower()):
                return machine
        return None

    def findings(self) -> Iterator[dict[str, Any]]:
        """Finding rows as recorded."""
        yield from self._tables["machinesVulnerabilities"].values()

    def findings_json(self, start: int, stop: int) -> bytes:
        """Finding rows from `start` to `stop` as the inside of a JSON array."""
        rows = list(self.findings())[start:stop]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()[1:-1]

    def catalogue(self) -> list[dict[str, Any]]:
        """CVEs as recorded."""
        return list(self._tables["vulnerabilities"].values())

    def truth(self) -> dict[str, int]:
        """How much there is."""
        return {name: len(rows) for name, rows in self._tables.items()}

    def _load(self, file: Path) -> None:
        try:
            content = json.loads(file.read_bytes())
            if isinstance(content, list):
                for exchange in content:
                    self._add(_stream_of_url(str(exchange["url"])), exchange["body"])
            else:
                self._add(_stream_of_name(file.name), content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"The recording {file} cannot be served: {type(error).__name__}: {error}.",
                code="simulator.bad-recording",
                remedy="Save whole answers as JSON: an object with `value`, or a list of exchanges with `url` and `body`.",
            ) from error

    def _add(self, stream: str, body: Any) -> None:
        records = body["value"] if "value" in body else [body] if "id" in body else []
        for place, record in enumerate(records):
            table = self._tables[stream]
            key = record.get("id") if isinstance(record, dict) else None
            table.setdefault(str(key) if key else f"without-id-{len(table)}-{place}", record)


def _files(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            yield from sorted(source.glob("*.json"))
        elif source.is_file():
            yield source
        else:
            raise ConfigError(
                f"There is no recording at {source}.",
                code="simulator.bad-recording",
                remedy="Give a folder or a file of saved JSON with --from.",
            )


def _stream_of_name(name: str) -> str:
    for stream in ("machinesVulnerabilities", "machines"):
        if stream.lower() in name.lower():
            return stream
    return "vulnerabilities"


def _stream_of_url(url: str) -> str:
    path = url.split("?")[0].rstrip("/")
    if path.lower().endswith("machinesvulnerabilities"):
        return "machinesVulnerabilities"
    return "vulnerabilities" if "vulnerabilities" in path.lower() else "machines"
