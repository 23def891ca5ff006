"""The export APIs: findings and software from snapshots, as pages, as files behind signed addresses, and as changes.

Source: the pages of the export assessment methods, and observed answers.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote_plus

from starlette.requests import Request
from starlette.responses import Response

from riskbridge.simulator.answers import SeveredResponse, json_answer, service_error
from riskbridge.simulator.clock import TenantClock
from riskbridge.simulator.faults import Fault
from riskbridge.simulator.listing import origin
from riskbridge.simulator.recorded_exports import RecordedArchive, RecordedSnapshot
from riskbridge.simulator.snapshots import CHANGES_KEPT, Archive, Snapshot

AnySnapshot = Snapshot | RecordedSnapshot

DEFAULT_ROWS, MOST_ROWS = 50_000, 200_000
LONGEST_SAS_HOURS = 6
ROWS_A_FILE = 100_000
FEWEST_FILES = 3
_CONTEXTS = {
    "softwareVulnerabilitiesByMachine": "Collection(microsoft.windowsDefenderATP.api.AssetVulnerability)",
    "softwareVulnerabilityChangesByMachine": "Collection(microsoft.windowsDefenderATP.api.DeltaAssetVulnerability)",
    "softwareInventoryByMachine": "Collection(microsoft.windowsDefenderATP.api.AssetSoftware)",
    "softwareVulnerabilitiesExport": "microsoft.windowsDefenderATP.api.ExportFilesResponse",
    "softwareInventoryExport": "microsoft.windowsDefenderATP.api.ExportFilesResponse",
}
_FOLDERS = {"softwareVulnerabilitiesExport": "VaExport", "softwareInventoryExport": "SoftwareInventory"}
"""Where the files of each kind are."""
_EXPIRED = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate '
    "the request.</Message><AuthenticationErrorDetail>Signature not valid in the specified key time frame"
    "</AuthenticationErrorDetail></Error>"
)


class BadRequestError(ValueError):
    """A request that the service refuses; the code is the service's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: its snapshot and row."""

    at: datetime
    row: int

    def token(self) -> str:
        place = {
            "ExportDefinition": {"TimePath": f"{self.at:%Y-%m-%d/%H%M}/"},
            "ExportFileIndex": 0,
            "LineStoppedAt": self.row,
        }
        return base64.b64encode(json.dumps(place, separators=(",", ":")).encode()).decode()

    @classmethod
    def of_token(cls, token: str) -> _Place:
        try:
            place = json.loads(base64.b64decode(token))
            path = place["ExportDefinition"]["TimePath"].strip("/")
            return cls(datetime.strptime(path, "%Y-%m-%d/%H%M").replace(tzinfo=UTC), int(place["LineStoppedAt"]))
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequestError("BadRequest", "The skip token is not valid.") from error


