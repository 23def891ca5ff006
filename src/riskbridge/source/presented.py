"""What a host shows of itself to somebody who does not trust it yet: its certificate and its clock.

Asked only to explain a failed connection test. Nothing is believed and no secret is sent: one HEAD of `/`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from cryptography import x509
from cryptography.x509.oid import NameOID

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Presented:
    """The issuer of the certificate that was shown, from when until when it says to hold, and the host's time.

    Attributes:
        issuer: Organisation and name, as far as they are given.
        not_before: Aware UTC.
        not_after: Aware UTC.
        dated_at: The `Date` header, aware UTC; None without one.
    """

    issuer: str
    not_before: datetime
    not_after: datetime
    dated_at: datetime | None


def look_at(url: str, proxy: str | None) -> Presented | None:
    """What the host of an https URL shows; None when it shows nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        address = httpx.URL(url).copy_with(path="/", query=None, fragment=None)
        with (
            httpx.Client(verify=context, proxy=proxy, trust_env=False, timeout=TIMEOUT_S) as client,
            client.stream("HEAD", address) as answer,
        ):
            tls = answer.extensions["network_stream"].get_extra_info("ssl_object")
            der = tls.getpeercert(True)  # noqa: FBT003 - takes it by place alone
            certificate = x509.load_der_x509_certificate(der)
            dated = answer.headers.get("date")
            dated_at = parsedate_to_datetime(dated).astimezone(UTC) if dated else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError, KeyError, TypeError):
        return None
    return Presented(
        _name(certificate.issuer), certificate.not_valid_before_utc, certificate.not_valid_after_utc, dated_at
    )


def _name(name: x509.Name) -> str:
    found = [
        a.value for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME) for a in name.get_attributes_for_oid(oid)
    ]
    return ", ".join(str(part) for part in dict.fromkeys(found)) or name.rfc4514_string() or "nobody"
