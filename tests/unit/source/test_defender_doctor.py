from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from riskbridge.errors import ConfigError
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.doctor import check_connection
from riskbridge.source.http import HttpClient
from riskbridge.source.protocol import CheckReport
from riskbridge.source.retry import RetryPolicy

ROLES = ("Machine.Read.All", "Vulnerability.Read.All")


class Issued:
    """Tokens with those roles."""

    def __init__(self, roles: tuple[str, ...] = ROLES, error: Exception | None = None) -> None:
        claims = base64.urlsafe_b64encode(json.dumps({"roles": roles}).encode()).rstrip(b"=").decode()
        self._token, self._error = f"e30.{claims}.c2ln", error

    def token(self) -> str:
        if self._error is not None:
            raise self._error
        return self._token

    def force_refresh(self, refused: str) -> str:  # noqa: ARG002
        return self._token


@pytest.fixture
def check(make_settings: Callable[..., Any], client: HttpClient, clock: Any) -> Callable[..., CheckReport]:
    def run(tokens: Issued | None = None, **changes: Any) -> CheckReport:
        settings, tokens = make_settings(**changes), tokens or Issued()
        api = DefenderApi(settings, client, tokens, RetryPolicy(), clock)
        return check_connection(settings, tokens, api, clock)

    return run


def told(report: CheckReport) -> list[tuple[str, str]]:
    return [(item.name, item.code) for item in report.items]


def test_a_working_connection_passes_with_one_row_a_stream(
    server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport]
) -> None:
    server.route = lambda _: reply(body=make_page([]), headers={"Date": "Fri, 20 Nov 2026 12:00:00 GMT"})
    report = check()
    assert report.is_ok
    assert report.roles == ROLES
    names = ["token", "roles", "machines", "machinesVulnerabilities", "vulnerabilities"]
    names += [
        "softwareVulnerabilitiesByMachine",
        "softwareVulnerabilitiesExport",
        "softwareVulnerabilityChangesByMachine",
    ]
    names += ["softwareInventoryByMachine", "clock"]
    assert [item.name for item in report.items] == names
    asked = [path.partition("?")[2] for path in server.paths]
    changes = "pageSize=1&sinceTime=2026-11-20T11:00:00Z"
    assert asked == ["$top=1"] * 3 + ["pageSize=1", "sasValidHours=1", changes, "pageSize=1"]


def test_a_refused_login_ends_the_list(server: Any, check: Callable[..., CheckReport]) -> None:
    error = ConfigError("The secret is wrong.", code="defender.wrong-secret", remedy="Enter it again.")
    report = check(Issued(error=error))
    assert told(report) == [("token", "defender.wrong-secret")]
    assert (report.items[0].remedy, server.seen) == ("Enter it again.", [])


def test_missing_roles_are_named(server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport]) -> None:
    text = "Missing application roles. API required roles: Vulnerability.Read.All, application roles: Machine.Read.All."
    refused = json.dumps({"error": {"code": "Forbidden", "message": text, "target": "x"}}).encode()
    server.route = lambda path: reply(403, refused) if "vulnerabilities" in path else reply(body=make_page([]))
    report = check(Issued(("Machine.Read.All",)))
    assert told(report)[1:5] == [
        ("roles", "defender.missing-role"),
        ("machines", ""),
        ("machinesVulnerabilities", "defender.missing-role"),
        ("vulnerabilities", "defender.missing-role"),
    ]
    assert all("Vulnerability.Read.All" in item.remedy for item in report.items if not item.is_ok)


def test_roles_that_may_write_may_read(
    server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport]
) -> None:
    server.route = lambda _: reply(body=make_page([]))
    assert check(Issued(("Machine.ReadWrite.All", "Vulnerability.Read.All"))).is_ok


@pytest.mark.parametrize("minutes", [7, -90])
def test_a_wrong_clock_is_told(
    server: Any, reply: Any, make_page: Any, clock: Any, *, check: Callable[..., CheckReport], minutes: int
) -> None:
    server.route = lambda _: reply(body=make_page([]), headers={"Date": "Fri, 20 Nov 2026 12:00:00 GMT"})
    clock.at += timedelta(minutes=minutes)
    (item,) = (i for i in check().items if not i.is_ok)
    assert (item.name, item.code) == ("clock", "defender.clock-skew")
    assert f"{abs(minutes)} minutes {'ahead of' if minutes > 0 else 'behind'}" in item.message