class Exports:
    """Answers the export APIs from an archive."""

    def __init__(self, archive: Archive | RecordedArchive, clock: TenantClock, org_id: str) -> None:
        self.archive = archive
        self._clock = clock
        self._org_id = org_id
        self._key = secrets.token_bytes(16)

    def expire_addresses(self) -> None:
        """Every address given out until now is refused from then on."""
        self._key = secrets.token_bytes(16)

    def by_machine(self, request: Request, api: str, fault: Fault | None) -> Response:
        """`SoftwareVulnerabilitiesByMachine`: rows of a snapshot, page by page."""
        options = _options(request)
        snapshot, row = self._snapshot(options)
        size, is_sample = _size(options)
        page = snapshot.rows.page(row, row + size)
        place = None if is_sample or row + size >= snapshot.rows.count else _Place(snapshot.at, row + size)
        return _rendered(request, api, page, place, fault)

    def changes(self, request: Request, api: str, fault: Fault | None) -> Response:
        """`SoftwareVulnerabilityChangesByMachine`: what changed from snapshot to snapshot."""
        options = _options(request)
        since = self._since(options)
        snapshot, row = self._snapshot(options)
        events: list[Any] = [e for e in self.archive.changes(since) if e.at <= snapshot.at]
        size, is_sample = _size(options)
        page = b",".join(e.text() for e in events[row : row + size])
        place = None if is_sample or row + size >= len(events) else _Place(snapshot.at, row + size)
        return _rendered(request, api, page, place, fault)

    def inventory(self, request: Request, api: str, fault: Fault | None) -> Response:
        """`SoftwareInventoryByMachine`: what is installed."""
        options = _options(request)
        snapshot, row = self._snapshot(options)
        size, is_sample = _size(options)
        software = snapshot.software
        page = b",".join(snapshot.inventory(software[row : row + size]))
        place = None if is_sample or row + size >= len(software) else _Place(snapshot.at, row + size)
        return _rendered(request, api, page, place, fault)

    def files(self, request: Request, api: str, fault: Fault | None) -> Response:
        """`SoftwareVulnerabilitiesExport`, `SoftwareInventoryExport`: addresses of the newest snapshot's files."""
        hours = _hours(_options(request).get("sasvalidhours"))
        kind = fault.kind if fault is not None else None
        snapshot = self.archive.rebuild() if kind == "snapshot-changes" else self.archive.catch_up()
        folder = _FOLDERS[api]
        wanted = [] if kind == "empty-export" else range(len(_ranges(_count(snapshot, folder))))
        values = {
            "@odata.context": f"{origin(request)}/api/$metadata#{_CONTEXTS[api]}",
            "exportFiles": [self._address(request, snapshot, folder, number, hours) for number in wanted],
            "generatedTime": f"{snapshot.at:%Y-%m-%dT%H:%M:%SZ}",
        }
        return json_answer(request, json.dumps(values, separators=(",", ":")).encode())

    def file(self, request: Request, fault: Fault | None) -> Response:
        """A file of a snapshot, to whoever has an address with a valid signature; a token is not wanted here."""
        if "authorization" in request.headers:
            return _xml(400, "<Error><Code>InvalidAuthenticationInfo</Code></Error>")
        options = request.query_params
        path = request.url.path
        is_signed = hmac.compare_digest(self._signature(path, options.get("se", "")), options.get("sig", ""))
        if not is_signed or options.get("se", "") < _utc(time.time()):
            return _xml(403, _EXPIRED)
        snapshot = self.archive.find(_time_of(path))
        if snapshot is None:
            return _xml(404, "<Error><Code>BlobNotFound</Code></Error>")
        kind = fault.kind if fault is not None else None
        if kind == "zero-byte-file":
            return Response(b"", media_type="application/octet-stream")
        folder = path.split("/")[4]
        start, stop = _ranges(_count(snapshot, folder))[int(path.rpartition("part-")[2][:5])]
        body = gzip.compress(_lines(snapshot, folder, start, stop), compresslevel=1, mtime=0)
        if kind == "damaged-file":
            body = body[: len(body) // 2]
        answer = Response(body, media_type="application/octet-stream")
        return SeveredResponse(answer) if kind == "truncate-page" else answer

    def _snapshot(self, options: dict[str, str]) -> tuple[AnySnapshot, int]:
        token = options.get("$skiptoken")
        if token is None:
            return self.archive.catch_up(), 0
        place = _Place.of_token(token)
        snapshot = self.archive.find(place.at)
        if snapshot is None:
            raise BadRequestError("BadRequest", "The skip token refers to an export that is no longer available.")
        return snapshot, place.row

    def _since(self, options: dict[str, str]) -> datetime:
        text = options.get("sincetime")
        if not text:
            raise BadRequestError("MissingRequiredParameter", "The parameter 'sinceTime' is required.")
        try:
            since = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadRequestError("InvalidInput", f"'{text}' is not a valid sinceTime.") from error
        since = since.replace(tzinfo=UTC) if since.tzinfo is None else since.astimezone(UTC)
        if since < self._clock.now() - CHANGES_KEPT:
            raise BadRequestError("InvalidInput", "sinceTime cannot be more than 14 days ago.")
        return since

    def _address(self, request: Request, snapshot: AnySnapshot, folder: str, number: int, hours: int) -> str:
        part = uuid.uuid5(uuid.NAMESPACE_URL, f"{snapshot.at}/{folder}/{number}")
        path = (
            f"/tvm-export/{snapshot.at:%Y-%m-%d/%H%M}/{folder}/json/OrgId={self._org_id}/"
            f"part-{number:05}-{part}.c000.json.gz"
        )
        end = _utc(time.time() + hours * 3600)
        options = f"sv=2020-08-04&se={quote(end, safe='')}&sr=b&sp=r&sig={self._signature(path, end)}"
        return f"{origin(request)}{path}?{options}"

    def _signature(self, path: str, end: str) -> str:
        return hmac.new(self._key, f"{path}\n{end}".encode(), hashlib.sha256).hexdigest()


def _count(snapshot: AnySnapshot, folder: str) -> int:
    return snapshot.rows.count if folder == "VaExport" else len(snapshot.software)


def _lines(snapshot: AnySnapshot, folder: str, start: int, stop: int) -> bytes:
    """Rows as JSON lines."""
    if folder == "VaExport":
        return snapshot.rows.lines(start, stop)
    return b"".join(row + b"\n" for row in snapshot.inventory(snapshot.software[start:stop], is_pascal=True))


def _ranges(count: int) -> list[tuple[int, int]]:
    number = max(FEWEST_FILES, -(-count // ROWS_A_FILE))
    size = -(-count // number) or 1
    return [(start, start + size) for start in range(0, max(count, 1), size)]


def _options(request: Request) -> dict[str, str]:
    """The request's options by name in lower case: the service takes any letter case."""
    pairs = (part.partition("=") for part in request.url.query.split("&") if part)
    # A plus sign in a token is a plus sign, though form encoding reads it as a blank.
    return {
        unquote_plus(n).lower(): (v if unquote_plus(n).lower() == "$skiptoken" else unquote_plus(v))
        for n, _, v in ((n, e, v.replace("%3D", "=").replace("%2B", "+").replace("%2F", "/")) for n, e, v in pairs)
    }


def _size(options: dict[str, str]) -> tuple[int, bool]:
    """Rows of a page, and whether `$top` makes it a sample without a next link."""
    for name, is_sample in (("$top", True), ("pagesize", False)):
        text = options.get(name)
        if text is None:
            continue
        if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_ROWS:
            raise BadRequestError("BadRequest", f"'{text}' is no page size from 1 to {MOST_ROWS}.")
        return int(text), is_sample
    return DEFAULT_ROWS, False


def _hours(text: str | None) -> int:
    if text is None:
        return 1
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= LONGEST_SAS_HOURS:
        raise BadRequestError("BadRequest", f"sasValidHours must be from 1 to {LONGEST_SAS_HOURS}.")
    return int(text)


def _rendered(request: Request, api: str, page: bytes, place: _Place | None, fault: Fault | None) -> Response:
    kind = fault.kind if fault is not None else None
    link = None if place is None else _next_link(request, place)
    if kind == "endless-next-link":
        link = str(request.url)
    if kind == "foreign-host-next-link" and fault is not None:
        link = f"{fault.host}{request.url.path}"
    body = b'{"@odata.context":' + json.dumps(f"{origin(request)}/api/$metadata#{_CONTEXTS[api]}").encode()
    body += b',"value":[' + page + b"]"
    body += (b',"@odata.nextLink":' + json.dumps(link).encode() if link is not None else b"") + b"}"
    answer = json_answer(request, body)
    return SeveredResponse(answer) if kind == "truncate-page" else answer


def _next_link(request: Request, place: _Place) -> str:
    parts = [p for p in request.url.query.split("&") if p and unquote_plus(p.partition("=")[0]) != "$skiptoken"]
    return f"{origin(request)}{request.url.path}?{'&'.join([*parts, f'$skiptoken={place.token()}'])}"


def _time_of(path: str) -> datetime:
    parts: Sequence[str] = path.split("/")
    return datetime.strptime(f"{parts[2]}/{parts[3]}", "%Y-%m-%d/%H%M").replace(tzinfo=UTC)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _xml(status: int, text: str) -> Response:
    return Response(text, status, media_type="application/xml")


def refused(error: BadRequestError) -> Response:
    """The service's answer to such a request."""
    return service_error(400, error.code, str(error))
