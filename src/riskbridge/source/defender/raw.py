"""A stream's records as they came, undecoded and unmapped: for recordings, which must keep what no data model knows."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

from riskbridge.errors import FatalError, RetryableError
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.links import PATHS, StreamLinks, require_file_host
from riskbridge.source.http import Answer, HttpClient

MOST_PAGES = 10_000
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class RawRecords:
    """Some records of a stream, in order, and what stood around them.

    Attributes:
        records: JSON values, objects in a sound answer.
        content_type: Of the answer.
        members: Names in the answer besides its records, sorted.
    """

    records: list[Any]
    content_type: str
    members: tuple[str, ...]


def read_raw_pages(api: DefenderApi, links: StreamLinks) -> Iterator[RawRecords]:
    """The records of a stream of JSON pages, page by page.

    Raises:
        RiskbridgeError: Refused or unreachable; `defender.not-a-page`; `defender.endless-paging`.
    """
    stop, request = Event(), links.request()
    for number in range(MOST_PAGES):
        page, link = api.get(request, _parse_page, stop)
        yield page
        following = links.after(request, number, len(page.records), link)
        if following is None:
            return
        if following == request:
            break
        request = following
    raise FatalError(
        f"The pages of {links.stream} have no end.",
        code="defender.endless-paging",
        remedy="Try again; if it stays so, tell Microsoft.",
    )


def read_raw_files(api: DefenderApi, http: HttpClient, api_url: str, stream: str) -> Iterator[RawRecords]:
    """The records of an export's files, some at a time. The addresses, which are secrets, are not kept.

    Raises:
        RiskbridgeError: Refused or unreachable; `defender.bad-export-file`.
    """
    answer = api.get(f"{api_url}{PATHS[stream]}", _parse_object, Event())
    members = tuple(sorted(set(answer) - {"exportFiles"}))
    for address in answer.get("exportFiles", ()):
        require_file_host(api_url, address)
        found = http.send("GET", address)
        if found.status != 200:
            raise _bad_file(f"was answered with status {found.status}")
        try:
            text = gzip.decompress(found.body) if found.body[:2] == b"\x1f\x8b" else found.body
            lines = [line for line in text.split(b"\n") if line.strip()]
            for start in range(0, len(lines), ROWS_AT_ONCE):
                records = [json.loads(line) for line in lines[start : start + ROWS_AT_ONCE]]
                yield RawRecords(records, found.headers.get("content-type", ""), members)
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise _bad_file(f"cannot be read: {error}") from error


def _parse_page(answer: Answer) -> tuple[RawRecords, str | None]:
    found = _parse_object(answer)
    values = found.get("value")
    if not isinstance(values, list):
        raise _not_a_page()
    members = tuple(sorted(set(found) - {"value"}))
    return RawRecords(values, answer.headers.get("content-type", ""), members), found.get("@odata.nextLink")


def _parse_object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except ValueError as error:
        raise _not_a_page() from error
    if not isinstance(found, dict):
        raise _not_a_page()
    return found


def _not_a_page() -> RetryableError:
    return RetryableError(
        "Defender's answer is not a page of records.",
        code="defender.not-a-page",
        remedy="Check that no proxy or sign-in page answers in its place, then try again.",
    )


def _bad_file(what: str) -> RetryableError:
    return RetryableError(
        f"An export file {what}.", code="defender.bad-export-file", remedy="Try again; fresh addresses are asked for."
    )
