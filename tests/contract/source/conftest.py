"""A simulated tenant in a process of its own, over TLS, and a source that reads it without waiting for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from riskbridge.simulator.process import RunningSimulator, start_simulator
from riskbridge.simulator.settings import SimulatorSettings
from riskbridge.source.defender.settings import DefenderSettings
from riskbridge.source.defender.streams import DefenderSource
from riskbridge.source.retry import RetryPolicy


class ImpatientClock:
    """The real time, without waiting in it; remembers each wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, seconds: float, stop: Event) -> None:  # noqa: ARG002
        self.waits.append(seconds)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    home = tmp_path_factory.mktemp("simulator")
    settings = SimulatorSettings(
        home=home, devices=30, findings_per_device=20, page_size=100, has_api_tls=True, has_quotas=False
    )
    with start_simulator(settings) as running:
        yield running


@pytest.fixture(autouse=True)
def peace(tenant: RunningSimulator) -> Iterator[None]:
    yield
    tenant.control("faults", method="DELETE")
    tenant.control("requests", method="DELETE")
    tenant.control("directory", {"roles": ["Machine.Read.All", "Vulnerability.Read.All"], "isSecretExpired": False})


@pytest.fixture
def clock() -> ImpatientClock:
    return ImpatientClock()


@pytest.fixture
def connect(tenant: RunningSimulator, clock: ImpatientClock) -> Iterator[Callable[..., DefenderSource]]:
    with ExitStack() as opened:

        def make(**changes: Any) -> DefenderSource:
            values: dict[str, Any] = {
                "login_url": tenant.login_url,
                "api_url": tenant.api_url,
                "audience": tenant.audience,
                "tenant_id": tenant.tenant_id,
                "client_id": tenant.client_id,
                "client_secret": tenant.client_secret,
                "ca_bundle": Path(tenant.ca_bundle),
            }
            settings = DefenderSettings(**(values | changes))
            return opened.enter_context(DefenderSource(settings, policy=RetryPolicy(attempts=4), clock=clock))

        yield make
