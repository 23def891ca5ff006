"""One simulator process for the tests that only read, and a client that is logged in to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulator")


@pytest.fixture(scope="session")
def shared(home: Path) -> Iterator[RunningSimulator]:
    settings = SimulatorSettings(home=home, devices=120, findings_per_device=10, page_size=500, has_quotas=False)
    with start_simulator(settings) as running:
        yield running


@pytest.fixture
def simulator(shared: RunningSimulator) -> Iterator[RunningSimulator]:
    """The shared process, unbroken and with an empty log."""
    shared.control("requests", method="DELETE")
    yield shared
    shared.control("faults", method="DELETE")
    shared.control(
        "directory",
        {
            "roles": ["Machine.Read.All", "Vulnerability.Read.All", "Software.Read.All"],
            "isDisabled": False,
            "isSecretExpired": False,
        },
    )


@pytest.fixture
def login(simulator: RunningSimulator) -> Iterator[httpx.Client]:
    """A client of the login host that trusts its authority."""
    with httpx.Client(base_url=simulator.login_url, verify=trusting(simulator.ca_bundle), timeout=30) as client:
        yield client


@pytest.fixture
def api(simulator: RunningSimulator, login: httpx.Client) -> Iterator[httpx.Client]:
    """A client of the API with a token."""
    token = token_of(simulator, login)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=simulator.api_url, headers=headers, timeout=30) as client:
        yield client


def trusting(bundle: str) -> Any:
    import ssl  # noqa: PLC0415

    return ssl.create_default_context(cafile=bundle)


def token_of(simulator: RunningSimulator, login: httpx.Client, **changes: str) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": simulator.client_id,
        "client_secret": simulator.client_secret,
        "scope": f"{simulator.audience}/.default",
    }
    answer = login.post(f"/{simulator.tenant_id}/oauth2/v2.0/token", data=form | changes)
    token: str = answer.json()["access_token"]
    return token
