"""Every way to log in, against the simulated login host: msal makes the assertions, the host checks them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from riskbridge.simulator.assertions import FEDERATED_AUDIENCE, ISSUER, SUBJECT, register
from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.streams import DefenderSource

Check = Callable[..., Any]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    settings = SimulatorSettings(home=tmp_path_factory.mktemp("simulator"), devices=2)
    with start_simulator(settings) as started:
        yield started


@pytest.fixture
def check(running: RunningSimulator) -> Check:
    """A function: the items of a connection test with other credentials than the secret, by name."""

    def run(**credentials: Any) -> dict[str, Any]:
        settings = DefenderSettings(
            login_url=running.login_url,
            api_url=running.api_url,
            audience=running.audience,
            tenant_id=running.tenant_id,
            client_id=running.client_id,
            ca_bundle=Path(running.ca_bundle),
            **credentials,
        )
        with DefenderSource(settings) as source:
            return {item.name: item for item in source.check().items}

    return run


def test_a_pem_certificate_logs_in(running: RunningSimulator, check: Check) -> None:
    items = check(certificate=Path(running.client_certificate))
    assert [name for name, item in items.items() if not item.is_ok] == []
    assert "is valid until" in items["certificate"].message
    assert items["machines"].is_ok


def test_a_pfx_logs_in_with_its_passphrase(running: RunningSimulator, check: Check) -> None:
    assert check(certificate=Path(running.client_pfx), client_secret=running.client_secret)["token"].is_ok
    refused = check(certificate=Path(running.client_pfx), client_secret="another")["token"]
    assert refused.code == "defender.bad-certificate"


def test_a_federated_token_logs_in(running: RunningSimulator, check: Check) -> None:
    items = check(federated_token_file=Path(running.federated_token))
    assert (items["token"].is_ok, items["machines"].is_ok) == (True, True)


def test_a_certificate_that_is_not_registered_is_named(check: Check, tmp_path: Path) -> None:
    other = register(tmp_path, "passphrase")
    assert check(certificate=other.files["client_certificate"])["token"].code == "defender.unknown-certificate"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "https://elsewhere.example.test"}, "defender.no-federated-trust"),
        ({"aud": "api://another"}, "defender.unknown-certificate"),
        ({"exp": 1}, "defender.unknown-certificate"),
    ],
    ids=["issuer", "audience with another's key", "old with another's key"],
)
def test_a_federated_token_that_is_not_trusted_is_named(
    check: Check, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": FEDERATED_AUDIENCE, "exp": int(time.time()) + 600} | change
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "token").write_text(jwt.encode(claims, key, "RS256"))
    assert check(federated_token_file=tmp_path / "token")["token"].code == code


def test_a_federated_token_is_read_anew_for_every_login(
    running: RunningSimulator, check: Check, tmp_path: Path
) -> None:
    shutil.copy(running.federated_token, tmp_path / "token")
    assert check(federated_token_file=tmp_path / "token")["token"].is_ok
    (tmp_path / "token").write_text("")
    assert check(federated_token_file=tmp_path / "token")["token"].code == "defender.no-federated-token"


def test_a_simulator_of_the_same_home_takes_the_same_certificate(running: RunningSimulator, check: Check) -> None:
    home = Path(running.client_certificate).parent
    with start_simulator(SimulatorSettings(home=home, devices=1)):
        assert check(certificate=Path(running.client_certificate))["token"].is_ok
        assert check(federated_token_file=Path(running.federated_token))["token"].is_ok
