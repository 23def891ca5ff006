"""Client assertions: what the login host takes in place of a secret, and the files a client needs for them.

The application has one registered certificate and trusts one federated identity. Both are written into the simulator's
home at its start: `client.pem` and `client.pfx` (key and certificate; the PFX's passphrase is the client secret) and
`federated-token`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from jwt.exceptions import InvalidSubjectError

from riskbridge.errors import ConfigError
from riskbridge.simulator.authority import create

ISSUER = "https://issuer.simulator.example.test"
SUBJECT = "system:serviceaccount:riskbridge:worker"
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
_THUMBPRINTS = {"x5t#S256": hashes.SHA256, "x5t": hashes.SHA1}


class AssertionRefusedError(Exception):
    """An assertion is not taken; `number` is Entra's for the reason."""

    def __init__(self, number: int) -> None:
        super().__init__(str(number))
        self.number = number


@dataclass(frozen=True, slots=True)
class Registered:
    """What the directory holds of the application.

    Attributes:
        certificate: Its registered certificate.
        issuer_key: The key of the identity provider that it trusts.
        files: Where a client finds its side, by name: `client_certificate`, `client_pfx`, `federated_token`.
    """

    certificate: x509.Certificate
    issuer_key: rsa.RSAPublicKey
    files: Mapping[str, Path]


def register(home: Path, passphrase: str) -> Registered:
    """The certificate and the federated identity of an application, with the client's side of both in `home`.

    What is there and not about to expire is kept, so that simulators which share a home take each other's; the token is
    fresh at every start.

    Raises:
        ConfigError: `simulator.home`: the folder cannot be written, or holds something else under these names.
    """
    try:
        return _register(home, passphrase)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The simulator's home {home} cannot be used: {error}.",
            code="simulator.home",
            remedy="Choose another folder with --home, or remove client.pem and federated-issuer.pem from this one.",
        ) from error


def _register(home: Path, passphrase: str) -> Registered:
    own = _ensure(home / "client.pem", lambda: _pem(*_make_certificate()))
    issuer = _ensure(home / "federated-issuer.pem", lambda: _pem(*_make_certificate()))
    key, identity = _key(own), _key(issuer)
    certificate = x509.load_pem_x509_certificate(own)
    now = datetime.now(UTC)
    claims = {"iss": ISSUER, "sub": SUBJECT, "aud": FEDERATED_AUDIENCE, "iat": now, "exp": now + timedelta(days=1)}
    pfx = pkcs12.serialize_key_and_certificates(
        b"riskbridge", key, certificate, None, serialization.BestAvailableEncryption(passphrase.encode())
    )
    files = {
        "client_certificate": (home / "client.pem").resolve(),
        "client_pfx": _write(home / "client.pfx", pfx),
        "federated_token": _write(home / "federated-token", jwt.encode(claims, identity, "RS256").encode()),
    }
    return Registered(certificate, identity.public_key(), files)


def check(assertion: str, registered: Registered, *, client_id: str, audiences: list[str]) -> None:
    """Take an assertion, or refuse it with the number that the service gives.

    Args:
        assertion: The JWT.
        registered: What the directory holds.
        client_id: Who must have issued it for itself.
        audiences: Token addresses that it may be for.

    Raises:
        AssertionRefusedError: 700027 for a key that is not registered, 700024 for one past its time, 700023 for another
            address, 700021 for another issuer; 700211, 700212 and 700213 for a federated token of another issuer,
            audience or subject; 50027 for what is no JWT.
    """
    try:
        head, claims = jwt.get_unverified_header(assertion), jwt.decode(assertion, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise AssertionRefusedError(50027) from error
    if claims.get("iss") != client_id:
        _check_federated(assertion, claims, registered)
        return
    if not _is_registered(head, registered.certificate):
        raise AssertionRefusedError(700027)
    key: Any = registered.certificate.public_key()
    _verify(assertion, key, audiences, client_id, wrong_audience=700023, wrong_subject=700021)


def _check_federated(assertion: str, claims: Mapping[str, Any], registered: Registered) -> None:
    if claims.get("iss") != ISSUER:
        raise AssertionRefusedError(700211)
    key = registered.issuer_key
    _verify(assertion, key, [FEDERATED_AUDIENCE], SUBJECT, wrong_audience=700212, wrong_subject=700213)


def _verify(
    assertion: str,
    key: rsa.RSAPublicKey,
    audiences: list[str],
    subject: str,
    *,
    wrong_audience: int,
    wrong_subject: int,
) -> None:
    try:
        jwt.decode(assertion, key, ["PS256", "RS256"], audience=audiences, subject=subject)
    except jwt.ExpiredSignatureError as error:
        raise AssertionRefusedError(700024) from error
    except jwt.InvalidAudienceError as error:
        raise AssertionRefusedError(wrong_audience) from error
    except InvalidSubjectError as error:
        raise AssertionRefusedError(wrong_subject) from error
    except jwt.InvalidTokenError as error:
        raise AssertionRefusedError(700027) from error


def _is_registered(head: Mapping[str, Any], certificate: x509.Certificate) -> bool:
    for name, digest in _THUMBPRINTS.items():
        if name in head:
            thumbprint = jwt.utils.base64url_encode(certificate.fingerprint(digest())).decode()
            return str(head[name]).rstrip("=") == thumbprint
    return False


def _make_certificate() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "riskbridge simulator client")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(days=365))
    return key, builder.sign(key, hashes.SHA256())


def _ensure(path: Path, make: Callable[[], bytes]) -> bytes:
    """The PEM file's content, made when missing or about to expire; what another process made first stays."""
    if path.exists() and not _is_about_to_expire(path.read_bytes()):
        return path.read_bytes()
    path.unlink(missing_ok=True)
    create(path, make())
    return path.read_bytes()


def _is_about_to_expire(pem: bytes) -> bool:
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc < datetime.now(UTC) + timedelta(days=2)


def _pem(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem[pem.index(b"-----BEGIN PRIVATE KEY") :], None)


def _write(path: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)
    return path.resolve()
