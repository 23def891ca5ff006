"""A secret that both ends of a connection on this machine prove to know without telling it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from riskbridge.errors import RetryableError

FILE_NAME = "owner.token"
_BYTES = 32


def make_secret(home: Path) -> str:
    """A fresh secret, kept in the home for its user alone to read; it takes the place of an older one."""
    text, path = secrets.token_hex(_BYTES), home / FILE_NAME
    with suppress(FileNotFoundError):
        path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    return text


def read_secret(home: Path) -> str:
    """The secret of the home's server.

    Raises:
        RetryableError: `home.no-token`: it is not there, or not for this user.
    """
    try:
        return (home / FILE_NAME).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RetryableError(
            f"The server of {home} is known, but {FILE_NAME} cannot be read: {error}.",
            code="home.no-token",
            remedy="Run the command as the user who serves the home; or start the server again.",
        ) from error


def forget_secret(home: Path) -> None:
    """Remove the secret; harmless when it is gone."""
    with suppress(FileNotFoundError):
        (home / FILE_NAME).unlink()


def new_nonce() -> str:
    """A text that was never used before."""
    return secrets.token_hex(_BYTES)


def prove(secret: str, side: str, nonces: tuple[str, str]) -> str:
    """What only who knows the secret can say.

    Args:
        secret: As kept in the home.
        side: `client` or `server`, so that neither can send the other's back.
        nonces: The client's and the server's.
    """
    return hmac.new(secret.encode(), "/".join((side, *nonces)).encode(), hashlib.sha256).hexdigest()


def is_proven(secret: str, side: str, nonces: tuple[str, str], proof: object) -> bool:
    """Whether that side knows the secret."""
    return isinstance(proof, str) and hmac.compare_digest(
        prove(secret, side, nonces).encode(), proof.encode(errors="replace")
    )
