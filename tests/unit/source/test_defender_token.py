from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.source.defender.doctor import token_roles
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.token import TokenProvider
from riskbridge.source.http import HttpClient
from riskbridge.source.retry import ThrottledError

TENANT = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def settings(make_settings: Callable[..., DefenderSettings], tls_server: Any, ca_bundle: Path) -> DefenderSettings:
    return make_settings(login_url=f"{tls_server.url}/", ca_bundle=ca_bundle)


@pytest.fixture
def provider(settings: DefenderSettings, clock: Any) -> Iterator[TokenProvider]:
    with HttpClient(settings.http) as client:
        yield TokenProvider(settings, client, clock)


def discovery(server: Any, reply: Any) -> Any:
    base = f"{server.url}/{TENANT}"
    document = {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
    }
    return reply(body=json.dumps(document).encode())


def token_reply(reply: Any, token: str = "t1", life_s: int = 3599) -> Any:
    body = {"token_type": "Bearer", "expires_in": life_s, "ext_expires_in": life_s, "access_token": token}
    return reply(body=json.dumps(body).encode())


def refusal_reply(reply: Any, status: int, error: str, number: int, text: str = "No.") -> Any:
    words = f"AADSTS{number}: {text} Trace ID: 1 Correlation ID: 2 Timestamp: 2026-11-01 10:00:00Z"
    return reply(status, json.dumps({"error": error, "error_description": words, "error_codes": [number]}).encode())


def test_a_token_is_asked_for_the_audience_with_the_secret_in_the_body(
    provider: TokenProvider, tls_server: Any, reply: Any
) -> None:
    tls_server.replies = [discovery(tls_server, reply), token_reply(reply)]
    assert provider.token() == "t1"
    assert tls_server.paths == [f"/{TENANT}/v2.0/.well-known/openid-configuration", f"/{TENANT}/oauth2/v2.0/token"]
    form = {name: values[0] for name, values in parse_qs(tls_server.seen[1].body.decode()).items()}
    wanted = {
        "grant_type": "client_credentials",
        "client_id": "22222222-2222-4222-8222-222222222222",
        "client_secret": "s3cret",
        "scope": "https://api.securitycenter.microsoft.com/.default",
    }
    assert form.items() >= wanted.items()
    assert "s3cret" not in tls_server.seen[1].path


def test_a_token_is_kept_while_it_lasts(provider: TokenProvider, tls_server: Any, reply: Any) -> None:
    tls_server.replies = [discovery(tls_server, reply), token_reply(reply)]
    assert [provider.token(), provider.token(), provider.token()] == ["t1"] * 3
    assert len(tls_server.seen) == 2


def test_a_token_about_to_expire_is_renewed(provider: TokenProvider, tls_server: Any, reply: Any) -> None:
    tls_server.replies = [discovery(tls_server, reply), token_reply(reply, "t1", 240), token_reply(reply, "t2")]
    assert [provider.token(), provider.token(), provider.token()] == ["t1", "t2", "t2"]


def test_a_refused_token_is_replaced_once(provider: TokenProvider, tls_server: Any, reply: Any) -> None:
    tls_server.replies = [discovery(tls_server, reply), token_reply(reply, "t1"), token_reply(reply, "t2")]
    refused = provider.token()
    assert [provider.force_refresh(refused), provider.force_refresh(refused), provider.token()] == ["t2"] * 3


