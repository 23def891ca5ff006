"""Signatures on what is carried to places without internet: Ed25519 keys of this home, and keys that it trusts."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from riskbridge.errors import InputError
from riskbridge.security.secrets import SecretStore

PREFIX = "ed25519:"


class SigningKey:
    """The key that a home signs with: made at its first use, kept sealed in one file that its owner alone may read.

    Args:
        path: The file.
        secrets: Seals it.
    """

    def __init__(self, path: Path, secrets: SecretStore) -> None:
        if path.exists():
            raw = base64.b64decode(secrets.open(path.read_text(encoding="ascii")))
            self._key = Ed25519PrivateKey.from_private_bytes(raw)
            return
        self._key = Ed25519PrivateKey.generate()
        raw = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.seal(base64.b64encode(raw).decode()), encoding="ascii")

    @property
    def public(self) -> str:
        """The key that others check signatures with, as text."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return PREFIX + base64.b64encode(raw).decode()

    def sign(self, body: bytes) -> str:
        """The signature of some bytes, as text."""
        return base64.b64encode(self._key.sign(body)).decode()


def is_signed(body: bytes, signature: str, public: str) -> bool:
    """Whether a key signed exactly these bytes.

    Raises:
        InputError: `feeds.bad-key`: the text is no public key.
    """
    try:
        _public_key(public).verify(base64.b64decode(signature, validate=True), body)
    except (InvalidSignature, binascii.Error):
        return False
    return True


def require_key(public: str) -> str:
    """The key's text, tidied.

    Raises:
        InputError: `feeds.bad-key`: it is none.
    """
    _public_key(public)
    return public.strip()


def _public_key(text: str) -> Ed25519PublicKey:
    try:
        kind, _, body = text.strip().partition(":")
        if f"{kind}:" != PREFIX:
            raise ValueError
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(body, validate=True))
    except (ValueError, binascii.Error):
        raise InputError(
            f"'{text[:60]}' is no public key.",
            code="feeds.bad-key",
            remedy="Give the line that `riskbridge feeds bundle` printed, such as ed25519:…",
        ) from None
