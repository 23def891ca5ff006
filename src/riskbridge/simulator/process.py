"""The simulator as a second process of this program, for the demo and for tests."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from riskbridge.errors import FatalError
from riskbridge.simulator.settings import SimulatorSettings


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that listens; a context manager that stops it."""

    process: subprocess.Popen[bytes]
    login_url: str
    api_url: str
    control_url: str
    feeds_url: str
    ca_bundle: str
    tenant_id: str
    client_id: str
    client_secret: str
    audience: str
    devices: int
    findings: int
    pid: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and wait for its end."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the control API: GET without a body, POST with one; gives the JSON answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control_url}/{path}", data=data)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())


def start_simulator(settings: SimulatorSettings, *, timeout_s: float = 60.0) -> RunningSimulator:
    """Start a simulator and wait until it listens.

    Raises:
        FatalError: `simulator.not-started`.
    """
    process = subprocess.Popen(_command(settings), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)  # noqa: S603
    line = b""
    if process.stdout is not None and select.select([process.stdout], [], [], timeout_s)[0]:
        line = process.stdout.readline()
    if not line:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        raise FatalError(
            "The simulator did not start; what it said is above.",
            code="simulator.not-started",
            remedy="Mend what it says and start it again.",
        )
    return RunningSimulator(process=process, **json.loads(line))


def _command(settings: SimulatorSettings) -> list[str]:
    options: dict[str, object] = {
        "--home": settings.home,
        "--devices": settings.devices,
        "--findings-per-device": settings.findings_per_device,
        "--seed": settings.seed,
        "--port": settings.port,
        "--login-port": settings.login_port,
        "--tenant-id": settings.tenant_id,
        "--client-id": settings.client_id,
        "--client-secret": settings.client_secret,
        "--audience": settings.audience,
        "--token-life-s": settings.token_life_s,
        "--roles": ",".join(settings.roles),
    }
    words = [sys.executable, "-m", "riskbridge.simulator", "--exit-with-parent"]
    for name, value in options.items():
        words += [name, str(value)]
    for source in settings.sources:
        words += ["--from", str(source)]
    return words if settings.has_quotas else [*words, "--no-quotas"]