@pytest.mark.parametrize(
    ("status", "error", "number", "code"),
    [
        pytest.param(401, "invalid_client", 7000215, "defender.wrong-secret", id="wrong secret"),
        pytest.param(401, "invalid_client", 7000222, "defender.expired-secret", id="expired secret"),
        pytest.param(400, "unauthorized_client", 700016, "defender.unknown-app", id="unknown application"),
        pytest.param(400, "invalid_request", 90002, "defender.unknown-tenant", id="unknown tenant"),
        pytest.param(400, "invalid_resource", 500011, "defender.bad-audience", id="unknown resource"),
        pytest.param(400, "invalid_scope", 70011, "defender.bad-audience", id="bad scope"),
        pytest.param(400, "invalid_scope", 1002012, "defender.bad-audience", id="scope of another form"),
        pytest.param(401, "invalid_client", 7000229, "defender.no-consent", id="no service principal"),
        pytest.param(400, "unauthorized_client", 7000112, "defender.disabled-app", id="disabled application"),
        pytest.param(400, "invalid_request", 900432, "defender.wrong-cloud", id="another national cloud"),
        pytest.param(400, "invalid_request", 123456, "defender.login-refused", id="a number nobody knows"),
    ],
)
def test_entras_refusals_are_told_by_remedy(
    provider: TokenProvider, tls_server: Any, reply: Any, *, status: int, error: str, number: int, code: str
) -> None:
    tls_server.replies = [discovery(tls_server, reply), refusal_reply(reply, status, error, number)]
    with pytest.raises(ConfigError) as caught:
        provider.token()
    assert (caught.value.code, caught.value.context["aadsts"]) == (code, number)
    assert "s3cret" not in f"{caught.value} {caught.value.as_dict()}"
    assert "Trace ID" not in str(caught.value)


def test_a_refusal_is_not_remembered_once_its_cause_is_mended(
    provider: TokenProvider, tls_server: Any, reply: Any
) -> None:
    refused = refusal_reply(reply, 400, "unauthorized_client", 700016)
    tls_server.replies = [discovery(tls_server, reply), refused, discovery(tls_server, reply), token_reply(reply)]
    with pytest.raises(ConfigError):
        provider.token()
    assert provider.token() == "t1"


def test_an_unknown_tenant_is_known_by_its_missing_document(
    provider: TokenProvider, tls_server: Any, reply: Any
) -> None:
    tls_server.replies = [refusal_reply(reply, 400, "invalid_tenant", 90002)]
    with pytest.raises(ConfigError) as caught:
        provider.token()
    assert caught.value.code == "defender.unknown-tenant"
    assert TENANT in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>Welcome</html>", id="HTML"),
        pytest.param(b"{}", id="an empty document"),
        pytest.param(b"[]", id="an array"),
    ],
)
def test_a_host_that_is_no_login_host_is_told(
    provider: TokenProvider, tls_server: Any, reply: Any, body: bytes
) -> None:
    tls_server.replies = [reply(body=body)]
    with pytest.raises(FatalError) as caught:
        provider.token()
    assert caught.value.code == "defender.bad-login-url"


def test_a_login_host_in_trouble_is_retryable(provider: TokenProvider, tls_server: Any, reply: Any) -> None:
    tls_server.replies = [reply(503), discovery(tls_server, reply), token_reply(reply)]
    with pytest.raises(RetryableError) as caught:
        provider.token()
    assert caught.value.code == "defender.login-unavailable"
    assert provider.token() == "t1"


def test_a_login_host_that_throttles_says_how_long(provider: TokenProvider, tls_server: Any, reply: Any) -> None:
    tls_server.replies = [discovery(tls_server, reply), reply(429, headers={"Retry-After": "12"})]
    with pytest.raises(ThrottledError) as caught:
        provider.token()
    assert caught.value.wait_s == 12


def test_a_login_host_with_a_foreign_certificate_is_not_trusted(
    make_settings: Callable[..., DefenderSettings], tls_server: Any, clock: Any
) -> None:
    settings = make_settings(login_url=tls_server.url)
    with HttpClient(settings.http) as client, pytest.raises(ConfigError) as caught:
        TokenProvider(settings, client, clock).token()
    assert caught.value.code == "http.untrusted-certificate"


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        pytest.param(
            {"roles": ["Vulnerability.Read.All", "Machine.Read.All"]},
            ("Machine.Read.All", "Vulnerability.Read.All"),
            id="two",
        ),
        pytest.param({"aud": "x"}, (), id="no consent was ever given"),
        pytest.param({"roles": "Machine.Read.All"}, (), id="another shape"),
        pytest.param(None, (), id="no JWT"),
    ],
)
def test_roles_are_read_from_the_token(claims: dict[str, Any] | None, roles: tuple[str, ...]) -> None:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert token_roles("opaque" if claims is None else f"e30.{payload}.c2ln") == roles
