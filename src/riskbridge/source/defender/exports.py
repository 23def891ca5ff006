"""Findings from export files: a list of addresses, several files fetched at a time, JSON lines in the order of the files.

The addresses carry their own short-lived signature; the token is never sent there, and no signature is kept. What is kept
of a page's request is which file of which snapshot it is of, and the line it begins at, so that a killed reading goes on
there with fresh addresses.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from riskbridge.errors import FatalError, RetryableError
from riskbridge.model.source_model import VULNERABILITIES_EXPORT
from riskbridge.source.body import GZIP_WBITS
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.decode import PageDecoder, ParsedPage
from riskbridge.source.defender.links import PATHS, require_file_host
from riskbridge.source.defender.reading import snapshot_changed
from riskbridge.source.http import Answer, HttpClient, host_of
from riskbridge.source.prefetch import prefetch
from riskbridge.source.protocol import PageCursor, RawPage, Spool
from riskbridge.source.retry import Clock, Retries, RetryPolicy

ROWS_A_PAGE = 20_000
"""Lines of a file that make a page: about 20 MB of text."""
FILES_AT_ONCE = 3
"""Files fetched ahead of the one that is decoded; as many compressed bodies are held."""
MOST_REREADS = 3
"""Times a file is fetched again that cannot be read to its end."""
_STREAM = VULNERABILITIES_EXPORT.stream
_PIECE = 1 << 18


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files of a snapshot: when it was made, as the server spells it, and the addresses in the order of their paths."""

    generated: str
    addresses: tuple[str, ...]

    @property
    def made_at(self) -> datetime | None:
        try:
            at = datetime.fromisoformat(self.generated)
        except ValueError:
            return None
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Mark:
    """A page's place: the snapshot, which of its files, and the line of that file it begins at."""

    generated: str
    file: int
    files: int
    line: int

    def as_request(self, api_url: str) -> str:
        place = {"generatedTime": self.generated, "file": self.file, "of": self.files, "line": self.line}
        return f"{api_url}{PATHS[_STREAM]}#{urlencode(place)}"

    @classmethod
    def of_request(cls, request: str) -> _Mark:
        place = {name: values[0] for name, values in parse_qs(urlsplit(request).fragment).items()}
        return cls(place["generatedTime"], int(place["file"]), int(place["of"]), int(place["line"]))


@dataclass(frozen=True, slots=True)
class _Decoded:
    mark: _Mark
    page: ParsedPage
    sha256: str
    following: _Mark | None


class _ExpiredAddressError(Exception):
    """A file's signature has run out."""