def test_a_busy_api_is_a_working_one_and_nothing_waits(
    server: Any, reply: Any, clock: Any, check: Callable[..., CheckReport]
) -> None:
    server.route = lambda _: reply(429, headers={"Retry-After": "30"})
    assert check().is_ok
    assert (clock.waits, len(server.seen)) == ([], 7)


def test_an_empty_tenant_passes(server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport]) -> None:
    nothing = reply(404, b'{"error":{"code":"NotFound","message":"x"}}')
    server.route = lambda path: nothing if path.startswith("/api/machines?") else reply(body=make_page([]))
    assert check().is_ok


def test_a_page_in_the_apis_place_does_not_pass(server: Any, reply: Any, check: Callable[..., CheckReport]) -> None:
    server.route = lambda _: reply(body=b"<html>Sign in</html>")
    assert {code for _, code in told(check())[2:5]} == {"defender.not-a-page"}


def test_an_unreachable_host_points_at_a_proxy_that_only_the_environment_knows(
    check: Callable[..., CheckReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:8080")
    item = check(api_url="http://127.0.0.1:9").items[2]
    assert item.code == "http.unreachable"
    assert "HTTPS_PROXY is set but not read" in item.remedy


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        pytest.param({"scp": "Machine.Read"}, "defender.delegated-permission", id="delegated"),
        pytest.param({}, "defender.no-consent", id="no consent"),
    ],
)
def test_a_token_without_roles_is_told_apart(
    server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport], claims: dict[str, str], code: str
) -> None:
    server.route = lambda _: reply(body=make_page([]))
    tokens = Issued()
    tokens._token = f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"
    (item,) = [i for i in check(tokens).items if i.name == "roles"]
    assert (item.is_ok, item.code) == (False, code)
    assert "application" in item.remedy


def test_a_tenant_without_the_licence_is_named_so(
    server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport]
) -> None:
    told_so = {"error": {"code": "Forbidden", "message": "Tenant does not have the required license.", "target": "x"}}
    refused = reply(403, json.dumps(told_so).encode())
    server.route = lambda path: refused if "vulnerabilities" in path else reply(body=make_page([]))
    item = next(i for i in check().items if i.name == "machinesVulnerabilities")
    assert (item.code, "Vulnerability Management" in item.remedy) == ("defender.missing-licence", True)


def test_a_stream_that_is_not_offered_fails_nothing(
    server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport]
) -> None:
    server.route = lambda path: reply(404, b"{}") if "Software" in path else reply(body=make_page([]))
    report = check()
    assert report.is_ok
    assert "read page by page" in next(i for i in report.items if i.name == "softwareVulnerabilitiesByMachine").message


@pytest.mark.parametrize(("days", "said"), [(10, "in 10 days"), (90, "is valid until"), (-1, "was to end")])
def test_the_end_of_a_secret_is_told_ahead(
    server: Any, reply: Any, make_page: Any, check: Callable[..., CheckReport], clock: Any, days: int, said: str
) -> None:
    server.route = lambda _: reply(body=make_page([]))
    report = check(secret_expires_on=clock.now().date() + timedelta(days=days))
    assert said in next(i for i in report.items if i.name == "secret").message


def test_an_authority_nobody_trusts_is_named(
    tls_server: Any, reply: Any, make_settings: Callable[..., Any], check: Callable[..., CheckReport]
) -> None:
    tls_server.replies = [reply(headers={"Date": "Fri, 20 Nov 2026 09:00:00 GMT"})]
    refused = ConfigError("Not trusted.", code="http.untrusted-certificate", remedy="Trust it.")
    item, clock_item = check(Issued(error=refused), login_url=tls_server.url).items
    assert "It was issued by trustme" in item.message
    assert "--ca-bundle" in item.remedy
    assert (clock_item.code, "180 minutes ahead of" in clock_item.message) == ("defender.clock-skew", True)
    assert [(s.method, s.path, s.headers.get("authorization")) for s in tls_server.seen] == [("HEAD", "/", None)]


def test_a_host_that_shows_nothing_leaves_the_failure_as_it_is(check: Callable[..., CheckReport]) -> None:
    refused = ConfigError("Past its time.", code="defender.stale-assertion", remedy="Set the clock.")
    assert told(check(Issued(error=refused), login_url="https://127.0.0.1:9")) == [
        ("token", "defender.stale-assertion")
    ]
