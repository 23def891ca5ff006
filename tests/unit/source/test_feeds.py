from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from riskbridge.errors import InputError, RetryableError
from riskbridge.source.feeds import FEED_TYPES, read_feed

EPSS = "cve,epss,percentile\nCVE-2021-44228,0.94358,0.99957\nCVE-2024-3094,0.5,0.9\n"
COMMENT = "#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z\n"
KEV = {
    "title": "CISA Catalog of Known Exploited Vulnerabilities",
    "catalogVersion": "2026.11.20",
    "count": 2,
    "vulnerabilities": [
        {
            "cveID": "CVE-2021-44228",
            "dateAdded": "2021-12-10",
            "dueDate": "2021-12-24",
            "knownRansomwareCampaignUse": "Known",
        },
        {"cveID": "cve-2024-3094 ", "dateAdded": "2024-04-01", "knownRansomwareCampaignUse": "Unknown", "cwes": []},
    ],
}
KEV_ROWS = [
    ("CVE-2021-44228", date(2021, 12, 10), date(2021, 12, 24), True),
    ("CVE-2024-3094", date(2024, 4, 1), None, False),
]


@pytest.fixture
def save(tmp_path: Path) -> Callable[[bytes | str], str]:
    def write(body: bytes | str) -> str:
        path = tmp_path / "feed"
        path.write_bytes(body.encode() if isinstance(body, str) else body)
        return str(path)

    return write


def kev(**changes: object) -> str:
    return json.dumps(KEV | changes)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(EPSS.encode(), id="plain"),
        pytest.param((COMMENT + EPSS).encode(), id="with FIRST's comment line"),
        pytest.param(gzip.compress((COMMENT + EPSS).encode()), id="gzip"),
        pytest.param(EPSS.replace("\n", "\r\n").encode(), id="line ends of Windows"),
        pytest.param(EPSS.rstrip().encode(), id="no last line end"),
        pytest.param(b"\xef\xbb\xbf" + EPSS.encode(), id="byte order mark"),
        pytest.param(EPSS.replace("CVE-2024", "cve-2024").encode(), id="ids in lower case"),
    ],
)
def test_epss_is_read_in_each_of_its_forms(save: Callable[..., str], body: bytes) -> None:
    rows = read_feed("epss", save(body))
    assert rows.schema.names == list(FEED_TYPES["epss"])
    assert [tuple(r.values()) for r in rows.to_pylist()] == [
        ("CVE-2021-44228", 0.94358, 0.99957),
        ("CVE-2024-3094", 0.5, 0.9),
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("<!DOCTYPE html><html></html>", "web page", id="HTML"),
        pytest.param(gzip.compress(EPSS.encode())[:-12], "cut off", id="gzip cut off"),
        pytest.param(EPSS[:-12], "cut off|cannot be read", id="last line cut off"),
        pytest.param("cve;epss;percentile\n", "columns", id="semicolons"),
        pytest.param("cve,percentile,epss\nCVE-2021-1,1,1\n", "columns", id="columns in another order"),
        pytest.param("cve,epss,percentile\n", "no row", id="header alone"),
        pytest.param("cve,epss,percentile\nCVE-2021-44228,1.5,0.5\n", "epss is not between 0 and 1", id="above one"),
        pytest.param("cve,epss,percentile\nCVE-2021-44228,0.5,-1\n", "percentile is not between", id="below nought"),
        pytest.param("cve,epss,percentile\nCVE-2021-44228,nan,0.5\n", "epss", id="no number"),
        pytest.param("cve,epss,percentile\nCVE-2021-44228,high,0.5\n", "cannot be read", id="a word"),
        pytest.param("cve,epss,percentile\nCVE-2021-44228,,0.5\n", "no epss", id="a hole"),
        pytest.param(EPSS + "CVE-2024-3094,0.1,0.1\n", "CVE-2024-3094 is in it twice", id="an id twice"),
        pytest.param(EPSS + "cve-2024-3094,0.1,0.1\n", "CVE-2024-3094 is in it twice", id="an id twice, in lower case"),
        pytest.param(EPSS + "GHSA-1,0.1,0.1\n", "'GHSA-1' is no CVE id", id="another kind of id"),
    ],
)
def test_a_broken_epss_feed_is_refused_with_the_reason(save: Callable[..., str], body: bytes | str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_feed("epss", save(body))
    assert caught.value.code == "feeds.broken"


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["plain", "gzip"])
def test_kev_is_read(save: Callable[..., str], pack: Callable[[str], bytes]) -> None:
    rows = read_feed("kev", save(pack(kev())))
    assert rows.schema.names == list(FEED_TYPES["kev"])
    assert [tuple(r.values()) for r in rows.to_pylist()] == KEV_ROWS


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("<html>", "web page", id="HTML"),
        pytest.param(kev()[:-30], "not CISA's KEV catalogue", id="cut off"),
        pytest.param("[]", "not CISA's KEV catalogue", id="an array"),
        pytest.param("{}", "not CISA's KEV catalogue", id="another object"),
        pytest.param(kev(vulnerabilities=[], count=0), "not CISA's KEV catalogue", id="no entry"),
        pytest.param(kev(count=1404), "says it holds 1,404 entries and holds 2", id="fewer than it says"),
        pytest.param(
            kev(vulnerabilities=[{"cveID": "CVE-2021-44228", "dateAdded": "yesterday"}], count=1), "KEV", id="no date"
        ),
        pytest.param(
            kev(vulnerabilities=KEV["vulnerabilities"] * 2, count=4),
            "is in it twice",
            id="twice",  # type: ignore[operator]
        ),
        pytest.param(
            kev(vulnerabilities=[{"cveID": "x", "dateAdded": "2021-12-10"}], count=1), "no CVE id", id="no id"
        ),
    ],
)
def test_a_broken_kev_feed_is_refused_with_the_reason(save: Callable[..., str], body: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_feed("kev", save(body))
    assert caught.value.code == "feeds.broken"


def test_a_feed_is_read_from_a_url_after_its_redirect(server: Any, reply: Any) -> None:
    moved = reply(302, headers={"Location": f"{server.url}/epss_scores-current.csv.gz"})
    server.replies = [moved, reply(body=gzip.compress(EPSS.encode()), headers={"Content-Type": "application/gzip"})]
    assert read_feed("epss", f"{server.url}/epss").num_rows == 2


def test_a_feed_sent_with_content_encoding_is_unpacked_once(server: Any, reply: Any) -> None:
    server.replies = [reply(body=gzip.compress(kev().encode()), headers={"Content-Encoding": "gzip"})]
    assert read_feed("kev", server.url).num_rows == 2


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        pytest.param(404, InputError, "feeds.broken", id="gone"),
        pytest.param(503, RetryableError, "feeds.unreachable", id="busy"),
        pytest.param(429, RetryableError, "feeds.unreachable", id="throttled"),
    ],
)
def test_a_publishers_refusal_is_told(server: Any, reply: Any, status: int, kind: type[Exception], code: str) -> None:
    server.replies = [reply(status)]
    with pytest.raises(kind) as caught:
        read_feed("kev", server.url)
    assert caught.value.code == code  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "location", "code"),
    [
        pytest.param("kev", "/nowhere/kev.json", "feeds.unreadable", id="no file"),
        pytest.param("kev", "/", "feeds.unreadable", id="a folder"),
        pytest.param("nvd", "x", "feeds.unknown", id="no such feed"),
    ],
)
def test_what_cannot_be_opened_is_told(kind: str, location: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        read_feed(kind, location)
    assert caught.value.code == code