class ExportFilesReading:
    """Reads the newest snapshot's files once."""

    def __init__(
        self,
        api: DefenderApi,
        http: HttpClient,
        api_url: str,
        policy: RetryPolicy,
        clock: Clock,
        spool: Spool | None = None,
    ) -> None:
        self._api = api
        self._spool = spool
        self._http = http
        self._api_url = api_url
        self._retries = Retries(policy, clock, api.traffic)
        self._decoder = PageDecoder(VULNERABILITIES_EXPORT)

    def pages(self, resume: PageCursor | None) -> Iterator[RawPage]:
        """Pages from the cursor on.

        Raises:
            SnapshotChangedError: There is a newer snapshot than the one of the cursor.
            RetryableError: `defender.no-export`: Defender has no finished export; `defender.bad-export-file`: a file is
                empty or damaged however often it is fetched.
            RiskbridgeError: Refused or unreachable.
        """
        mark = _Mark.of_request(resume.next_request) if resume is not None and resume.next_request else None
        number = resume.pages if resume is not None else 0
        for decoded in prefetch(lambda stop: self._decode(mark, stop)):
            yield self._to_raw(decoded, number)
            number += 1

    def _decode(self, mark: _Mark | None, stop: Event) -> Iterator[_Decoded]:
        listing = self._list(stop)
        if mark is not None and (mark.generated, mark.files) != (listing.generated, len(listing.addresses)):
            raise snapshot_changed(_STREAM)
        start = mark or _Mark(listing.generated, 0, len(listing.addresses), 0)
        with _Downloads(self, listing, start.file, stop) as downloads:
            for number in range(start.file, start.files):
                begin = start.line if number == start.file else 0
                yield from self._decode_file(downloads, number, start, begin)

    def _decode_file(self, downloads: _Downloads, number: int, start: _Mark, begin: int) -> Iterator[_Decoded]:
        rereads = 0
        while True:
            try:
                for line, lines, is_last in _chunks(downloads.body(number), begin):
                    text = b"\n".join(lines)
                    page = self._decoder.parse(b'{"value":[' + b",".join(lines) + b"]}")
                    begin = line + len(lines)
                    following: _Mark | None = _Mark(start.generated, number, start.files, begin)
                    if is_last:
                        is_end = number + 1 == start.files
                        following = None if is_end else _Mark(start.generated, number + 1, start.files, 0)
                    mark = _Mark(start.generated, number, start.files, line)
                    yield _Decoded(mark, page, hashlib.sha256(text).hexdigest(), following)
            except (_DamagedFileError, RetryableError) as error:
                rereads += 1
                if rereads > MOST_REREADS or not _is_of_file(error):
                    raise _bad_file(number, start.files, error) from error
                downloads.again(number)
            else:
                return

    def list_files(self, stop: Event) -> _Listing:
        """The snapshot's files with fresh addresses."""
        return self._list(stop)

    def _list(self, stop: Event) -> _Listing:
        listing = self._api.get(f"{self._api_url}{PATHS[_STREAM]}", _parse_listing, stop)
        if not listing.addresses:
            raise RetryableError(
                "Defender names no export file: its export is not finished. That says nothing of the findings there are.",
                code="defender.no-export",
                remedy="Run again in some minutes, or choose another strategy: riskbridge connector change NAME "
                "--strategy paged. Nothing was changed.",
            )
        for address in listing.addresses:
            require_file_host(self._api_url, address)
        return listing

    def fetch(self, address: str, stop: Event, *, is_fresh: bool = False) -> bytes:
        """A file's body as sent, kept from before a kill unless it must be fresh.

        Raises:
            _ExpiredAddressError: Its signature has run out.
            RetryableError: It stays unreachable, broken or empty.
        """
        # The signature is none of the name: a kept file is found under every address it ever had.
        name = urlsplit(address).path
        kept = self._spool.get(name) if self._spool is not None and not is_fresh else None
        if kept:
            return kept
        body = self._retries.run(lambda: self._fetch_once(address), stop)
        if self._spool is not None:
            self._spool.put(name, body)
        return body

    def _fetch_once(self, address: str) -> bytes:
        answer = self._http.send("GET", address)
        self._api.traffic.received_bytes += answer.sent_bytes
        if answer.status == 403:
            raise _ExpiredAddressError
        where = f"{host_of(address)}{urlsplit(address).path}"
        if answer.status != 200:
            message = f"The export file {where} was answered with status {answer.status}."
            if answer.status in (404, 408, 429) or answer.status >= 500:
                raise _file_error(message)
            raise FatalError(
                message, code="defender.bad-export-answer", remedy="Run again; fresh addresses are asked for."
            )
        if not answer.body:
            raise _file_error(f"The export file {where} is empty.")
        return answer.body

    def _to_raw(self, decoded: _Decoded, number: int) -> RawPage:
        page = decoded.page
        warnings = []
        if page.unknown_fields:
            names = ", ".join(page.unknown_fields)
            warnings.append(f"{_STREAM}: fields that the data model does not know were kept aside: {names}.")
        return RawPage(
            number=number,
            request=decoded.mark.as_request(self._api_url),
            rows=self._decoder.to_rows(page, number),
            rejects=self._decoder.to_rejects(page, number),
            received=page.received,
            sha256=decoded.sha256,
            next_link=None,
            next_request=None if decoded.following is None else decoded.following.as_request(self._api_url),
            unknown_fields=page.unknown_fields,
            warnings=tuple(warnings),
            snapshot_at=_Listing(decoded.mark.generated, ()).made_at,
        )


