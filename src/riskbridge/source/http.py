"""One HTTP client a connector: reused connections, bounded bodies, and retries by remedy."""

from __future__ import annotations

import random
import re
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import httpx

from riskbridge import __version__
from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError

USER_AGENT = f"MdePartner-Riskbridge-Riskbridge/{__version__}"
LARGEST_BODY_BYTES = 512 * 1024 * 1024
TRANSIENT = frozenset({408, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer: status, headers in lower case, and the decoded body."""

    status: int
    headers: httpx.Headers
    body: bytes


@dataclass(slots=True)
class Traffic:
    """What a client has done so far."""

    calls: int = 0
    retries: int = 0
    throttled_s: float = 0.0
    received_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to wait: `attempts` in all for transient faults, throttling up to `longest_wait_s` a time."""

    attempts: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 3700.0
    throttle_attempts: int = 60
    sleep: Callable[[float], None] = time.sleep

    def backoff_s(self, attempt: int) -> float:
        """The wait before the attempt after this one (from 0): doubled each time, with jitter."""
        return float(min(60.0, self.first_wait_s * 2**attempt) * (0.5 + random.random() / 2))  # noqa: S311


def make_client(*, ca_bundle: Path | None, proxy: str | None, read_timeout_s: float) -> httpx.Client:
    """A client that trusts the system's certificates and the bundle's, whatever CA variables the environment holds.

    Raises:
        ConfigError: `http.bad-ca-bundle`, `http.bad-proxy`.
    """
    context = ssl.create_default_context()
    if ca_bundle is not None:
        try:
            context.load_verify_locations(cafile=str(ca_bundle))
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"The CA bundle {ca_bundle} cannot be read: {error}.",
                code="http.bad-ca-bundle",
                remedy="Give a PEM file of certificates.",
            ) from error
    try:
        return httpx.Client(
            verify=context,
            proxy=proxy,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(connect=10.0, read=read_timeout_s, write=30.0, pool=30.0),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"},
        )
    except ValueError as error:
        raise ConfigError(
            f"The proxy '{proxy}' is not an address: {error}.", code="http.bad-proxy", remedy="Give http://host:port."
        ) from error


class ApiClient:
    """GET with retries: the same request is made again until it is answered, refused, or hopeless.

    Args:
        client: The connections.
        authorise: Gives the `Authorization` header's value; told True when the former one was refused.
        policy: How to wait.
        check: Raises when a good answer's body cannot be used; a `RetryableError` of it asks again.
    """

    def __init__(
        self, client: httpx.Client, authorise: Callable[[bool], str], *, policy: RetryPolicy | None = None
    ) -> None:
        self._client = client
        self._authorise = authorise
        self._policy = policy or RetryPolicy()
        self.traffic = Traffic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, url: str) -> Response:
        """The answer to a GET, once it is 200 or 404.

        Raises:
            FatalError: Access refused, or the answer broke the protocol.
            ConfigError: The request itself is wrong (400).
            RetryableError: Still throttled or failing after every attempt.
        """
        throttled = faults = 0
        is_renewed = False
        while True:
            try:
                response = self._send(url, is_renewed=is_renewed)
            except RetryableError as error:
                faults += 1
                if faults >= self._policy.attempts:
                    raise
                self._wait(self._policy.backoff_s(faults - 1), error)
                continue
            if response.status in (200, 404):
                return response
            if response.status == 429:
                throttled += 1
                self._throttle(url, response, throttled)
            elif response.status in TRANSIENT and faults + 1 < self._policy.attempts:
                faults += 1
                self._wait(self._policy.backoff_s(faults - 1), None)
            elif response.status == 401 and not is_renewed:
                is_renewed = True
            else:
                raise refusal(url, response)

    def _send(self, url: str, *, is_renewed: bool) -> Response:
        headers = {"Authorization": self._authorise(is_renewed)}
        self.traffic.calls += 1
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                body = _read_bounded(answer, url)
        except httpx.TimeoutException as error:
            raise _unreachable(url, "did not answer in time", error) from error
        except httpx.TransportError as error:
            raise _unreachable(url, f"could not be read ({_cause(error)})", error) from error
        self.traffic.received_bytes += len(body)
        return Response(answer.status_code, answer.headers, body)

    def _throttle(self, url: str, response: Response, times: int) -> None:
        wait_s = retry_after_s(response) or self._policy.backoff_s(times)
        if times >= self._policy.throttle_attempts or wait_s > self._policy.longest_wait_s:
            raise RetryableError(
                f"{_host(url)} keeps answering 429 (too many requests) for {_path(url)}.",
                code="defender.throttled",
                remedy=f"Run again in {wait_s:.0f} seconds, or schedule the profile at a quieter hour.",
                retry_at=datetime.now(UTC) + timedelta(seconds=wait_s),
            )
        self.traffic.throttled_s += wait_s
        self._policy.sleep(wait_s)

    def _wait(self, wait_s: float, _: RiskbridgeError | None) -> None:
        self.traffic.retries += 1
        self._policy.sleep(wait_s)


