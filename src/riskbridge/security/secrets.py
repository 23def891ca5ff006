"""Secrets, encrypted at rest, resolved when used and never shown."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from riskbridge.errors import ConfigError, FatalError, InputError
from riskbridge.security.masking import register_secret

_SEALED = "sealed:"
_REFERENCES = ("env:", "file:")
_ENTER_AGAIN = "Restore the key file from a backup, or enter the secret again."


class SecretStore:
    """Seals secrets with the keys in `<home>/secret.key`, one a line, newest first; the file is private to its user.

    References (`env:NAME`, `file:/path`) are kept as they are and looked up when the secret is used. The key file is
    made when the first secret is sealed, and never when one is opened. Sealing is Fernet: AES-128-CBC with HMAC-SHA256
    (https://github.com/fernet/spec).
    """

    def __init__(self, home: Path) -> None:
        self._path = home / "secret.key"

    def __repr__(self) -> str:
        return f"SecretStore({str(self._path)!r})"

    def seal(self, clear: str) -> str:
        """The text to store: encrypted, or the reference itself. What is sealed already stays as it is.

        Raises:
            InputError: `secret.empty`: there is nothing to seal.
            ConfigError: `secret.bad-key`, `secret.key-exposed`: the key file cannot be used.
            FatalError: `secret.disk`: the key file cannot be made.
        """
        if not clear.strip():
            raise InputError(
                "The secret is empty.", code="secret.empty", remedy="Give the value, env:NAME or file:/path."
            )
        if clear.startswith((*_REFERENCES, _SEALED)):
            return clear
        register_secret(clear)
        self._ensure_key()
        return _SEALED + self._keys().encrypt(clear.encode()).decode()

    def open(self, stored: str) -> str:
        """The clear secret; log lines mask it from now on.

        Raises:
            ConfigError: `secret.missing` when a reference leads nowhere, `secret.undecryptable` when the key is
                another, `secret.bad-key` or `secret.key-exposed` when the key file cannot be used.
        """
        if stored.startswith("env:"):
            clear = _from_environment(stored.removeprefix("env:"))
        elif stored.startswith("file:"):
            clear = _from_file(Path(stored.removeprefix("file:")))
        elif stored.startswith(_SEALED):
            clear = self._unseal(stored)
        else:
            clear = stored
        register_secret(clear)
        return clear

    def add_key(self) -> None:
        """Make a new key the one that seals; the older ones still open. `reseal` what is stored, then `drop_old_keys`.

        Raises:
            ConfigError: `secret.bad-key`, `secret.key-exposed`: the key file cannot be used.
            FatalError: `secret.disk`: the key file cannot be written.
        """
        self._ensure_key()
        self._write([Fernet.generate_key(), *self._lines()])

    def reseal(self, stored: str) -> str:
        """The same secret sealed with the newest key; a reference as it is. Errors as `open`."""
        return _SEALED + self._keys().encrypt(self._unseal(stored).encode()).decode() if _is_sealed(stored) else stored

    def drop_old_keys(self) -> None:
        """Keep the newest key alone; what was sealed with an older one cannot be opened any more."""
        self._write(self._lines()[:1])

    def _unseal(self, stored: str) -> str:
        try:
            return self._keys().decrypt(stored.removeprefix(_SEALED).encode()).decode()
        except InvalidToken as error:
            raise ConfigError(
                f"A stored secret cannot be decrypted with the key in {self._path}.",
                code="secret.undecryptable",
                remedy=_ENTER_AGAIN,
            ) from error

    def _keys(self) -> MultiFernet:
        try:
            return MultiFernet([Fernet(line) for line in self._lines()])
        except ValueError as error:
            raise ConfigError(
                f"The key file {self._path} is damaged.",
                code="secret.bad-key",
                remedy="Restore it from a backup, or remove it and enter the secrets again.",
            ) from error

    def _lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                lines = file.read().split()
        except OSError as error:
            raise ConfigError(
                f"The key file {self._path} cannot be read: {error.strerror}.",
                code="secret.undecryptable",
                remedy=_ENTER_AGAIN,
            ) from error
        if mode & 0o077:
            raise ConfigError(
                f"The key file {self._path} can be read by other users (mode {mode:04o}).",
                code="secret.key-exposed",
                remedy=f"Run: chmod 600 {self._path}. If others had access, enter the secrets again with a new key.",
            )
        return lines

    def _ensure_key(self) -> None:
        if not self._path.exists():
            self._write([Fernet.generate_key()], is_new=True)

    def _write(self, lines: list[bytes], *, is_new: bool = False) -> None:
        """Whole or not at all; where two processes make the first key, both use the one that came first."""
        try:
            handle, name = tempfile.mkstemp(prefix=".secret.key.", dir=self._path.parent)
            partial = Path(name)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(b"\n".join(lines) + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
                if is_new:
                    self._path.hardlink_to(partial)
                else:
                    partial.replace(self._path)
            finally:
                partial.unlink(missing_ok=True)
        except FileExistsError:
            return
        except OSError as error:
            raise FatalError(
                f"The key file {self._path} cannot be written: {error.strerror}.",
                code="secret.disk",
                remedy="Make the home directory writable, with free space, and try again. Nothing was changed.",
            ) from error


def _is_sealed(stored: str) -> bool:
    return stored.startswith(_SEALED)


def _from_environment(name: str) -> str:
    value = os.environ.get(name, "")
    if not value.strip():
        raise ConfigError(
            f"The secret is to come from the environment variable {name}, which is not set or empty.",
            code="secret.missing",
            remedy=f"Set {name} and run again.",
        )
    return value


def _from_file(path: Path) -> str:
    try:
        value = path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The secret is to come from the file {path}, which cannot be read.",
            code="secret.missing",
            remedy="Make it a text file that this user may read, and run again.",
        ) from error
    if not value:
        raise ConfigError(
            f"The secret is to come from the file {path}, which is empty.",
            code="secret.missing",
            remedy="Write the secret into the file, and run again.",
        )
    return value
