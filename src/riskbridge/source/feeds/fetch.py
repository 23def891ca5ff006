"""The bytes of a feed, from a path or a URL, unpacked and bounded, and what all feeds are checked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from riskbridge.errors import InputError, RetryableError
from riskbridge.source.body import DamagedBodyError, OversizedBodyError, gunzip
from riskbridge.source.feeds.parsed import Fetched
from riskbridge.source.http import HttpClient, HttpSettings, host_of

LARGEST_FEED_BYTES = 256 * 1024 * 1024
_CVE = r"^CVE-[0-9]{4}-[0-9]{4,19}$"


def fetch(
    location: str, http: HttpSettings | None = None, *, etag: str | None = None, last_modified: str | None = None
) -> Fetched | None:
    """The feed's bytes, unpacked where they are gzip; None when the server says that they are still the same.

    Raises:
        InputError: `feeds.unreadable`, `feeds.broken`.
        RetryableError: The host cannot be reached, or is busy.
        ConfigError: `http.untrusted-certificate`, `http.bad-url`.
    """
    if not location.lower().startswith(("http://", "https://")):
        return Fetched(_unpacked(_read(location), location))
    fetched = _download(location, http or HttpSettings(read_timeout_s=60.0), etag, last_modified)
    if fetched is None:
        return None
    return replace(fetched, body=_unpacked(fetched.body, location))


def _unpacked(body: bytes, location: str) -> bytes:
    if body[:2] == b"\x1f\x8b":
        try:
            body = gunzip(body, limit_bytes=LARGEST_FEED_BYTES)
        except DamagedBodyError as error:
            raise broken(location, str(error)) from error
        except OversizedBodyError as error:
            raise broken(location, f"it unpacks to more than {LARGEST_FEED_BYTES >> 20} MiB") from error
    text = body.removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        raise broken(location, "it is empty")
    if text.lstrip()[:1] == b"<":
        raise broken(location, "it is a web page")
    return text


def broken(location: str, why: str) -> InputError:
    """The error for a feed that is not what it should be."""
    return InputError(
        f"The feed {location} cannot be used: {why}.",
        code="feeds.broken",
        remedy="Fetch it again from its publisher. The facts kept before stay in use.",
    )


def normalised_ids(ids: pa.ChunkedArray[Any], location: str, *, may_repeat: bool = False) -> pa.ChunkedArray[Any]:
    """CVE ids in upper case without blanks.

    Raises:
        InputError: `feeds.broken`: one is no CVE id, or comes twice where it may not.
    """
    found = pc.utf8_upper(pc.utf8_trim_whitespace(ids))
    is_cve: Any = pc.match_substring_regex(found, _CVE)
    if found.null_count:
        raise broken(location, "a row has no CVE id")
    if not pc.all(is_cve).as_py():
        odd = found.filter(pc.invert(is_cve))[0].as_py()
        raise broken(location, f"'{str(odd)[:80]}' is no CVE id")
    if not may_repeat and len(found.unique()) != len(found):
        (twice, _), *_ = Counter(found.to_pylist()).most_common(1)
        raise broken(location, f"{twice} is in it twice")
    return found


def _read(location: str) -> bytes:
    path = Path(location).expanduser()
    try:
        if path.is_file() and path.stat().st_size > LARGEST_FEED_BYTES:
            raise broken(location, f"it is larger than {LARGEST_FEED_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The feed {location} cannot be read: {error.strerror}.",
            code="feeds.unreadable",
            remedy="Give the path of a file or an http(s) URL.",
        ) from error


def _download(url: str, settings: HttpSettings, etag: str | None, last_modified: str | None) -> Fetched | None:
    asked = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    headers = {name: value for name, value in asked.items() if value}
    with HttpClient(replace(settings, largest_body_bytes=LARGEST_FEED_BYTES)) as client:
        answer = client.send("GET", url, headers=headers, follow_redirects=True)
    if answer.status == 304 and headers:
        return None
    if answer.status == 429 or answer.status >= 500:
        raise RetryableError(
            f"{host_of(url)} answered {answer.status} for the feed.",
            code="feeds.unreachable",
            remedy="Try again later, or give a file.",
        )
    if answer.status != 200:
        raise broken(url, f"the server answered {answer.status}")
    return Fetched(answer.body, answer.headers.get("etag"), answer.headers.get("last-modified"))
