"""One reading of one stream: fetch and decode in a thread, columns where they are used, and an end to it for sure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any

from riskbridge.errors import FatalError, RiskbridgeError
from riskbridge.model.source_model import MACHINES, SourceModel
from riskbridge.source.body import decode_kept
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.decode import PageDecoder, ParsedPage
from riskbridge.source.defender.links import PATHS, StreamLinks, require_own_host, snapshot_of
from riskbridge.source.defender.refusals import BAD_REQUEST, NOT_FOUND
from riskbridge.source.http import Answer
from riskbridge.source.prefetch import prefetch
from riskbridge.source.protocol import RawPage, SnapshotChangedError, Spool

MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class _Fetched:
    number: int
    request: str
    page: ParsedPage
    sha256: str
    next_request: str | None
    is_missing: bool


class StreamReading:
    """Reads a stream once, from a request on."""

    def __init__(self, api: DefenderApi, model: SourceModel, links: StreamLinks, spool: Spool | None = None) -> None:
        self._api = api
        self._spool = spool
        self._model = model
        self._links = links
        self._decoder = PageDecoder(model)
        self._dated_at: datetime | None = None

    def pages(self, request: str, number: int) -> Iterator[RawPage]:
        """Pages from that request, which is the page's of that number; the next is fetched while one is used."""
        require_own_host(self._links.api_url, request)
        for fetched in prefetch(lambda stop: self._fetch(request, number, stop)):
            yield self._to_raw(fetched)

    def _fetch(self, request: str, number: int, stop: Event) -> Iterator[_Fetched]:
        if self._links.is_dated_by_link and number == 0:
            self._dated_at = self._api.get(
                self._links.probe(), lambda answer: snapshot_of(self._parse(answer)[0].next_link), stop
            )
        guard = _Guard(self._model.stream)
        following: str | None = request
        while following is not None:
            request = following
            guard.see_request(request, number)
            page, digest, is_missing = self._get(request, number, stop)
            guard.see_records(page.records)
            following = self._links.after(request, number, page.received, page.next_link)
            yield _Fetched(number, request, page, digest, following, is_missing)
            number += 1

    def _parse_date(self, answer: Answer) -> datetime | None:
        page, _, _ = self._parse(answer)
        return snapshot_of(page.next_link)

    def _dated(self, fetched: _Fetched) -> datetime | None:
        if not self._links.is_snapshot:
            return None
        return snapshot_of(fetched.page.next_link) or snapshot_of(fetched.request) or self._dated_at

    def _get(self, request: str, number: int, stop: Event) -> tuple[ParsedPage, str, bool]:
        is_missing_ok = self._model is MACHINES and number == 0
        kept = self._spool.get(request) if self._spool is not None else None
        if kept is not None:
            with suppress(RiskbridgeError, ValueError):
                body = decode_kept(kept)
                return self._decoder.parse(body), hashlib.sha256(kept).hexdigest(), False
        try:
            parsed, answer = self._api.get(request, lambda a: (self._parse(a), a), stop, is_missing_ok=is_missing_ok)
        except RiskbridgeError as error:
            if self._links.is_snapshot and number > 0 and error.code in (BAD_REQUEST, NOT_FOUND):
                raise snapshot_changed(self._model.stream) from error
            raise
        if self._spool is not None and answer.status == 200:
            self._spool.put(request, answer.raw)
        return parsed

    def _parse(self, answer: Answer) -> tuple[ParsedPage, str, bool]:
        digest = hashlib.sha256(answer.raw).hexdigest()
        if answer.status == 404:
            return ParsedPage(0, [], None, None), digest, True
        return self._decoder.parse(answer.body), digest, False

    def _to_raw(self, fetched: _Fetched) -> RawPage:
        page, number = fetched.page, fetched.number
        warnings = []
        if fetched.is_missing:
            warnings.append("Defender answered 404: it knows of no device that reported lately.")
        if page.unknown_fields:
            names = ", ".join(page.unknown_fields)
            warnings.append(f"{self._model.stream}: fields that the data model does not know were kept aside: {names}.")
        return RawPage(
            number=number,
            request=fetched.request,
            rows=self._decoder.to_rows(page, number),
            rejects=self._decoder.to_rejects(page, number),
            received=page.received,
            sha256=fetched.sha256,
            next_link=page.next_link,
            next_request=fetched.next_request,
            server_count=page.server_count,
            unknown_fields=page.unknown_fields,
            warnings=tuple(warnings),
            snapshot_at=self._dated(fetched),
        )


def snapshot_changed(stream: str) -> SnapshotChangedError:
    """The error for a snapshot that was replaced while it was read."""
    return SnapshotChangedError(
        f"The snapshot of {stream} that was being read is gone; Defender makes a new one every six hours.",
        code="defender.snapshot-changed",
        remedy="Run again; the stream is read from its beginning. Nothing was published.",
    )


class _Guard:
    """Notices that a reading does not come to an end.

    Two pages in a row with the same records mean that the server passed over `$skip`. One record alone may come again
    by chance, when rows are inserted before it while paging, and is believed once more.
    """

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._requests: set[str] = set()
        self._last: list[Any] = []
        self._repeats = 0

    def see_request(self, request: str, number: int) -> None:
        if request in self._requests:
            raise self._endless("it links to a page that was read before")
        if number >= MOST_PAGES:
            raise self._endless(f"it goes on past {MOST_PAGES:,} pages")
        self._requests.add(request)

    def see_records(self, records: list[Any]) -> None:
        self._repeats = self._repeats + 1 if records and records == self._last else 0
        if self._repeats > (1 if len(records) == 1 else 0):
            raise self._endless("it gave the same page again")
        self._last = records

    def _endless(self, why: str) -> FatalError:
        return FatalError(
            f"Defender's paging of {PATHS[self._stream]} does not end: {why}.",
            code="defender.endless-paging",
            remedy="Run again; if it persists, set a page size on the profile. Nothing was published.",
        )
