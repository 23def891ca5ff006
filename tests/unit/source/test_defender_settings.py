from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from riskbridge.errors import ConfigError

SECRETS = ("s3cret", "pr0xypass")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"login_url": "http://login.example.test"}, "defender.bad-url", id="login in the clear"),
        pytest.param({"login_url": "http://127.0.0.1:1"}, "defender.bad-url", id="login in the clear on loopback"),
        pytest.param({"api_url": "http://api.example.test"}, "defender.bad-url", id="API in the clear"),
        pytest.param({"api_url": "api.security.microsoft.com"}, "defender.bad-url", id="no scheme"),
        pytest.param({"api_url": "https://user:pw@api.example.test"}, "defender.bad-url", id="credentials in the URL"),
        pytest.param({"api_url": "https://[::1"}, "defender.bad-url", id="no address at all"),
        pytest.param({"tenant_id": "my tenant"}, "defender.bad-tenant", id="blank in the tenant"),
        pytest.param({"tenant_id": "../x"}, "defender.bad-tenant", id="path in the tenant"),
        pytest.param({"tenant_id": "common"}, "defender.bad-tenant", id="tenant of all"),
        pytest.param({"client_id": " "}, "defender.no-credentials", id="no client id"),
        pytest.param({"client_secret": ""}, "defender.no-credentials", id="no secret"),
        pytest.param({"ca_bundle": Path("nowhere.pem")}, "defender.no-ca-bundle", id="bundle missing"),
        pytest.param({"page_size": 0}, "defender.bad-page-size", id="page of nothing"),
        pytest.param({"page_size": 200_001}, "defender.bad-page-size", id="page beyond the API's largest"),
    ],
)
def test_what_cannot_work_is_refused(make_settings: Callable[..., Any], changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_settings(**changes)
    assert caught.value.code == code
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "api_url", ["https://api.example.test", "https://api.example.test/", "https://api.example.test/api/"]
)
def test_the_api_url_may_be_written_in_any_of_its_usual_forms(make_settings: Callable[..., Any], api_url: str) -> None:
    assert make_settings(api_url=api_url).api_url == "https://api.example.test"


def test_the_text_form_holds_no_secret(make_settings: Callable[..., Any]) -> None:
    text = repr(make_settings(proxy="http://u:pr0xypass@proxy:1"))
    assert not [s for s in SECRETS if s in text]
