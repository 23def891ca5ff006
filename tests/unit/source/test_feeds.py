from __future__ import annotations

import gzip
import io
import json
import zipfile
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
    rows = read_feed("epss", save(body)).rows
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
    rows = read_feed("kev", save(pack(kev()))).rows
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


KEV_CSV = (
    "cveID,vendorProject,product,dateAdded,shortDescription,dueDate,knownRansomwareCampaignUse\r\n"
    'CVE-2021-44228,Apache,Log4j2,2021-12-10,"Remote code, over\r\ntwo lines",2021-12-24,Known\r\n'
    "cve-2024-3094 ,XZ,xz,2024-04-01,,,Unknown\r\n"
)


def test_kev_is_read_as_csv_too(save: Callable[..., str]) -> None:
    feed = read_feed("kev", save(KEV_CSV))
    assert [tuple(r.values()) for r in feed.rows.to_pylist()] == KEV_ROWS
    assert feed.released_on == date(2024, 4, 1)


@pytest.mark.parametrize(
    ("kind", "body", "day"),
    [
        pytest.param("kev", kev(dateReleased="2026-11-20T17:00:00.1Z"), date(2026, 11, 20), id="KEV"),
        pytest.param("kev", kev(), None, id="KEV that states none"),
        pytest.param("epss", COMMENT + EPSS, date(2026, 11, 20), id="EPSS"),
        pytest.param("epss", EPSS, None, id="EPSS without its comment"),
    ],
)
def test_a_feed_tells_the_day_of_its_facts(save: Callable[..., str], kind: str, body: str, day: date | None) -> None:
    assert read_feed(kind, save(body)).released_on == day


MODULES = {
    "exploit_multi/log4": {
        "fullname": "exploit/multi/http/log4shell",
        "type": "exploit",
        "references": ["CVE-2021-44228", "URL-https://example.org", "CVE-2021-45046"],
        "mod_time": "2026-10-01 12:00:00 +0000",
    },
    "auxiliary_scanner/log4": {"fullname": "auxiliary/scanner/log4shell", "references": ["cve-2021-44228"]},
    "auxiliary_scanner/x": {"fullname": "auxiliary/scanner/x", "references": ["CVE-2020-0001", "CVE-oops"]},
}
MODULE_ROWS = [
    ("CVE-2020-0001", ["auxiliary/scanner/x"], False),
    ("CVE-2021-44228", ["exploit/multi/http/log4shell", "auxiliary/scanner/log4shell"], True),
    ("CVE-2021-45046", ["exploit/multi/http/log4shell"], True),
]


def test_exploit_modules_are_read_by_cve(save: Callable[..., str]) -> None:
    feed = read_feed("exploits", save(json.dumps(MODULES)))
    assert feed.rows.schema.names == list(FEED_TYPES["exploits"])
    assert [tuple(r.values()) for r in feed.rows.to_pylist()] == MODULE_ROWS
    assert feed.released_on == date(2026, 10, 1)


def test_exploit_modules_are_read_in_their_flat_form(save: Callable[..., str]) -> None:
    lines = [f"{cve},{module},name" for cve, modules, _ in MODULE_ROWS for module in modules]
    feed = read_feed("exploits", save("cve,module,name\n" + "\n".join(lines)))
    assert [tuple(r.values()) for r in feed.rows.to_pylist()] == MODULE_ROWS


VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
VECTOR_4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
SSVC = {"options": [{"Exploitation": "PoC"}, {"Automatable": "yes"}, {"Technical Impact": "total"}]}


def cve_record(cve_id: str, state: str = "PUBLISHED") -> dict[str, Any]:
    """A CVE record whose publisher states CVSS 4.0 and whose CISA container states 3.1 and SSVC."""
    added = [
        {"cvssV3_1": {"baseScore": 9.8, "vectorString": VECTOR}},
        {"other": {"type": "ssvc", "content": SSVC}},
    ]
    return {
        "dataType": "CVE_RECORD",
        "cveMetadata": {"cveId": cve_id, "state": state, "dateUpdated": "2026-09-09T00:00:00Z"},
        "containers": {
            "cna": {"metrics": [{"cvssV4_0": {"baseScore": 9.3, "vectorString": VECTOR_4}}]},
            "adp": [
                {"providerMetadata": {"shortName": "CISA-ADP"}, "metrics": added},
                {"providerMetadata": {"shortName": "other"}, "metrics": [{"cvssV3_1": {"baseScore": 1.0}}]},
            ],
        },
    }


