from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from riskbridge.errors import RetryableError, RiskbridgeError
from riskbridge.source.budget import CallBudget, Limit, Quota, Spending
from riskbridge.source.defender.api import DefenderApi
from riskbridge.source.defender.quotas import QUOTAS, endpoint_of
from riskbridge.source.defender.token import TokenProvider
from riskbridge.source.retry import RetryPolicy, ThrottledError

FIVE = {"files": Limit(5, 20)}


def call(budget: CallBudget, number: int, now: float, endpoint: str = "files") -> None:
    for _ in range(number):
        budget.note(endpoint, now)


def test_a_call_within_both_windows_waits_for_nothing() -> None:
    budget = CallBudget(FIVE)
    call(budget, 4, 1000.0)
    assert budget.wait_s("files", 1000.0) == 0
    assert budget.wait_s("unlimited", 1000.0) == 0


@pytest.mark.parametrize(
    ("made", "now", "waited"),
    [
        pytest.param([(5, 1000.0)], 1010.0, 50.0, id="the minute is full"),
        pytest.param([(5, 1000.0)], 1060.0, 0.0, id="the minute has passed"),
        pytest.param([(5, 1000.0 + 100 * n) for n in range(4)], 1400.0, 3200.0, id="the hour is full"),
        pytest.param([(5, 1000.0 + 100 * n) for n in range(4)], 4600.0, 0.0, id="the hour moves on"),
    ],
)
def test_a_call_waits_until_both_windows_have_room(made: list[tuple[int, float]], now: float, waited: float) -> None:
    budget = CallBudget(FIVE)
    for number, at in made:
        call(budget, number, at)
    assert budget.wait_s("files", now) == pytest.approx(waited)


def test_calls_are_remembered_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "calls.log"
    call(CallBudget(FIVE, path), 5, 1000.0)
    path.write_text(path.read_text() + "1000.0 fil", encoding="utf-8")
    again = CallBudget(FIVE, path)
    assert again.wait_s("files", 1001.0) == pytest.approx(59.0)
    assert again.used("files", 1001.0) == 5


def test_a_file_of_garbage_is_no_obstacle_and_old_calls_leave_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.log"
    path.write_bytes(b"\xff\xfe nonsense\n17 files\n9000 files\n")
    budget = CallBudget(FIVE, path)
    assert budget.used("files", 9001.0) == 1
    assert path.read_text() == "9000.000 files\n"


def test_a_person_may_allow_less() -> None:
    budget = CallBudget(QUOTAS, per_minute=2)
    call(budget, 2, 1000.0, "machines")
    assert budget.wait_s("machines", 1000.0) == pytest.approx(60.0)
    assert budget.limit("softwareVulnerabilitiesExport") == Limit(2, 20)


def test_quotas_tell_what_each_endpoint_asked_within_the_hour_leaves() -> None:
    budget = CallBudget(QUOTAS)
    call(budget, 1, 1000.0, "vulnerabilities")
    for number, at in ((4, 4000.0), (5, 5000.0)):
        call(budget, number, at, "softwareVulnerabilitiesExport")
    call(budget, 3, 5000.0, "machinesVulnerabilities")
    unstated = Quota("machinesVulnerabilities", 3, 3, None, None)
    files = Quota("softwareVulnerabilitiesExport", 5, 9, 5, 20, wait_s=50.0)
    assert budget.quotas(5010.0) == (unstated, files)
    assert (files.minute_left, files.hour_left, unstated.hour_left) == (0, 11, None)
    assert Spending(12, (unstated, files)).scarcest == files
    assert Spending(3, (unstated,)).scarcest is None


def test_refusals_for_load_space_calls_out_and_successes_draw_them_together() -> None:
    budget = CallBudget(FIVE)
    call(budget, 1, 1000.0)
    for expected in (1.0, 2.0, 4.0):
        budget.slow_down()
        assert budget.wait_s("files", 1000.0) == pytest.approx(expected)
    for _ in range(12):
        budget.ease()
    assert budget.wait_s("files", 1000.0) == 0


