"""One HTTP client a connector: reused connections, bounded bodies, and httpx's failures as ours.

One request, one answer: what a status means, and whether to ask again, is decided by the callers.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, Self

import httpx

from riskbridge import __version__
from riskbridge.errors import ConfigError, FatalError, RetryableError, RiskbridgeError
from riskbridge.source.body import DamagedBodyError, OversizedBodyError, UnknownEncodingError, decode_body
from riskbridge.source.trust import make_tls_context

USER_AGENT = f"MdePartner-Riskbridge-Riskbridge/{__version__}"
"""The form that Microsoft asks of partners (get-started-partner-integration)."""

LARGEST_BODY_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach the outside.

    Attributes:
        ca_bundle: PEM certificates trusted besides the system's.
        proxy: `http://host:port`; None connects directly. Proxy variables of the environment are not read.
        connect_timeout_s: For a connection to be made.
        read_timeout_s: For the next bytes to arrive; Defender takes 13 s and more to begin a full page.
        largest_body_bytes: The most a body may hold, as sent or decoded.
    """

    ca_bundle: Path | None = None
    proxy: str | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 120.0
    largest_body_bytes: int = LARGEST_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers (names in any case), the decoded body, its length as sent, and itself as sent."""

    status: int
    headers: httpx.Headers
    body: bytes
    sent_bytes: int
    raw: bytes = b""

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes are replaced."""
        return self.body.decode("utf-8", "replace")

    @property
    def dated_at(self) -> datetime | None:
        """The `Date` header, aware UTC; None when missing or unreadable."""
        try:
            return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)
        except (KeyError, ValueError):
            return None


class HttpClient:
    """Sends requests over kept connections. Safe to use from several threads; close it, or use it as a context manager.

    Raises:
        ConfigError: `http.bad-ca-bundle`, `http.bad-proxy`.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self._largest_bytes = settings.largest_body_bytes
        context = make_tls_context(settings.ca_bundle)
        try:
            self._client = httpx.Client(
                verify=context,
                proxy=settings.proxy,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(
                    connect=settings.connect_timeout_s, read=settings.read_timeout_s, write=30.0, pool=30.0
                ),
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise ConfigError(
                "The proxy's address cannot be used.",
                code="http.bad-proxy",
                remedy="Give it as http://host:port.",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._client.close()

    def send(
        self,
        method: Literal["GET", "POST"],
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        follow_redirects: bool = False,
    ) -> Answer:
        """The answer, whatever its status.

        Raises:
            RetryableError: `http.unreachable`, `http.unknown-host`, `http.timeout`, `http.cut-off`.
            ConfigError: `http.untrusted-certificate`, `http.bad-url`, `http.bad-proxy`, `http.proxy-refused`.
            FatalError: `http.too-large`, `http.bad-encoding`.
        """
        try:
            request = self._client.build_request(method, url, headers=headers, params=params, data=form)
            answer = self._client.send(request, stream=True, follow_redirects=follow_redirects)
            try:
                raw = self._read(answer)
            finally:
                answer.close()
            encoding = answer.headers.get("content-encoding", "")
            body = decode_body(raw, encoding, limit_bytes=self._largest_bytes)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            raise _as_ours(url, error, self._largest_bytes) from error
        return Answer(answer.status_code, answer.headers, body, len(raw), raw)

    def _read(self, answer: httpx.Response) -> bytes:
        raw = bytearray()
        for chunk in answer.iter_raw():
            raw += chunk
            if len(raw) > self._largest_bytes:
                raise OversizedBodyError
        return bytes(raw)


def host_of(url: str) -> str:
    """The host and port of a URL, for messages; the text itself where it is no URL."""
    try:
        return httpx.URL(url).netloc.decode() or url
    except httpx.InvalidURL:
        return url


def _as_ours(url: str, error: Exception, largest_bytes: int) -> RiskbridgeError:
    """The one seam between httpx and the rest: each of its failures as one of ours; the unknown is raised again."""
    host = host_of(url)
    if _is_caused_by(error, ssl.SSLCertVerificationError):
        return ConfigError(
            f"The certificate of {host} is not trusted ({_cause(error)}).",
            code="http.untrusted-certificate",
            remedy="If a proxy inspects TLS, or the host has an authority of its own, name its PEM file as the "
            "connector's CA bundle (--ca-bundle).",
        )
    match error:
        case OversizedBodyError():
            return FatalError(
                f"{host} sent a body of more than {largest_bytes / 2**20:,.0f} MiB.",
                code="http.too-large",
                remedy="Set a smaller page size on the profile.",
            )
        case UnknownEncodingError():
            return FatalError(
                f"{host} answered in the encoding '{error}', which was not asked for.",
                code="http.bad-encoding",
                remedy="Check the proxy between riskbridge and the host.",
            )
        case DamagedBodyError():
            return _retryable("http.cut-off", f"The answer of {host} cannot be read: {error}.")
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return ConfigError(f"'{url}' is no web address.", code="http.bad-url", remedy="Give https://host/path.")
        case httpx.ProxyError():
            return _proxy_failure(host, error)
        case httpx.ConnectTimeout() | httpx.ConnectError():
            return _unreachable(host, error)
        case httpx.TimeoutException():
            return _retryable("http.timeout", f"{host} did not answer in time ({type(error).__name__}).")
        case httpx.HTTPError() | httpx.StreamError():
            return _retryable("http.cut-off", f"The connection to {host} broke ({_cause(error)}).")
    raise error


def _unreachable(host: str, error: Exception) -> RetryableError:
    if _is_caused_by(error, socket.gaierror):
        return _retryable("http.unknown-host", f"The name of {host} is not known here ({_cause(error)}).")
    return _retryable("http.unreachable", f"{host} cannot be reached ({_cause(error)}).")


def _retryable(code: str, message: str) -> RetryableError:
    return RetryableError(
        message,
        code=code,
        remedy="Check the address, the network and the proxy, then try again; a run goes on at the page it reached.",
    )


def _proxy_failure(host: str, error: httpx.ProxyError) -> RiskbridgeError:
    text = _cause(error)
    if "407" in text:
        return ConfigError(
            f"The proxy wants credentials before it leads to {host}.",
            code="http.bad-proxy",
            remedy="Give the proxy as http://user:password@host:port.",
        )
    if re.match(r"4\d\d\b", text):
        return ConfigError(
            f"The proxy refuses to lead to {host} ({text}).",
            code="http.proxy-refused",
            remedy="Have the proxy's rules allow the host, or name another proxy on the connector (--proxy).",
        )
    return _retryable("http.unreachable", f"The proxy does not lead to {host} ({text}).")


def _is_caused_by(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        # httpx wraps what httpcore wraps; the chain is the only place where the kind survives.
        error = error.__cause__ or error.__context__
    return False


def _cause(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0][:200] or type(error).__name__