def archive(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as written:
        for name, text in files.items():
            written.writestr(f"vulnrichment-develop/2024/{name.replace('_', '-')}.json", text)
    return packed.getvalue()


RECORD = json.dumps(cve_record("CVE-2024-3094"))
CVSS_CSV_HEADER = (
    "cve,state,updated,cvss_source,cvss_version,cvss_score,cvss_vector,cvss4_score,cvss4_vector,"
    "ssvc_exploitation,ssvc_automatable,ssvc_technical_impact\n"
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(RECORD.encode(), id="a record"),
        pytest.param(f"[{RECORD}]".encode(), id="a list"),
        pytest.param((json.dumps(cve_record("CVE-2024-1", "REJECTED")) + "\n" + RECORD).encode(), id="JSON lines"),
        pytest.param(archive(CVE_2024_3094=RECORD, README="not a record"), id="archive"),
    ],
)
def test_cvss_and_ssvc_are_read_from_cve_records(save: Callable[..., str], body: bytes) -> None:
    feed = read_feed("cvss", save(body))
    assert feed.rows.schema.names == list(FEED_TYPES["cvss"])
    assert [tuple(r.values()) for r in feed.rows.to_pylist()] == [
        ("CVE-2024-3094", "cna", "4.0", 9.3, VECTOR_4, "poc", "yes", "total"),
        ("CVE-2024-3094", "cisa-adp", "3.1", 9.8, VECTOR, "poc", "yes", "total"),
    ]
    assert feed.released_on == date(2026, 9, 9)


def test_cvss_is_read_in_its_flat_form_without_what_was_rejected(save: Callable[..., str]) -> None:
    lines = [
        f"cve-2024-3094,PUBLISHED,2026-09-09,cna,3.1,9.8,{VECTOR},9.3,{VECTOR_4},PoC,yes,total",
        "CVE-2024-1,REJECTED,2026-09-10,,,,,,,,,",
        "CVE-2024-2000,PUBLISHED,2026-09-08,,,,,,,None,no,partial",
    ]
    feed = read_feed("cvss", save(CVSS_CSV_HEADER + "\n".join(lines)))
    assert [tuple(r.values()) for r in feed.rows.to_pylist()] == [
        ("CVE-2024-3094", "cna", "3.1", 9.8, VECTOR, "poc", "yes", "total"),
        ("CVE-2024-3094", "cna", "4.0", 9.3, VECTOR_4, "poc", "yes", "total"),
        ("CVE-2024-2000", "cisa-adp", None, None, None, "none", "no", "partial"),
    ]


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        pytest.param("exploits", "<html>", "web page", id="modules: HTML"),
        pytest.param("exploits", json.dumps(MODULES)[:-9], "not Metasploit's", id="modules: cut off"),
        pytest.param("exploits", "{}", "names no CVE", id="modules: none"),
        pytest.param("exploits", "a,b\n1,2\n", "columns", id="modules: other columns"),
        pytest.param("exploits", "cve,module,name\nCVE-2021-44228", "cut off", id="modules: line cut off"),
        pytest.param("exploits", "cve,module,name\nMS08-067,m,n", "no CVE id", id="modules: another id"),
        pytest.param("cvss", archive(CVE_2024_3094=RECORD)[:-30], "damaged", id="records: archive cut off"),
        pytest.param("cvss", archive(CVE_2024_3094=RECORD[:-9]), "no CVE records", id="records: cut off"),
        pytest.param("cvss", archive(README="x"), "holds no CVE", id="records: none"),
        pytest.param("cvss", f"[{RECORD},{RECORD}]", "in it twice", id="records: twice"),
        pytest.param("cvss", RECORD.replace("9.8", "11"), "not between 0 and 10", id="records: beyond ten"),
        pytest.param("cvss", "cve;cvss\n", "columns", id="flat: semicolons"),
        pytest.param("cvss", CVSS_CSV_HEADER + "CVE-2024-1,PUBLISHED", "cut off", id="flat: cut off"),
        pytest.param("cvss", CVSS_CSV_HEADER + "CVE-2024-1111,,,cna,3.1,high,,,,,,", "is no score", id="flat: a word"),
        pytest.param("kev", KEV_CSV.replace("2021-12-10", "soon"), "cannot be read", id="KEV as CSV: no date"),
        pytest.param("kev", "a,b\r\n1,2", "not CISA's KEV", id="KEV as CSV: other columns"),
    ],
)
def test_a_broken_feed_of_the_other_kinds_is_refused(
    save: Callable[..., str], kind: str, body: bytes | str, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_feed(kind, save(body))
    assert caught.value.code == "feeds.broken"


def test_a_server_is_asked_whether_the_feed_changed(server: Any, reply: Any) -> None:
    server.replies = [reply(body=kev().encode(), headers={"ETag": '"one"'}), reply(304)]
    feed = read_feed("kev", server.url)
    assert feed.etag == '"one"'
    assert read_feed("kev", server.url, etag=feed.etag) is None
    assert {k.lower(): v for k, v in server.seen[-1].headers.items()}["if-none-match"] == feed.etag


def test_a_feed_is_read_from_a_url_after_its_redirect(server: Any, reply: Any) -> None:
    moved = reply(302, headers={"Location": f"{server.url}/epss_scores-current.csv.gz"})
    server.replies = [moved, reply(body=gzip.compress(EPSS.encode()), headers={"Content-Type": "application/gzip"})]
    assert read_feed("epss", f"{server.url}/epss").rows.num_rows == 2


def test_a_feed_sent_with_content_encoding_is_unpacked_once(server: Any, reply: Any) -> None:
    server.replies = [reply(body=gzip.compress(kev().encode()), headers={"Content-Encoding": "gzip"})]
    assert read_feed("kev", server.url).rows.num_rows == 2


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
