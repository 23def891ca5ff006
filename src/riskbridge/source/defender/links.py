"""The API's addresses: where a stream begins, how it goes on, and which hosts a link may lead to."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import SplitResult, parse_qs, quote, urljoin, urlsplit

from riskbridge.errors import FatalError
from riskbridge.model.source_model import (
    MACHINES,
    MACHINES_VULNERABILITIES,
    SOFTWARE_INVENTORY,
    VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
    SourceModel,
)
from riskbridge.source.defender.settings import LARGEST_EXPORT_ROWS, LARGEST_PAGE_ROWS, is_loopback

PATHS = {
    MACHINES.stream: "/api/machines",
    MACHINES_VULNERABILITIES.stream: "/api/vulnerabilities/machinesVulnerabilities",
    VULNERABILITIES.stream: "/api/vulnerabilities",
    VULNERABILITIES_BY_MACHINE.stream: "/api/machines/SoftwareVulnerabilitiesByMachine",
    VULNERABILITIES_EXPORT.stream: "/api/machines/SoftwareVulnerabilitiesExport",
    VULNERABILITY_CHANGES.stream: "/api/machines/SoftwareVulnerabilityChangesByMachine",
    SOFTWARE_INVENTORY.stream: "/api/machines/SoftwareInventoryByMachine",
}
SNAPSHOTS = frozenset({VULNERABILITIES_BY_MACHINE.stream, VULNERABILITY_CHANGES.stream, SOFTWARE_INVENTORY.stream})
"""Streams paged through a snapshot: `pageSize`, and links that are pinned to it; `$top` would cut them short."""
LARGEST_PAGES = {VULNERABILITIES.stream: 8_000}
"""Streams whose `$top` may not reach 10,000 (get-all-vulnerabilities)."""

_SIBLINGS = (
    ".security.microsoft.com",
    ".securitycenter.microsoft.com",
    ".securitycenter.microsoft.us",
    ".securitycenter.windows.com",
)
_BLOBS = (".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.storage.azure.net")
_OPTIONS = re.compile(r"(?:(?:^|&)\s*\$(?:top|skip)\s*=\s*\d+\s*)+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a profile's filter text asks for: an OData filter (None: everything), and a cut where it names one.

    `top` is the API's own: the most rows in all, in one call.
    """

    filter: str | None = None
    top: int | None = None
    skip: int = 0

    @classmethod
    def from_text(cls, text: str | None) -> Selection:
        """The selection in a filter text such as `deviceValue eq 'High'&$top=500&$skip=0`; blank is everything."""
        text = (text or "").strip().removeprefix("$filter=")
        found = _OPTIONS.search(text)
        options = dict(re.findall(r"\$(top|skip)\s*=\s*(\d+)", found[0].lower())) if found else {}
        kept = text[: found.start()].strip() if found else text
        top = int(options["top"]) if "top" in options else None
        return cls(kept or None, top, int(options.get("skip", 0)))