@pytest.mark.parametrize(
    ("calls", "used", "seconds"),
    [(0, 0, 0.0), (5, 0, 0.0), (6, 0, 60.0), (20, 0, 180.0), (21, 0, 3600.0), (5, 18, 3600.0)],
)
def test_the_time_that_calls_take_at_least(calls: int, used: int, seconds: float) -> None:
    assert Limit(5, 20).spread_s(calls, used) == seconds


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://h/api/machines?$top=1", "machines"),
        ("https://h/api/v1.0/machines", "machines"),
        ("https://h/api/machines/SoftwareVulnerabilitiesByMachine?pagesize=5", "softwareVulnerabilitiesByMachine"),
        ("https://h/api/other", "/api/other"),
    ],
)
def test_an_address_belongs_to_an_endpoint(url: str, endpoint: str) -> None:
    assert endpoint_of(url) == endpoint


def test_a_full_window_is_waited_for_before_the_call(api: DefenderApi, server: Any, reply: Any, clock: Any) -> None:
    for _ in range(5):
        api.budget.note("softwareVulnerabilitiesExport", clock.now().timestamp())
    server.replies = [reply(body=b"{}")]
    url = f"{server.url}/api/machines/SoftwareVulnerabilitiesExport"
    assert api.get(url, lambda answer: answer.body, Event()) == b"{}"
    assert (api.traffic.budget_waits, clock.waits) == (1, [60.0])


def test_a_refusal_for_processor_time_slows_the_calls_after_it(
    api: DefenderApi, server: Any, reply: Any, clock: Any
) -> None:
    told = {"error": {"code": "429", "message": "Maximum allowed CPU time is exceeded. Try again in 7 seconds."}}
    server.replies = [reply(429, json.dumps(told).encode()), reply(body=b"{}"), reply(body=b"{}")]
    for _ in range(2):
        api.get(f"{server.url}/api/machines", lambda answer: answer.body, Event())
    assert clock.waits[0] == 7.0
    assert 0 < api.traffic.budget_wait_s <= 1.0


