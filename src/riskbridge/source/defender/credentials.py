"""What an application shows Entra in place of a secret: a certificate, or a token of another identity provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from riskbridge.errors import ConfigError

_LARGEST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its private key; the key is never part of the text form.

    Attributes:
        certificate_pem: PEM text.
        key_pem: PKCS #8 PEM text, not encrypted.
        thumbprint: SHA-1 of the certificate in upper-case hexadecimal, as Entra's portal shows it.
        expires_at: Aware UTC.
    """

    certificate_pem: str
    key_pem: str
    thumbprint: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Certificate({self.thumbprint}, expires {self.expires_at:%Y-%m-%d})"


def read_certificate(path: Path, passphrase: str = "") -> Certificate:
    """The certificate and RSA key in a PEM or PFX (PKCS #12) file; of several certificates, the one of the key.

    Args:
        path: PEM with a key and its certificate in any order, or PFX.
        passphrase: Of the key or the PFX; empty for none.

    Raises:
        ConfigError: `defender.bad-certificate`: unreadable, no key or certificate, another key's, or a wrong
            passphrase; `defender.expired-certificate`.
    """
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - most connectors have a secret
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    content = _read(path)
    key, certificates = _parse(path, content, passphrase.encode() or None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _bad(path, "its key is not an RSA key", "Make a certificate with an RSA key of 2,048 bits or more.")
    own = [c for c in certificates if c.public_key() == key.public_key()]
    if not own:
        raise _bad(path, "it has no certificate of its key", "Put the key and its certificate into one file.")
    chosen = max(own, key=lambda c: c.not_valid_after_utc)
    if chosen.not_valid_after_utc <= datetime.now(UTC):
        raise ConfigError(
            f"The certificate in {path} expired on {chosen.not_valid_after_utc:%Y-%m-%d}.",
            code="defender.expired-certificate",
            remedy="Make a new certificate, add it to the application in Entra, and put it into this file.",
        )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return Certificate(
        chosen.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(serialization.Encoding.PEM, form, plain).decode(),
        chosen.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Entra's portal shows this one
        chosen.not_valid_after_utc,
    )


def read_federated_token(path: Path) -> str:
    """The token that another identity provider keeps fresh in a file, such as Kubernetes' projected one.

    Raises:
        ConfigError: `defender.no-federated-token`: there is no such file, or it is empty.
    """
    try:
        with path.open("rb") as file:
            token = file.read(_LARGEST_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _no_token(path, str(error)) from error
    if not token:
        raise _no_token(path, "it is empty")
    return token


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_BYTES)
    except OSError as error:
        raise _bad(
            path, error.strerror or str(error), "Give the path of a PEM or PFX file that can be read."
        ) from error


def _parse(path: Path, content: bytes, passphrase: bytes | None) -> tuple[Any, list[Any]]:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12  # noqa: PLC0415

    try:
        if b"-----BEGIN" not in content:
            key, certificate, others = pkcs12.load_key_and_certificates(content, passphrase)
            return key, [c for c in (certificate, *others) if c is not None]
        certificates = x509.load_pem_x509_certificates(content) if b"BEGIN CERTIFICATE" in content else []
        start = min((i for i in (content.find(b"-----BEGIN " + n) for n in _KEY_NAMES) if i >= 0), default=-1)
        if start < 0:
            raise _bad(path, "it has no private key", "Put the key and its certificate into one file.")
        return load_pem_private_key(content[start:], passphrase), certificates
    except (ValueError, TypeError) as error:
        raise _bad(
            path,
            "it cannot be read, or its passphrase is another",
            "Check the file (PEM, or PFX) and give its passphrase as the client secret, or none where it has none.",
        ) from error


_KEY_NAMES = (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY")


def _bad(path: Path, why: str, remedy: str) -> ConfigError:
    return ConfigError(f"The certificate {path} cannot be used: {why}.", code="defender.bad-certificate", remedy=remedy)


def _no_token(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"The federated token in {path} cannot be used: {why}.",
        code="defender.no-federated-token",
        remedy="Check that the workload's identity is projected into this file (AZURE_FEDERATED_TOKEN_FILE names it).",
    )