def _read_bounded(answer: httpx.Response, url: str) -> bytes:
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    raw = bytearray()
    for chunk in answer.iter_raw():
        raw += chunk
        if len(raw) > LARGEST_BODY_BYTES:
            raise _too_large(url)
    if encoding in ("", "identity"):
        return bytes(raw)
    if encoding not in ("gzip", "deflate"):
        raise FatalError(
            f"{_host(url)} answered in the encoding '{encoding}', which was not asked for.",
            code="http.bad-encoding",
            remedy="Check the proxy between riskbridge and the API.",
        )
    return _inflate(bytes(raw), url)


def _inflate(raw: bytes, url: str) -> bytes:
    """Undo gzip, zlib or raw deflate, told apart by the first bytes: Defender sends deflate without a zlib header."""
    is_gzip = raw[:2] == b"\x1f\x8b"
    is_zlib = len(raw) > 1 and raw[0] & 0x0F == 8 and (raw[0] << 8 | raw[1]) % 31 == 0
    if raw[:1] in (b"{", b"["):
        return raw
    decoder = zlib.decompressobj(31 if is_gzip else 15 if is_zlib else -15)
    try:
        body = decoder.decompress(raw, LARGEST_BODY_BYTES)
    except zlib.error as error:
        raise _unreachable(url, f"sent a damaged body ({error})", error) from error
    if decoder.unconsumed_tail:
        raise _too_large(url)
    if not decoder.eof:
        raise _unreachable(url, "sent half a body", None)
    return body


def retry_after_s(response: Response) -> float | None:
    """Seconds to wait by the `Retry-After` header, else by the sentence in the body, else None."""
    header = response.headers.get("retry-after", "").strip()
    if header.isdigit():
        return float(header)
    sentence = re.search(rb"again in (\d+) seconds", response.body)
    return float(sentence[1]) if sentence else None


def refusal(url: str, response: Response) -> RiskbridgeError:
    """The error that fits a refused request."""
    text = _error_text(response.body)
    where = f"{_host(url)} refused {_path(url)}"
    if response.status == 401:
        return FatalError(
            f"{where}: the token was not accepted (401). {text}",
            code="defender.unauthorised",
            remedy="Check the audience and the cloud of the connector with: riskbridge connector test",
        )
    if response.status == 403:
        roles = re.search(r"required roles: ([\w.,]+)", text)
        needed = roles[1].split(",")[0].rstrip(".") if roles else "Machine.Read.All and Vulnerability.Read.All"
        return FatalError(
            f"{where} (403). {text}",
            code="defender.missing-role",
            remedy=f"Grant the application permission {needed} on WindowsDefenderATP and give admin consent again.",
        )
    if response.status == 400:
        return ConfigError(
            f"{where} as a bad request (400). {text}",
            code="defender.bad-request",
            remedy="Check the profile's filters.",
        )
    return RetryableError(
        f"{where} with status {response.status}. {text}",
        code="defender.server-error",
        remedy="Run again later; the run goes on at the page it had reached.",
    )


def _error_text(body: bytes) -> str:
    found = re.search(rb'"message"\s*:\s*"((?:[^"\\]|\\.)*)"', body[:20_000])
    return found[1].decode("utf-8", "replace")[:600] if found else ""


def _unreachable(url: str, what: str, error: Exception | None) -> RetryableError | ConfigError:
    if error is not None and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigError(
            f"The certificate of {_host(url)} is not trusted.",
            code="http.untrusted-certificate",
            remedy="If a proxy inspects TLS or the host has its own authority, name its PEM file as the CA bundle.",
        )
    return RetryableError(
        f"{_host(url)} {what}.",
        code="http.unreachable",
        remedy="Check the address, the network and the proxy, then run again; the run goes on where it was.",
    )


def _cause(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0][:200] or type(error).__name__


def _too_large(url: str) -> FatalError:
    return FatalError(
        f"{_host(url)} sent a body of more than {LARGEST_BODY_BYTES >> 20} MiB for {_path(url)}.",
        code="http.too-large",
        remedy="Set a page size on the profile.",
    )


def _host(url: str) -> str:
    return httpx.URL(url).netloc.decode()


def _path(url: str) -> str:
    return httpx.URL(url).path
