from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msal
import pytest

from riskbridge.simulator.entra import ASSERTION_TYPE
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings

AUDIENCE = "https://api.securitycenter.microsoft.com"
UNKNOWN = "99999999-9999-4999-8999-999999999999"


def good(simulator: RunningSimulator, *, version: int = 2) -> dict[str, str]:
    named = {"scope": f"{AUDIENCE}/.default"} if version == 2 else {"resource": AUDIENCE}
    return {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
    } | named


def path(simulator: RunningSimulator, *, version: int = 2) -> str:
    return f"/{simulator.tenant_id}/oauth2/{'v2.0/' if version == 2 else ''}token"


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=="))
    return found


class HttpClient:
    """What msal wants of an HTTP client, over httpx."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, url: str, *, params: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._client.get(url, params=params, headers=headers)

    def post(self, url: str, *, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._client.post(url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """Leave it open: the fixture closes it."""


def test_msal_gets_a_token_that_the_api_takes(simulator: RunningSimulator, login: httpx.Client) -> None:
    application = msal.ConfidentialClientApplication(
        simulator.client_id,
        client_credential=simulator.client_secret,
        authority=f"{simulator.login_url}{simulator.tenant_id}",
        instance_discovery=False,
        http_client=HttpClient(login),
    )
    answer = application.acquire_token_for_client([f"{AUDIENCE}/.default"])
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert httpx.get(f"{simulator.api_url}/api/machines?$top=1", headers=headers).status_code == 200


def test_the_v2_answer_has_numbers(simulator: RunningSimulator, login: httpx.Client) -> None:
    answer = login.post(path(simulator), data=good(simulator))
    body = answer.json()
    token = claims(body.pop("access_token"))
    assert body == {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599}
    assert (token["aud"], token["roles"]) == (
        AUDIENCE,
        ["Machine.Read.All", "Vulnerability.Read.All", "Software.Read.All"],
    )
    assert answer.headers["cache-control"] == "no-store, no-cache"


def test_the_v1_answer_has_texts_and_four_members_more(simulator: RunningSimulator, login: httpx.Client) -> None:
    body = login.post(path(simulator, version=1), data=good(simulator, version=1)).json()
    assert list(body) == [
        "token_type", "expires_in", "ext_expires_in", "expires_on", "not_before", "resource", "access_token",
    ]  # fmt: skip
    assert all(isinstance(value, str) for value in body.values())
    assert int(body["expires_on"]) - int(body["not_before"]) == 3900


def test_the_secret_may_come_as_basic_authentication(simulator: RunningSimulator, login: httpx.Client) -> None:
    form = {k: v for k, v in good(simulator).items() if not k.startswith("client_")}
    answer = login.post(path(simulator), data=form, auth=(simulator.client_id, simulator.client_secret))
    assert answer.status_code == 200


def test_the_tenant_may_be_named_by_its_domain(simulator: RunningSimulator, login: httpx.Client) -> None:
    answer = login.post("/simulator.example.test/oauth2/v2.0/token", data=good(simulator))
    assert claims(answer.json()["access_token"])["tid"] == simulator.tenant_id


@dataclass(frozen=True)
class Refused:
    """What is changed in a good request, and how it is refused."""

    changes: dict[str, str]
    status: int
    error: str
    code: int
    text: str
    version: int = 2


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            Refused({"client_secret": "x"}, 401, "invalid_client", 7000215, "Invalid client secret"), id="secret"
        ),
        pytest.param(
            Refused({"client_secret": "x"}, 401, "invalid_client", 7000215, "Invalid client secret", version=1),
            id="wrong secret at v1",
        ),
        pytest.param(
            Refused({"client_secret": "expired"}, 401, "invalid_client", 7000222, "are expired"), id="expired"
        ),
        pytest.param(Refused({"client_secret": ""}, 401, "invalid_client", 7000218, "'client_assertion'"), id="none"),
        pytest.param(
            Refused(
                {"client_assertion": "no jwt", "client_assertion_type": ASSERTION_TYPE},
                401,
                "invalid_client",
                50027,
                "Invalid JWT token",
            ),
            id="assertion",
        ),
        pytest.param(Refused({"client_id": UNKNOWN}, 400, "unauthorized_client", 700016, f"'{UNKNOWN}'"), id="app"),
        pytest.param(
            Refused({"scope": "Machine.Read.All"}, 400, "invalid_scope", 70011, "is not valid"), id="bad scope"
        ),
        pytest.param(Refused({"scope": AUDIENCE}, 400, "invalid_scope", 1002012, "/.default"), id="no default"),
        pytest.param(
            Refused(
                {"scope": f"{AUDIENCE}/.default https://graph.microsoft.com/.default"},
                400,
                "invalid_scope",
                700022,
                "more than one resource",
            ),
            id="two resources",
        ),
        pytest.param(Refused({"scope": ""}, 400, "invalid_request", 900144, "parameter: 'scope'"), id="no scope"),
        pytest.param(
            Refused({"resource": ""}, 400, "invalid_request", 900144, "parameter: 'resource'", version=1),
            id="no resource at v1",
        ),
        pytest.param(
            Refused({"grant_type": ""}, 400, "invalid_request", 900144, "parameter: 'grant_type'"), id="no grant type"
        ),
        pytest.param(
            Refused({"grant_type": "x"}, 400, "unsupported_grant_type", 70003, "grant type 'x'"), id="other grant type"
        ),
        pytest.param(
            Refused({"scope": "https://x.test/.default"}, 400, "invalid_resource", 500011, "named https://x.test"),
            id="resource",
        ),
    ],
)
def test_a_refusal_reads_like_the_real_one(simulator: RunningSimulator, login: httpx.Client, case: Refused) -> None:
    form = good(simulator, version=case.version) | case.changes
    answer = login.post(path(simulator, version=case.version), data=form)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (case.status, case.error, [case.code])
    assert case.text in body["error_description"]
    assert body["error_description"].startswith(f"AADSTS{case.code}: ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", body["timestamp"])
    assert body["error_uri"] == f"https://login.microsoftonline.com/error?code={case.code}"
    assert answer.headers["x-ms-request-id"] == body["trace_id"]
    assert simulator.client_secret not in answer.text


@pytest.mark.parametrize(
    ("method", "place", "error"),
    [
        pytest.param("POST", "oauth2/v2.0/token", "invalid_request", id="token endpoint"),
        pytest.param("GET", "v2.0/.well-known/openid-configuration", "invalid_tenant", id="OpenID document"),
        pytest.param("GET", ".well-known/openid-configuration", "invalid_tenant", id="older OpenID document"),
    ],
)
def test_an_unknown_tenant_is_not_found(
    simulator: RunningSimulator, login: httpx.Client, method: str, place: str, error: str
) -> None:
    answer = login.request(method, f"/{UNKNOWN}/{place}", data=good(simulator) if method == "POST" else None)
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (400, error, [90002])
    assert f"Tenant '{UNKNOWN}' not found." in body["error_description"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"isDisabled": True}, 7000112, id="application disabled"),
        pytest.param({"isSecretExpired": True}, 7000222, id="secret expired"),
    ],
)
def test_the_directory_can_turn_against_the_application(
    simulator: RunningSimulator, login: httpx.Client, change: dict[str, Any], code: int
) -> None:
    simulator.control("directory", change)
    assert login.post(path(simulator), data=good(simulator)).json()["error_codes"] == [code]


def test_a_token_without_roles_is_issued_and_then_refused(simulator: RunningSimulator, login: httpx.Client) -> None:
    simulator.control("directory", {"roles": []})
    token = login.post(path(simulator), data=good(simulator)).json()["access_token"]
    assert "roles" not in claims(token)
    answer = httpx.get(f"{simulator.api_url}/api/machines", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")
    assert answer.json()["error"]["message"] == (
        "Missing application roles. API required roles: Machine.Read.All,Machine.ReadWrite.All, application roles:  ."
    )


def test_a_token_for_another_resource_is_refused_by_the_api(simulator: RunningSimulator, login: httpx.Client) -> None:
    form = good(simulator) | {"scope": "https://api.security.microsoft.com/.default"}
    token = login.post(path(simulator), data=form).json()["access_token"]
    answer = httpx.get(f"{simulator.api_url}/api/machines", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_a_token_lives_as_long_as_was_set(home: Path) -> None:
    with (
        start_simulator(SimulatorSettings(home=home, devices=3, token_life_s=-1)) as simulator,
        httpx.Client(base_url=simulator.login_url, verify=simulator_trust(simulator)) as login,
    ):
        token = login.post(path(simulator), data=good(simulator)).json()["access_token"]
        answer = httpx.get(f"{simulator.api_url}/api/machines", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "Unauthorized")


def simulator_trust(simulator: RunningSimulator) -> Any:
    import ssl  # noqa: PLC0415

    return ssl.create_default_context(cafile=simulator.ca_bundle)
