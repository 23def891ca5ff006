"""A Defender tenant as a source of three streams: `machines`, `machinesVulnerabilities`, `vulnerabilities`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from riskbridge.model.source_model import SOURCE_MODELS
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.doctor import check_connection
from riskbridge.source.defender.links import StreamLinks
from riskbridge.source.defender.reading import StreamReading
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.token import TokenProvider
from riskbridge.source.http import HttpClient
from riskbridge.source.protocol import CheckReport, PageCursor, RawPage
from riskbridge.source.retry import Clock, RetryPolicy, SystemClock, Traffic

MODELS = {model.stream: model for model in SOURCE_MODELS}


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
        self._api = DefenderApi(settings, self._http, self._tokens, policy or RetryPolicy(), self._clock)

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

    def read(self, stream: str, *, filter_text: str | None, resume: PageCursor | None) -> Iterator[RawPage]:
        """Pages of a stream in order, from the cursor on; the next one is fetched while one is used.

        Args:
            stream: `machines`, `machinesVulnerabilities` or `vulnerabilities`.
            filter_text: OData without its `$filter=`, perhaps followed by `&$top=` and `&$skip=`; None for everything.
            resume: Where to go on; None begins at the beginning.

        Raises:
            RiskbridgeError: Refused, unreachable after every attempt, or the paging broke its contract
                (`defender.endless-paging`, `defender.foreign-host`, `defender.not-a-page`).
        """
        model = MODELS[stream]
        links = StreamLinks.of(model, self._settings.api_url, filter_text, self._settings.page_size)
        request = links.request() if resume is None else resume.next_request
        if request is None:
            return
        yield from StreamReading(self._api, model, links).pages(request, resume.pages if resume else 0)
