"""The certificate authority of the simulator's login host, made at first start and used again after."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import trustme
from cryptography import x509

from riskbridge.errors import ConfigError

HOSTS = ("127.0.0.1", "localhost", "::1")


def ensure_certificates(home: Path) -> tuple[Path, Path]:
    """The authority's certificate, and the server's key with its certificate; both are files in `home`.

    What is there and not expired is kept, so that a client set up once stays set up. Two processes that start at once
    with the same home agree: the first authority wins.

    Raises:
        ConfigError: `simulator.home`: the folder cannot be written, or holds something else under these names.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority = _authority(home / "authority.pem")
        bundle = home / "ca.pem"
        _write(bundle, authority.cert_pem.bytes(), mode=0o644)
        issued = authority.issue_cert(*HOSTS)
        # A server certificate of each start's own costs a millisecond and never expires before its authority.
        server = home / f"server-{os.getpid()}.pem"
        _write(server, issued.private_key_and_cert_chain_pem.bytes(), mode=0o600)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The simulator's home {home} cannot be used: {error}.",
            code="simulator.home",
            remedy="Choose another folder with --home, or make this one writable.",
        ) from error
    return bundle, server


def _authority(file: Path) -> trustme.CA:
    for _ in range(2):
        if file.exists():
            content = file.read_bytes()
            if x509.load_pem_x509_certificate(content).not_valid_after_utc > datetime.now(UTC):
                return trustme.CA.from_pem(content, content)
            file.unlink()
        made = trustme.CA(organization_name="riskbridge simulator")
        create(file, made.cert_pem.bytes() + made.private_key_pem.bytes())
    return trustme.CA.from_pem(file.read_bytes(), file.read_bytes())


def create(file: Path, content: bytes) -> None:
    """Write a file that must not exist; one that another process made in the meantime stays."""
    temporary = _temporary(file, content)
    try:
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _write(file: Path, content: bytes, *, mode: int) -> None:
    if file.exists() and file.read_bytes() == content:
        return
    temporary = _temporary(file, content)
    temporary.chmod(mode)
    temporary.replace(file)


def _temporary(file: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    return Path(name)