@pytest.mark.parametrize("variable", ["AZURE_POD_IDENTITY_AUTHORITY_HOST", "IDENTITY_ENDPOINT"])
def test_the_machines_own_identity_gives_a_token(
    variable: str, server: Any, reply: Any, make_settings: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, server.url)
    monkeypatch.setenv("IDENTITY_HEADER", "app-word")
    answer = {"access_token": "t1", "expires_on": str(int(time.time()) + 3600)}
    server.replies = [
        reply(body=json.dumps(answer).encode()),
        reply(body=json.dumps(answer | {"access_token": "t2"}).encode()),
    ]
    provider = TokenProvider(make_settings(client_secret="", managed_identity="my-id"), client)
    assert [provider.token(), provider.token(), provider.force_refresh("t1")] == ["t1", "t1", "t2"]
    asked = server.seen[0]
    assert "client_id=my-id" in asked.path
    assert "resource=https%3A%2F%2Fapi.securitycenter.microsoft.com" in asked.path
    header = {"IDENTITY_ENDPOINT": "x-identity-header", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "metadata"}[variable]
    assert asked.headers[header] in ("app-word", "true")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        pytest.param(400, b'{"error": "invalid_request", "error_description": "Identity not found"}',
                     "defender.managed-identity-refused", id="no such identity"),
        pytest.param(200, b"<html>", "defender.managed-identity-refused", id="no token"),
        pytest.param(503, b"", "defender.login-unavailable", id="busy"),
    ],
)  # fmt: skip
def test_an_identity_service_that_gives_no_token_says_why(
    status: int, body: bytes, code: str, server: Any, reply: Any, make_settings: Any, client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
    server.replies = [reply(status, body)]
    with pytest.raises(RiskbridgeError) as refused:
        TokenProvider(make_settings(client_secret="", managed_identity="system"), client).token()
    assert refused.value.code == code


def test_a_machine_without_an_identity_is_told_so(
    make_settings: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:9")
    with pytest.raises(RiskbridgeError) as refused:
        TokenProvider(make_settings(client_secret="", managed_identity="system"), client).token()
    assert refused.value.code == "defender.no-managed-identity"
    assert "certificate" in refused.value.remedy


@pytest.mark.parametrize("variable", ["AZURE_POD_IDENTITY_AUTHORITY_HOST", "IDENTITY_ENDPOINT"])
@pytest.mark.parametrize("host", ["http://identity.example.test/msi", "http://10.0.0.7", "http://8.8.8.8", "nonsense"])
def test_the_machines_secret_goes_to_no_other_machine(
    variable: str, host: str, make_settings: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, host)
    monkeypatch.setenv("IDENTITY_HEADER", "app-word")
    with pytest.raises(RiskbridgeError) as refused:
        TokenProvider(make_settings(client_secret="", managed_identity="system"), client).token()
    assert refused.value.code == "defender.foreign-identity-service"
    assert variable in refused.value.message


def test_an_identity_service_that_breaks_off_or_is_busy_is_asked_again(
    server: Any, reply: Any, make_settings: Any, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
    server.replies = [reply(cut_at=3, body=b"half an answer"), reply(429, b"", headers={"Retry-After": "17"})]
    told = []
    for _ in range(2):
        with pytest.raises(RetryableError) as refused:
            TokenProvider(make_settings(client_secret="", managed_identity="system"), client).token()
        told.append((refused.value.code, getattr(refused.value, "wait_s", None)))
    assert told == [("http.cut-off", None), ("defender.login-throttled", 17.0)]


@pytest.mark.parametrize(
    ("life", "headers"),
    [
        pytest.param({"expires_in": "3600", "expires_on": "1"}, {}, id="by the service's count"),
        pytest.param({"expires_on": "1000003600"}, {"Date": "Sun, 09 Sep 2001 01:46:40 GMT"}, id="by its own clock"),
    ],
)
def test_a_tokens_life_does_not_hang_on_this_machines_clock(
    life: dict[str, str], headers: dict[str, str], server: Any, reply: Any, make_settings: Any, client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url)
    server.replies = [reply(body=json.dumps({"access_token": "t1", **life}).encode(), headers=headers)]
    provider = TokenProvider(make_settings(client_secret="", managed_identity="system"), client)
    assert [provider.token(), provider.token()] == ["t1", "t1"]


def test_the_last_call_of_a_window_is_taken_once() -> None:
    budget = CallBudget({"files": Limit(5, 20)})
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: budget.take("files", 1000.0), range(40)))
    assert sorted(waits) == [0.0] * 5 + [60.0] * 35


def test_patience_that_was_asked_for_is_kept_by_the_next_process(tmp_path: Path) -> None:
    CallBudget({}, tmp_path / "calls").hold("machines", 1030.0)
    budget = CallBudget({}, tmp_path / "calls")
    assert [budget.wait_s("machines", now) for now in (1000.0, 1031.0)] == [30.0, 0.0]
    assert budget.wait_s("vulnerabilities", 1000.0) == 0


def test_a_clock_that_was_set_back_blocks_for_no_longer_than_a_window(tmp_path: Path) -> None:
    budget = CallBudget({"files": Limit(2, 20)}, tmp_path / "calls")
    for _ in range(2):
        budget.note("files", 1_000_000.0)
    budget.hold("files", 1_000_030.0)
    assert [
        CallBudget({"files": Limit(2, 20)}, tmp_path / "calls").wait_s("files", 500.0),
        budget.wait_s("files", 500.0),
    ] == [60.0, 60.0]


def test_a_refusal_is_waited_out_by_the_next_command_too(
    make_settings: Any, client: Any, tokens: Any, server: Any, reply: Any, clock: Any, tmp_path: Path
) -> None:
    settings = make_settings(budget_file=tmp_path / "calls")
    server.replies = [reply(429, b"", headers={"Retry-After": "40"}), reply(body=b"{}")]
    url = f"{server.url}/api/machines"
    with pytest.raises(ThrottledError):
        DefenderApi(settings, client, tokens, RetryPolicy(), clock).get_once(url)
    later = DefenderApi(settings, client, tokens, RetryPolicy(), clock)
    later.get(url, lambda answer: answer.body, Event())
    assert clock.waits == [40.0]


def test_the_call_that_repeats_a_refused_token_waits_for_its_turn(
    make_settings: Any, client: Any, tokens: Any, server: Any, reply: Any, clock: Any
) -> None:
    api = DefenderApi(make_settings(calls_per_minute=1), client, tokens, RetryPolicy(), clock)
    server.replies = [reply(401, b""), reply(body=b"{}")]
    api.get(f"{server.url}/api/machines", lambda answer: answer.body, Event())
    assert (api.traffic.calls, clock.waits) == (2, [60.0])
