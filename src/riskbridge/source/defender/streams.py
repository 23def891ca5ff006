"""A Defender tenant as a source of streams, one for each of the built-in source data models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event
from typing import Self

from riskbridge.model.source_model import SOURCE_MODELS, VULNERABILITIES_EXPORT
from riskbridge.source.budget import CallBudget, Spending
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.decode import PageDecoder
from riskbridge.source.defender.doctor import check_connection
from riskbridge.source.defender.exports import ExportFilesReading
from riskbridge.source.defender.links import LARGEST_PAGES, Selection, StreamLinks
from riskbridge.source.defender.raw import RawRecords, read_raw_files, read_raw_pages
from riskbridge.source.defender.reading import StreamReading
from riskbridge.source.defender.settings import LARGEST_PAGE_ROWS, DefenderSettings
from riskbridge.source.defender.token import TokenProvider
from riskbridge.source.http import HttpClient
from riskbridge.source.protocol import CheckReport, PageCursor, RawPage, Spool
from riskbridge.source.retry import Clock, RetryPolicy, SystemClock, Traffic

MOST_COUNTED_PAGES = 10
"""Pages read to count what the server does not count."""
MODELS = {model.stream: model for model in SOURCE_MODELS}


@dataclass(frozen=True, slots=True)
class MatchCount:
    """How many records match; `is_whole` is false where there are more than were counted."""

    number: int
    is_whole: bool


class DefenderSource:
    """Reads one tenant over kept connections; close it, or use it as a context manager. One reading at a time.

    Args:
        settings: The tenant.
        policy: How patient to be with it.
        clock: The time; a test's stands still.
    """

    def __init__(
        self, settings: DefenderSettings, *, policy: RetryPolicy | None = None, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._http = HttpClient(settings.http)
        self._tokens = TokenProvider(settings, self._http, self._clock)
        self._policy = policy or RetryPolicy()
        self._api = DefenderApi(settings, self._http, self._tokens, self._policy, self._clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def traffic(self) -> Traffic:
        """What was asked of the API so far; it goes on counting."""
        return self._api.traffic

    @property
    def calls(self) -> int:
        """Calls made to the API so far, repeated ones included."""
        return self._api.traffic.calls

    def check(self) -> CheckReport:
        """Test the connection with the lightest call of each endpoint; failures are items of the report."""
        return check_connection(self._settings, self._tokens, self._api, self._clock)

    @property
    def budget(self) -> CallBudget:
        """The calls that the API allows, and those made."""
        return self._api.budget

    def spending(self) -> Spending:
        """Calls made so far, and what the API's limits leave; may be asked from any thread, and once closed."""
        return Spending(self.calls, self.budget.quotas(self._clock.now().timestamp()))

    def count(self, stream: str, filter_text: str | None) -> MatchCount:
        """How many records of a list a filter keeps: by the server's own count, else by reading ids.

        Args:
            stream: `machines`, `machinesVulnerabilities` or `vulnerabilities`.
            filter_text: As `read` takes it; its `$top` and `$skip` are left out of account.

        Raises:
            RiskbridgeError: As `read`.
        """
        model = MODELS[stream]
        selection = replace(Selection.from_text(filter_text), top=None, skip=0)
        links = StreamLinks(self._settings.api_url, stream, selection, LARGEST_PAGES.get(stream, LARGEST_PAGE_ROWS))
        decoder, stop = PageDecoder(model), Event()
        counted = self._api.get(
            links.counting(), lambda a: None if a.status == 404 else decoder.parse(a.body), stop, is_missing_ok=True
        )
        if counted is None:
            return MatchCount(0, is_whole=True)
        if counted.server_count is not None:
            return MatchCount(counted.server_count, is_whole=True)
        number, request = 0, links.request()
        for page in range(MOST_COUNTED_PAGES):
            received = self._api.get(request, lambda a: decoder.parse(a.body).received, stop)
            number += received
            following = links.after(request, page, received, None)
            if following is None:
                return MatchCount(number, is_whole=True)
            request = following
        return MatchCount(number, is_whole=False)

    def read(
        self,
        stream: str,
        *,
        filter_text: str | None,
        resume: PageCursor | None,
        since: datetime | None = None,
        spool: Spool | None = None,
    ) -> Iterator[RawPage]:
        """Pages of a stream in order, from the cursor on; the next one is fetched while one is used.

        Args:
            stream: The stream of one of the source data models.
            filter_text: OData without its `$filter=`, perhaps followed by `&$top=` and `&$skip=`; None for everything.
                Exports take none.
            resume: Where to go on; None begins at the beginning.
            since: Changes since then: needed by `softwareVulnerabilityChangesByMachine`; of `vulnerabilities` only
                entries updated since then are read.
            spool: Where answers are kept until their page is staged; None keeps none.

        Raises:
            RiskbridgeError: Refused, unreachable after every attempt, or the paging broke its contract
                (`defender.endless-paging`, `defender.foreign-host`, `defender.not-a-page`).
            SnapshotChangedError: The pages before the cursor are of a snapshot that is gone.
        """
        model = MODELS[stream]
        if resume is not None and resume.next_request is None:
            return
        if model is VULNERABILITIES_EXPORT:
            reading = ExportFilesReading(
                self._api, self._http, self._settings.api_url, self._policy, self._clock, spool
            )
            yield from reading.pages(resume)
            return
        links = StreamLinks.of(model, self._settings.api_url, filter_text, self._settings.page_size, since)
        request = links.request() if resume is None or resume.next_request is None else resume.next_request
        yield from StreamReading(self._api, model, links, spool).pages(request, resume.pages if resume else 0)

    def read_raw(self, stream: str, *, since: datetime | None = None) -> Iterator[RawRecords]:
        """A whole stream's records as they came, for recordings; `since` is needed by the changes.

        Raises:
            RiskbridgeError: As `read`.
        """
        model = MODELS[stream]
        if model is VULNERABILITIES_EXPORT:
            return read_raw_files(self._api, self._http, self._settings.api_url, stream)
        size = self._settings.page_size
        return read_raw_pages(self._api, StreamLinks.of(model, self._settings.api_url, None, size, since))
