"""The Defender source against the simulated tenant: everything arrives once, whatever goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskbridge.errors import FatalError, RiskbridgeError
from riskbridge.simulator.process import RunningSimulator
from riskbridge.source.defender.streams import DefenderSource
from riskbridge.source.feeds import read_feed
from riskbridge.source.http import HttpSettings
from riskbridge.source.protocol import RawPage, Source
from riskbridge.staging.area import StagingArea
from riskbridge.staging.stream import StagedPage

Connect = Callable[..., DefenderSource]
FINDINGS = "machinesVulnerabilities"


def read(source: Source, stream: str = FINDINGS, filter_text: str | None = None) -> pa.Table:
    return pa.concat_tables([p.rows for p in source.read(stream, filter_text=filter_text, resume=None)])


def ids(rows: pa.Table) -> list[str]:
    return sorted(rows["id"].to_pylist())


@pytest.mark.parametrize("page_size", [None, 64], ids=["links", "steps"])
@pytest.mark.parametrize(
    ("stream", "name"), [("machines", "machines"), (FINDINGS, "findings"), ("vulnerabilities", "catalogue")]
)
def test_every_record_arrives_once(
    tenant: RunningSimulator, connect: Connect, *, page_size: int | None, stream: str, name: str
) -> None:
    rows = read(connect(page_size=page_size), stream)
    assert rows.num_rows == tenant.control("truth")[name]
    assert len(set(rows["id"].to_pylist())) == rows.num_rows


def test_both_styles_of_paging_give_the_same_records(connect: Connect) -> None:
    assert (
        read(connect()).drop_columns(["page", "row"]).equals(read(connect(page_size=64)).drop_columns(["page", "row"]))
    )


def test_filters_go_to_the_server(tenant: RunningSimulator, connect: Connect) -> None:
    rows = read(connect(), FINDINGS, "severity eq 'Critical'")
    assert set(rows["severity"].to_pylist()) == {"Critical"}
    everything = read(connect())["severity"].to_pylist()
    assert rows.num_rows == everything.count("Critical")


def test_a_filter_the_server_does_not_know_is_a_matter_of_configuration(connect: Connect) -> None:
    with pytest.raises(RiskbridgeError) as caught:
        read(connect(), "machines", "favouriteColour eq 'red'")
    assert caught.value.code == "defender.bad-request"


@pytest.mark.parametrize("page_size", [None, 64], ids=["links", "steps"])
def test_reading_goes_on_where_it_was(tmp_path: Path, connect: Connect, page_size: int | None) -> None:
    stream = StagingArea(tmp_path).stream("r1", FINDINGS)
    pages: Iterator[RawPage] = connect(page_size=page_size).read(FINDINGS, filter_text=None, resume=None)
    for _ in range(2):
        page: StagedPage = next(pages)
        stream.append(page)
    pages.close()  # type: ignore[attr-defined]
    again = StagingArea(tmp_path).stream("r1", FINDINGS)
    for page in connect(page_size=page_size).read(FINDINGS, filter_text=None, resume=again.cursor()):
        again.append(page)
    again.close()
    staged = pa.concat_tables([pq.read_table(f) for f in again.parquet_files()])
    assert staged.equals(read(connect(page_size=page_size)))
    assert again.reconciliation().reasons == ()
    assert list(connect().read(FINDINGS, filter_text=None, resume=again.cursor())) == []


@pytest.mark.parametrize(
    ("fault", "waits"),
    [
        pytest.param({"kind": "truncate-page"}, 1, id="half a page"),
        pytest.param({"kind": "connection-reset", "times": 3}, 3, id="three resets"),
        pytest.param({"kind": "not-json"}, 1, id="HTML with 200"),
        pytest.param({"kind": "bad-json-tail"}, 1, id="JSON broken off"),
        pytest.param({"kind": "html-502"}, 1, id="a proxy's 502"),
        pytest.param({"kind": "server-500", "times": 2}, 2, id="500 twice"),
        pytest.param({"kind": "throttle", "seconds": 30, "times": 9}, 9, id="throttled beyond the attempts"),
        pytest.param({"kind": "token-expired"}, 0, id="token expired"),
    ],
)
def test_a_passing_fault_changes_no_record(
    tenant: RunningSimulator, connect: Connect, clock: Any, *, fault: dict[str, Any], waits: int
) -> None:
    tenant.control("faults", {"path": FINDINGS, "page": 1} | fault)
    assert len(ids(read(connect()))) == tenant.control("truth")["findings"]
    assert len(clock.waits) == waits
    if fault["kind"] == "throttle":
        assert clock.waits == [30] * 9


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param("missing-role", "defender.missing-role", id="role taken away"),
        pytest.param("endless-next-link", "defender.endless-paging", id="a link to itself"),
        pytest.param("foreign-host-next-link", "defender.foreign-host", id="a link elsewhere"),
        pytest.param("not-json", "defender.not-a-page", id="HTML for ever"),
        pytest.param("server-500", "defender.server-error", id="500 for ever"),
    ],
)
def test_a_lasting_fault_ends_the_reading_after_the_good_pages(
    tenant: RunningSimulator, connect: Connect, kind: str, code: str
) -> None:
    tenant.control("faults", {"kind": kind, "path": FINDINGS, "page": 1, "times": None})
    got = []
    with pytest.raises(RiskbridgeError) as caught:
        got.extend(p.number for p in connect().read(FINDINGS, filter_text=None, resume=None))
    assert caught.value.code == code


@pytest.mark.parametrize("stream", ["machines", FINDINGS, "vulnerabilities"])
def test_bad_records_are_rejects_and_the_good_ones_pass(
    tenant: RunningSimulator, connect: Connect, stream: str
) -> None:
    good = ids(read(connect(), stream))
    tenant.control("faults", {"kind": "bad-records", "path": stream})
    pages = list(connect().read(stream, filter_text=None, resume=None))
    rejects = pa.concat_tables([p.rejects for p in pages])
    assert set(good) <= set(ids(pa.concat_tables([p.rows for p in pages])))
    assert sum(p.received for p in pages) == sum(p.rows.num_rows + p.rejects.num_rows for p in pages)
    assert "identity-missing" in rejects["reason"].to_pylist()
    assert "aNewField" in pages[0].unknown_fields


def test_a_working_connection_passes_its_test(connect: Connect) -> None:
    report = connect().check()
    assert [(i.name, i.message) for i in report.items if not i.is_ok] == []
    assert report.roles == ("Machine.Read.All", "Vulnerability.Read.All")


@pytest.mark.parametrize(
    ("changes", "directory", "told"),
    [
        pytest.param({"client_secret": "wrong"}, {}, {"token": "defender.wrong-secret"}, id="wrong secret"),
        pytest.param({}, {"isSecretExpired": True}, {"token": "defender.expired-secret"}, id="expired secret"),
        pytest.param(
            {"tenant_id": "33333333-3333-4333-8333-333333333333"}, {}, {"token": "defender.unknown-tenant"}, id="tenant"
        ),
        pytest.param({"client_id": "nobody"}, {}, {"token": "defender.unknown-app"}, id="unknown application"),
        pytest.param({"audience": "https://x.example.test"}, {}, {"token": "defender.bad-audience"}, id="audience"),
        pytest.param({"ca_bundle": None}, {}, {"token": "http.untrusted-certificate"}, id="authority not trusted"),
        pytest.param({"login_url": "https://127.0.0.1:9"}, {}, {"token": "http.unreachable"}, id="no login host"),
        pytest.param(
            {"api_url": "http://127.0.0.1:9"},
            {},
            dict.fromkeys(("machines", FINDINGS, "vulnerabilities"), "http.unreachable"),
            id="no API host",
        ),
        pytest.param(
            {},
            {"roles": ["Machine.Read.All"]},
            dict.fromkeys(("roles", FINDINGS, "vulnerabilities"), "defender.missing-role"),
            id="one role missing",
        ),
        pytest.param(
            {},
            {"roles": []},
            {"roles": "defender.no-consent"}
            | dict.fromkeys(("machines", FINDINGS, "vulnerabilities"), "defender.missing-role"),
            id="no consent",
        ),
    ],
)
def test_the_test_of_a_connection_names_the_fault(
    tenant: RunningSimulator,
    connect: Connect,
    *,
    changes: dict[str, Any],
    directory: dict[str, Any],
    told: dict[str, str],
) -> None:
    tenant.control("directory", directory)
    report = connect(**changes).check()
    assert {i.name: i.code for i in report.items if not i.is_ok} == told
    assert all(i.remedy for i in report.items if not i.is_ok)


def test_a_token_is_asked_for_once_for_many_pages(tenant: RunningSimulator, connect: Connect) -> None:
    source = connect()
    read(source)
    read(source, "machines")
    assert source.traffic.retries == 0
    assert source.calls == len([r for r in tenant.control("requests") if "/api/" in r["path"]])


def test_a_source_keeps_its_protocol(connect: Connect) -> None:
    source: Source = connect()
    with pytest.raises(FatalError):
        list(connect(api_url="https://127.0.0.1:9").read("machines", filter_text=None, resume=_Elsewhere()))
    assert source.check().is_ok


class _Elsewhere:
    pages = 1
    next_request = "https://evil.example.test/api/machines?$skip=10000"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("kev", "known_exploited_vulnerabilities.json"),
        ("epss", "epss.csv.gz"),
        ("exploits", "modules_metadata_base.json"),
        ("cvss", "vulnrichment.zip"),
    ],
)
def test_feeds_are_read_over_the_same_trust(tenant: RunningSimulator, kind: str, path: str) -> None:
    trusted, url = HttpSettings(ca_bundle=Path(tenant.ca_bundle)), f"{tenant.feeds_url}/{path}"
    feed = read_feed(kind, url, http=trusted)
    assert feed.rows.num_rows > 10
    assert feed.released_on is not None
    if kind != "kev":
        assert read_feed(kind, url, http=trusted, etag=feed.etag) is None