class _Downloads:
    """Files fetched a few ahead, in order; addresses that ran out are asked for anew, of the same snapshot alone."""

    def __init__(self, reading: ExportFilesReading, listing: _Listing, first: int, stop: Event) -> None:
        self._reading = reading
        self._listing = listing
        self._stop = stop
        self._next = first
        self._pool = ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="export-file")
        self._ahead: deque[tuple[int, Future[bytes]]] = deque()
        self._damaged: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def body(self, number: int) -> bytes:
        """The body of that file."""
        if not self._ahead or self._ahead[0][0] != number:
            self._ahead.clear()
            self._next = number
        while len(self._ahead) < FILES_AT_ONCE and self._next < len(self._listing.addresses):
            address = self._listing.addresses[self._next]
            fetched = self._pool.submit(self._reading.fetch, address, self._stop, is_fresh=self._next in self._damaged)
            self._ahead.append((self._next, fetched))
            self._next += 1
        _, future = self._ahead.popleft()
        try:
            return future.result()
        except _ExpiredAddressError:
            self.again(number)
        try:
            return self._reading.fetch(self._listing.addresses[number], self._stop)
        except _ExpiredAddressError as error:
            raise _file_error(f"Fresh addresses of export files are refused too ({number + 1}).") from error

    def again(self, number: int) -> None:
        """Ask for fresh addresses, and fetch from that file on again."""
        fresh = self._reading.list_files(self._stop)
        if (fresh.generated, len(fresh.addresses)) != (self._listing.generated, len(self._listing.addresses)):
            raise snapshot_changed(_STREAM)
        self._listing = fresh
        self._damaged.add(number)
        self._ahead.clear()
        self._next = number


class _DamagedFileError(Exception):
    """A file's compression is broken or it ends too early."""


def _chunks(body: bytes, begin: int) -> Iterator[tuple[int, list[bytes], bool]]:
    """Lines of a file from one on, `ROWS_A_PAGE` at a time: number of the first, lines, whether they are the last.

    A file with no lines gives one empty chunk. Blank lines are passed over and not counted.
    """
    held: list[bytes] = []
    count = 0
    for line in _lines(body):
        count += 1
        if count <= begin:
            continue
        held.append(line)
        # One more line is awaited, so that the last chunk is known as such.
        if len(held) > ROWS_A_PAGE:
            yield count - len(held), held[:ROWS_A_PAGE], False
            held = held[ROWS_A_PAGE:]
    yield count - len(held), held, True


def _lines(body: bytes) -> Iterator[bytes]:
    rest = b""
    for piece in _inflated(body):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line for line in lines if not line.isspace() and line)
    if rest.strip():
        yield rest


def _inflated(body: bytes) -> Iterator[bytes]:
    """The text of a file, piece by piece: gzip (in any number of members) is told by its first bytes."""
    if body[:2] != b"\x1f\x8b":
        yield body
        return
    view, at = memoryview(body), 0
    while at < len(view):
        decoder = zlib.decompressobj(GZIP_WBITS)
        try:
            while not decoder.eof:
                if at >= len(view):
                    raise _DamagedFileError("it is cut off")
                piece = view[at : at + _PIECE]
                at += len(piece)
                yield decoder.decompress(piece)
        except zlib.error as error:
            raise _DamagedFileError(f"its compression is damaged ({error})") from error
        at -= len(decoder.unused_data)


def _parse_listing(answer: Answer) -> _Listing:
    try:
        found = json.loads(answer.body)
        addresses = [str(a) for a in found["exportFiles"]]
        generated = str(found["generatedTime"])
    except (ValueError, KeyError, TypeError) as error:
        raise RetryableError(
            "Defender's answer is not a list of export files.",
            code="defender.not-a-page",
            remedy="Check that no proxy or sign-in page answers in its place, then run again.",
        ) from error
    return _Listing(generated, tuple(sorted(addresses, key=lambda a: urlsplit(a).path)))


def _file_error(message: str) -> RetryableError:
    return RetryableError(
        message,
        code="defender.bad-export-file",
        remedy="Run again; the run goes on at the file it had reached. Nothing was closed.",
    )


def _bad_file(number: int, files: int, error: Exception) -> Exception:
    if not _is_of_file(error):
        return error
    return _file_error(f"Export file {number + 1} of {files} cannot be read: {error}.")


def _is_of_file(error: Exception) -> bool:
    """Whether another copy of the file may mend it."""
    return isinstance(error, _DamagedFileError) or getattr(error, "code", "") == "defender.not-a-page"