@dataclass(frozen=True, slots=True)
class StreamLinks:
    """The requests of one stream, for either style of paging.

    Without a page size the server decides on one and links to the next page, for as long as no `$top` is sent. With
    one, `$skip` is stepped until a page is short: the server gives no links then. Snapshots are only ever linked.
    """

    api_url: str
    stream: str
    selection: Selection
    page_size: int | None
    since: datetime | None = None

    @classmethod
    def of(
        cls,
        model: SourceModel,
        api_url: str,
        filter_text: str | None,
        page_size: int | None,
        since: datetime | None = None,
    ) -> StreamLinks:
        """The links of a model's stream; a page size beyond what the stream allows is lowered."""
        largest = (
            LARGEST_EXPORT_ROWS if model.stream in SNAPSHOTS else LARGEST_PAGES.get(model.stream, LARGEST_PAGE_ROWS)
        )
        size = None if page_size is None else min(page_size, largest)
        if model is VULNERABILITIES and since is not None:
            filter_text, since = f"updatedOn ge {_as_odata(since)}", None
        return cls(api_url, model.stream, Selection.from_text(filter_text), size, since)

    @property
    def is_snapshot(self) -> bool:
        """Whether the pages are of a snapshot."""
        return self.stream in SNAPSHOTS

    @property
    def is_dated_by_link(self) -> bool:
        """Whether only a link to a further page says when the snapshot was made."""
        return self.stream == VULNERABILITIES_BY_MACHINE.stream

    def probe(self) -> str:
        """A request for one row of the snapshot, whose answer links on and so says when the snapshot was made."""
        return f"{self.api_url}{PATHS[self.stream]}?pageSize=1"

    def counting(self) -> str:
        """A request for one record and, where the server gives it, the number of all that match."""
        first = replace(self, page_size=1).request()
        return f"{first}&$count=true"

    def request(self, number: int = 0) -> str:
        """The request of a page by its number; past the first, for stepping alone."""
        if self.is_snapshot:
            return self._first_of_snapshot()
        options = []
        if self.selection.filter is not None:
            options.append(f"$filter={quote(self.selection.filter, safe='')}")
        size = self.selection.top if self.selection.top is not None else self.page_size
        if size is not None:
            options.append(f"$top={size}")
        skip = self.selection.skip + number * (self.page_size or 0)
        if skip or size is not None:
            options.append(f"$skip={skip}")
        return f"{self.api_url}{PATHS[self.stream]}" + (f"?{'&'.join(options)}" if options else "")

    def after(self, request: str, number: int, received: int, next_link: str | None) -> str | None:
        """The request after the page of that number; None when it was the last.

        Raises:
            FatalError: `defender.foreign-host`: the server's link leads away from the API's hosts.
        """
        if self.selection.top is not None:
            return None
        if self.page_size is not None and not self.is_snapshot:
            return self.request(number + 1) if received >= self.page_size else None
        if not next_link:
            return None
        link = urljoin(request, next_link)
        require_own_host(self.api_url, link)
        return link

    def _first_of_snapshot(self) -> str:
        options = [] if self.since is None else [f"sinceTime={_as_odata(self.since)}"]
        options += [] if self.page_size is None else [f"pageSize={self.page_size}"]
        return f"{self.api_url}{PATHS[self.stream]}" + (f"?{'&'.join(options)}" if options else "")


def snapshot_of(link: str | None) -> datetime | None:
    """When the snapshot was made that a link is pinned to, UTC; None where the link does not say."""
    tokens = parse_qs(urlsplit(link).query).get("$skiptoken") if link else None
    if not tokens:
        return None
    try:
        token = json.loads(base64.b64decode(tokens[0] + "=" * (-len(tokens[0]) % 4)))
        path = str(token["ExportDefinition"]["TimePath"])
        return datetime.strptime(path.strip("/"), "%Y-%m-%d/%H%M").replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError):
        return None


def _as_odata(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def require_own_host(api_url: str, link: str) -> None:
    """Refuse a link to a host that must not see the token.

    Allowed are the API's own host and, for Microsoft's, its siblings: a commercial tenant's links may name its region's
    host (observed 2025). Every other API host, a loopback one first of all, is matched with scheme and port.

    Raises:
        FatalError: `defender.foreign-host`.
    """
    own, other = urlsplit(api_url), _split(link)
    if other is None or not (_is_same(own, other) or (_is_microsoft(own) and _is_microsoft(other))):
        where = other.netloc.rpartition("@")[2] if other is not None else "no address"
        raise FatalError(
            f"Defender's link to the next page leads to another host ({where}); the token was not sent there.",
            code="defender.foreign-host",
            remedy="Check the API URL and any proxy on the way. Nothing was published.",
        )


def require_file_host(api_url: str, link: str) -> None:
    """Refuse an export file's address on any host but Azure's blob storage and, for a loopback API, the API's own.

    Raises:
        FatalError: `defender.foreign-host`.
    """
    own, other = urlsplit(api_url), _split(link)
    host = (other.hostname or "") if other is not None else ""
    is_blob = other is not None and other.scheme == "https" and other.port in (None, 443) and host.endswith(_BLOBS)
    is_loopback_api = other is not None and is_loopback(own.hostname) and _is_same(own, other)
    if not (is_blob or is_loopback_api):
        raise FatalError(
            f"Defender names an export file on an unexpected host ({host or 'no address'}); it was not asked.",
            code="defender.foreign-host",
            remedy="Check the API URL and any proxy on the way. Nothing was published.",
        )


def _split(link: str) -> SplitResult | None:
    try:
        parts = urlsplit(link)
        _ = parts.port
    except ValueError:
        return None
    return None if parts.username is not None or "\\" in link else parts


def _is_same(own: SplitResult, other: SplitResult) -> bool:
    return (own.scheme, own.hostname, own.port) == (other.scheme, other.hostname, other.port)


def _is_microsoft(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    is_known = not is_loopback(host) and any(host.endswith(s) or host == s[1:] for s in _SIBLINGS)
    return parts.scheme == "https" and parts.port in (None, 443) and is_known
