from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.source.defender.refusals import is_error_body, refusal
from riskbridge.source.http import Answer
from riskbridge.source.retry import ThrottledError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
URL = "https://api.example.test/api/machines?$filter=x"


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, httpx.Headers({k.replace("_", "-"): v for k, v in headers.items()}), raw, len(raw))


def error(message: str, code: str = "X") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "target": "corr-1"}}


MISSING = (
    "Missing application roles. API required roles: Machine.Read.All,Machine.ReadWrite.All, application roles: {}."
)


@pytest.mark.parametrize(
    ("got", "kind", "code"),
    [
        pytest.param(answer(400, error("Filter parameter is invalid")), ConfigError, "defender.bad-request", id="400"),
        pytest.param(answer(401), FatalError, "defender.unauthorised", id="401 without a body"),
        pytest.param(answer(403, error(MISSING.format(" "))), FatalError, "defender.missing-role", id="no role"),
        pytest.param(
            answer(403, error("Tenant has no licence")), FatalError, "defender.missing-licence", id="no licence"
        ),
        pytest.param(answer(403, b"<html>"), FatalError, "defender.forbidden", id="a gateway's 403"),
        pytest.param(answer(404, error("x")), FatalError, "defender.not-found", id="404"),
        pytest.param(answer(429), ThrottledError, "defender.throttled", id="429"),
        pytest.param(answer(500, error("")), RetryableError, "defender.server-error", id="500 without a message"),
        pytest.param(answer(502, b"<html>"), RetryableError, "defender.server-error", id="502 in HTML"),
        pytest.param(answer(503, retry_after="9"), ThrottledError, "defender.server-error", id="503 with a time"),
        pytest.param(
            answer(302, location="https://sso.example.test/login?x"), FatalError, "defender.unexpected-status", id="302"
        ),
    ],
)
def test_each_refusal_is_told_by_remedy(
    make_settings: Callable[..., Any], got: Answer, kind: type[Exception], code: str
) -> None:
    found = refusal(make_settings(), URL, got, NOW)
    assert (type(found), found.code) == (kind, code)


def test_a_missing_role_is_named_with_what_is_held(make_settings: Callable[..., Any]) -> None:
    found = refusal(make_settings(), URL, answer(403, error(MISSING.format("Machine.Isolate"))), NOW)
    assert "lacks the role Machine.Read.All; it holds Machine.Isolate" in found.message
    assert "Machine.Read.All" in found.remedy
    assert found.context["role"] == "Machine.Read.All"


def test_the_servers_words_and_correlation_id_are_passed_on(make_settings: Callable[..., Any]) -> None:
    text = "Custom query option '$stop' that starts with '$' is not supported."
    found = refusal(make_settings(), URL, answer(400, error(text)), NOW)
    assert text in found.message
    assert found.context["correlation_id"] == "corr-1"
    assert "filter" in found.remedy


def test_a_redirect_names_the_host_it_points_to(make_settings: Callable[..., Any]) -> None:
    found = refusal(make_settings(), URL, answer(302, location="https://sso.example.test/login?token=x"), NOW)
    assert "sso.example.test" in found.message
    assert "token=x" not in found.message


@pytest.mark.parametrize(
    ("body", "is_own"),
    [
        pytest.param(b"", True, id="empty"),
        pytest.param(b'{"error":{"code":"NotFound"}}', True, id="error object"),
        pytest.param(b"<html>not here</html>", False, id="a web server's page"),
        pytest.param(b'{"detail":"Not Found"}', False, id="another service's JSON"),
        pytest.param(b"[]", False, id="an array"),
    ],
)
def test_defenders_own_errors_are_told_from_others(body: bytes, is_own: bool) -> None:
    assert is_error_body(body) is is_own
