"""The streams of a Defender tenant, page by page, over both of the API's paging styles."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self
from urllib.parse import quote, urlsplit

from riskbridge.errors import FatalError, RetryableError
from riskbridge.model.source_model import MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES, SourceModel
from riskbridge.source.defender.decode import DecodedPage, NotAPageError, PageDecoder
from riskbridge.source.defender.doctor import CheckReport, check
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.token import TokenProvider
from riskbridge.source.http import ApiClient, Response, RetryPolicy, make_client
from riskbridge.staging.stream import PageCursor, StagedPage

MODELS = {m.stream: m for m in (MACHINES, MACHINES_VULNERABILITIES, VULNERABILITIES)}
PATHS = {
    MACHINES.stream: "/api/machines",
    MACHINES_VULNERABILITIES.stream: "/api/vulnerabilities/machinesVulnerabilities",
    VULNERABILITIES.stream: "/api/vulnerabilities",
}
LARGEST_PAGE = {VULNERABILITIES.stream: 8000}
SIBLINGS = re.compile(
    r"(?:[\w-]+\.)?(?:api\.)?security\.microsoft\.com|[\w-]+\.securitycenter\.(?:microsoft\.(?:com|us)|windows\.com)"
)
MOST_PAGES = 100_000
_NEXT_LINK = re.compile(rb'"@odata\.nextLink"\s*:\s*("(?:[^"\\]|\\.)*")')


class DefenderSource:
    """A Defender tenant as streams of pages. Not for more than one thread; close it, or use it as a context manager."""

    def __init__(self, settings: DefenderSettings, *, policy: RetryPolicy | None = None) -> None:
        self._settings = settings
        self._client = make_client(
            ca_bundle=settings.ca_bundle, proxy=settings.proxy, read_timeout_s=settings.read_timeout_s
        )
        self._tokens = TokenProvider(settings, self._client)
        self._api = ApiClient(self._client, self._tokens.authorisation, policy=policy)
        self._policy = policy or RetryPolicy()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def calls(self) -> int:
        """Calls made to the API so far, retries included."""
        return self._api.traffic.calls

    def check(self) -> CheckReport:
        """Test the connection with the lightest call of each endpoint; never raises for a refused one."""
        return check(self._tokens, self._api, self._settings, PATHS)

    def read(self, stream: str, *, filter_text: str | None, resume: PageCursor | None) -> Iterator[StagedPage]:
        """Pages of a stream in order, from the cursor on; the next one is fetched while one is used.

        Raises:
            RiskbridgeError: Refused, unreachable after every attempt, or the paging broke its contract
                (`defender.endless-paging`, `defender.foreign-host`).
        """
        model = MODELS[stream]
        first = self._first_url(model, filter_text, resume)
        if first is None:
            return
        number = resume.pages if resume else 0
        yield from self._pages(model, first, number, resume.received if resume else 0, filter_text)

    def _pages(
        self, model: SourceModel, url: str, number: int, received: int, filter_text: str | None
    ) -> Iterator[StagedPage]:
        decoder = PageDecoder(model)
        seen_urls, last_hash = {url}, ""
        with ThreadPoolExecutor(1, thread_name_prefix="fetch") as fetcher:
            pending: Future[Response] = fetcher.submit(self._api.get, url)
            while True:
                response = pending.result()
                if response.status == 404:
                    return
                ahead = self._url_ahead(model, response.body, received, filter_text)
                if ahead is not None:
                    self._guard(ahead, seen_urls, number)
                    pending = fetcher.submit(self._api.get, ahead)
                page, response = self._decode(decoder, url, response, number)
                received += page.received
                digest = hashlib.sha256(response.body).hexdigest()
                if digest == last_hash and page.received:
                    raise _endless(url)
                yield _staged(page, number, url, digest)
                following = self._url_after(model, page, received, filter_text)
                if following is None:
                    return
                if following != ahead:
                    self._guard(following, seen_urls, number)
                    pending = fetcher.submit(self._api.get, following)
                url, last_hash = following, digest
                number += 1

    def _first_url(self, model: SourceModel, filter_text: str | None, resume: PageCursor | None) -> str | None:
        if resume is None:
            return self._url(model, filter_text, 0)
        if self._page_size(model) is not None:
            return self._url(model, filter_text, resume.received)
        if resume.next_link is not None:
            self._require_own_host(resume.next_link)
        return resume.next_link

    def _url(self, model: SourceModel, filter_text: str | None, skip: int) -> str:
        options = []
        if filter_text and filter_text.strip():
            options.append(f"$filter={quote(filter_text.strip(), safe='')}")
        size = self._page_size(model)
        if size is not None:
            options += [f"$top={size}", f"$skip={skip}"]
        path = self._settings.api_url.rstrip("/") + PATHS[model.stream]
        return f"{path}?{'&'.join(options)}" if options else path

    def _page_size(self, model: SourceModel) -> int | None:
        size = self._settings.page_size
        return None if size is None else min(size, LARGEST_PAGE.get(model.stream, size))

    def _url_ahead(self, model: SourceModel, body: bytes, received: int, filter_text: str | None) -> str | None:
        """The next request where it can be told before the page is decoded."""
        size = self._page_size(model)
        if size is not None:
            return None
        found = _NEXT_LINK.search(body, max(0, len(body) - 4096))
        return None if found is None else str(json.loads(found[1]))

    def _url_after(self, model: SourceModel, page: DecodedPage, received: int, filter_text: str | None) -> str | None:
        size = self._page_size(model)
        if size is None:
            return page.next_link
        return self._url(model, filter_text, received) if page.received >= size else None

    def _decode(self, decoder: PageDecoder, url: str, response: Response, number: int) -> tuple[DecodedPage, Response]:
        for attempt in range(self._policy.attempts):
            try:
                return decoder.decode(response.body, number), response
            except NotAPageError as error:
                if attempt + 1 == self._policy.attempts:
                    raise RetryableError(
                        f"Defender's answer to {urlsplit(url).path} is not a page of records: {error}.",
                        code="defender.not-a-page",
                        remedy="Check that no proxy answers in its place, then run again; the run goes on where it was.",
                    ) from error
                self._policy.sleep(self._policy.backoff_s(attempt))
                response = self._api.get(url)
        raise AssertionError("unreachable: the loop returns or raises")

    def _guard(self, url: str, seen: set[str], number: int) -> None:
        self._require_own_host(url)
        if url in seen or number >= MOST_PAGES:
            raise _endless(url)
        seen.add(url)

    def _require_own_host(self, url: str) -> None:
        own, other = urlsplit(self._settings.api_url), urlsplit(url)
        is_same = (own.scheme, own.netloc) == (other.scheme, other.netloc)
        is_sibling = bool(
            other.scheme == "https"
            and not other.port
            and SIBLINGS.fullmatch(own.hostname or "")
            and SIBLINGS.fullmatch(other.hostname or "")
        )
        if not is_same and not is_sibling:
            raise FatalError(
                f"Defender's link to the next page leads to another host ({other.netloc}); the token was not sent there.",
                code="defender.foreign-host",
                remedy="Check the API URL and any proxy on the way; report it to Microsoft if it persists.",
            )


def _staged(page: DecodedPage, number: int, url: str, digest: str) -> StagedPage:
    return StagedPage(
        number=number,
        request=url,
        rows=page.rows,
        rejects=page.rejects,
        received=page.received,
        sha256=digest,
        next_link=page.next_link,
        server_count=page.server_count,
        unknown_fields=page.unknown_fields,
    )


def _endless(url: str) -> FatalError:
    return FatalError(
        f"Defender's paging of {urlsplit(url).path} does not end: it came back to a page it had given before.",
        code="defender.endless-paging",
        remedy="Run again; if it persists, set a page size on the profile.",
    )
