"""Secrets, encrypted at rest, resolved when used and never shown."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from riskbridge.errors import ConfigError

_SEALED = "sealed:"
_REFERENCES = ("env:", "file:")


class SecretStore:
    """Seals secrets with the keys in `<home>/secret.key`, one a line, newest first; the file is private to its user.

    References (`env:NAME`, `file:/path`) are kept as they are and looked up when the secret is used.
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "secret.key"

    def seal(self, clear: str) -> str:
        """The text to store: encrypted, or the reference itself."""
        if clear.startswith(_REFERENCES):
            return clear
        return _SEALED + self._fernet().encrypt(clear.encode()).decode()

    def open(self, stored: str) -> str:
        """The clear secret.

        Raises:
            ConfigError: `secret.missing` when a reference leads nowhere, `secret.undecryptable` when the key is another.
        """
        if stored.startswith("env:"):
            return self._from_environment(stored.removeprefix("env:"))
        if stored.startswith("file:"):
            return self._from_file(Path(stored.removeprefix("file:")))
        if not stored.startswith(_SEALED):
            return stored
        try:
            return self._fernet().decrypt(stored.removeprefix(_SEALED).encode()).decode()
        except InvalidToken as error:
            raise ConfigError(
                f"A stored secret cannot be decrypted with the key in {self._path}.",
                code="secret.undecryptable",
                remedy="Restore the key file from a backup, or enter the secret again.",
            ) from error

    def _from_environment(self, name: str) -> str:
        if not os.environ.get(name):
            raise ConfigError(
                f"The secret is to come from the environment variable {name}, which is not set.",
                code="secret.missing",
                remedy=f"Set {name} and run again.",
            )
        return os.environ[name]

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"The secret is to come from the file {path}, which cannot be read.",
                code="secret.missing",
                remedy="Make the file readable for this user and run again.",
            ) from error

    def _fernet(self) -> MultiFernet:
        if not self._path.exists():
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(Fernet.generate_key() + b"\n")
        try:
            keys = [Fernet(line) for line in self._path.read_bytes().split()]
            return MultiFernet(keys)
        except (ValueError, OSError) as error:
            raise ConfigError(
                f"The key file {self._path} is damaged.",
                code="secret.bad-key",
                remedy="Restore it from a backup, or remove it and enter the secrets again.",
            ) from error
