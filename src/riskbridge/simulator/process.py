"""The simulator as a second process of this program, for the demo and for tests."""

from __future__ import annotations

import json
import select
import ssl
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field, fields
from types import TracebackType
from typing import Any, Self

from riskbridge.errors import FatalError
from riskbridge.simulator.settings import SimulatorSettings

_OPTIONS = {
    "home": "--home",
    "devices": "--devices",
    "findings_per_device": "--findings-per-device",
    "seed": "--seed",
    "as_of": "--as-of",
    "speed": "--speed",
    "port": "--port",
    "login_port": "--login-port",
    "tenant_id": "--tenant-id",
    "tenant_domain": "--tenant-domain",
    "client_id": "--client-id",
    "client_secret": "--client-secret",
    "audience": "--audience",
    "token_life_s": "--token-life-s",
    "page_size": "--page-size",
    "quota_scale": "--quota-scale",
    "quota_speed": "--quota-speed",
}


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that listens; a context manager that stops it.

    Attributes:
        process: Its process.
        login_url: Login host, https, ends in a slash.
        api_url: API host, without a path.
        control_url: Its control API.
        feeds_url: Where the KEV and EPSS feeds are.
        ca_bundle: File of the authority that signed the login host's certificate.
        tenant_id: The tenant.
        client_id: The application.
        client_secret: Its secret.
        client_certificate: PEM file with its registered certificate and key.
        client_pfx: The same as PFX; the secret is its passphrase.
        federated_token: File with a token of the identity provider that it trusts.
        audience: The resource to ask a token for.
        devices: Devices in the tenant at its start.
        findings: Finding rows at its start.
        pid: Its process id.
    """

    process: subprocess.Popen[bytes] = field(repr=False)
    login_url: str
    api_url: str
    control_url: str
    feeds_url: str
    ca_bundle: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    client_certificate: str
    client_pfx: str
    federated_token: str
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
        """End the process and wait for its end; again is no harm."""
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def control(self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> Any:
        """Call the control API: GET without a body, POST with one, or the method given; gives the JSON answer.

        Raises:
            urllib.error.HTTPError: The simulator refused; the body says why.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control_url}/{path}", data=data, method=method)  # noqa: S310 - loopback
        is_tls = self.control_url.startswith("https:")
        trust = ssl.create_default_context(cafile=self.ca_bundle) if is_tls else None
        with urllib.request.urlopen(request, timeout=60, context=trust) as answer:  # noqa: S310
            return json.loads(answer.read())


def start_simulator(settings: SimulatorSettings, *, timeout_s: float = 60.0) -> RunningSimulator:
    """Start a simulator and wait until it listens; it ends with this process at the latest.

    Raises:
        FatalError: `simulator.not-started`: it ended, or did not listen in `timeout_s` seconds.
    """
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and words
        _command(settings), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    line = _first_line(process, timeout_s)
    if not line.endswith(b"\n"):
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        raise FatalError(
            "The simulator did not start; what it said is above.",
            code="simulator.not-started",
            remedy="Mend what it says and start it again.",
        )
    values = json.loads(line)
    known = {f.name for f in fields(RunningSimulator)}
    return RunningSimulator(process=process, **{k: v for k, v in values.items() if k in known})


def _first_line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """What it printed up to the end of its first line; what there is when it ends or time is up."""
    assert process.stdout is not None
    end, line = time.monotonic() + timeout_s, b""
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            break
        part = process.stdout.read1(65536)  # type: ignore[attr-defined]
        if not part:
            break
        line += part
    return line


def _command(settings: SimulatorSettings) -> list[str]:
    words = [sys.executable, "-m", "riskbridge.simulator", "--exit-with-parent"]
    for name, option in _OPTIONS.items():
        words += [f"{option}={getattr(settings, name)}"]
    words.append(f"--roles={','.join(settings.roles)}")
    words += [f"--from={source}" for source in settings.sources]
    words += [f"--scenario={name}:{json.dumps(values)}" for name, values in settings.scenarios]
    if settings.has_api_tls:
        words.append("--tls")
    words += ["--empty-is-404"] if settings.is_empty_missing else []
    return words if settings.has_quotas else [*words, "--no-quotas"]
