"""Files that people upload for connectors to read: kept in the home by name, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from riskbridge.app import App
from riskbridge.errors import FatalError, InputError
from riskbridge.model.file_settings import UPLOAD
from riskbridge.source.file.files import upload_path, uploads_path

_PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file: its name, size, hash in hexadecimal (empty in lists) and when it came, UTC."""

    name: str
    size_bytes: int
    sha256: str
    at: datetime

    def as_dict(self) -> dict[str, Any]:
        """As plain data; `path` is what a connector's settings name it by."""
        return {
            "name": self.name,
            "path": f"{UPLOAD}{self.name}",
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "at": self.at.isoformat(),
        }


class Receiving:
    """One file that comes in, part by part; `finish` puts it in place of one of its name, `give_up` leaves no trace.

    Args:
        app: The home.
        name: A plain file name.

    Raises:
        InputError: `file.bad-path`.
    """

    def __init__(self, app: App, name: str) -> None:
        self._app = app
        self._path = upload_path(name, app.settings.home)
        self._limit = app.settings.largest_upload_mib << 20
        self._hash = hashlib.sha256()
        self._size = 0
        self._partial = self._path.with_name(f"{_PARTIAL}{uuid.uuid4().hex}")
        try:
            uploads_path(app.settings.home).mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "wb")
        except OSError as error:
            raise _no_room(error) from error

    def write(self, part: bytes) -> None:
        """Keep the next part.

        Raises:
            InputError: `upload.too-large`.
            FatalError: `upload.unwritable`: the disk is full, or refuses.
        """
        self._size += len(part)
        if self._size > self._limit:
            raise too_large(self._limit)
        self._hash.update(part)
        try:
            self._file.write(part)
        except OSError as error:
            raise _no_room(error) from error

    def finish(self) -> Upload:
        """Put the file in its place; the audit log says who did.

        Raises:
            InputError: `upload.empty`.
            FatalError: `upload.unwritable`.
        """
        if not self._size:
            raise InputError(
                "The upload has no content.", code="upload.empty", remedy="Choose a file that is not empty."
            )
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._partial.replace(self._path)
        except OSError as error:
            raise _no_room(error) from error
        made = Upload(self._path.name, self._size, self._hash.hexdigest(), self._app.now())
        self._app.store.record("upload.received", made.name, {"size_bytes": made.size_bytes, "sha256": made.sha256})
        return made

    def give_up(self) -> None:
        """Remove what came so far; nothing happens after `finish`."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def receive(app: App, name: str, parts: Iterable[bytes]) -> Upload:
    """Take a whole file; errors as of `Receiving`."""
    receiving = Receiving(app, name)
    try:
        for part in parts:
            receiving.write(part)
        return receiving.finish()
    finally:
        receiving.give_up()


def list_uploads(app: App) -> list[Upload]:
    """What was uploaded and is there, by name."""
    folder = uploads_path(app.settings.home)
    if not folder.is_dir():
        return []
    return [_upload(path) for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]


def get_upload(app: App, name: str) -> Upload:
    """The upload of that name, its hash left out.

    Raises:
        InputError: `upload.unknown`, `file.bad-path`.
    """
    path = upload_path(name, app.settings.home)
    if not path.is_file():
        raise InputError(
            f"There is no upload named '{name}'.",
            code="upload.unknown",
            remedy="List them with: riskbridge upload list",
        )
    return _upload(path)


def delete_upload(app: App, name: str) -> None:
    """Remove an upload that no connector reads.

    Raises:
        InputError: `upload.unknown`, `upload.in-use`, `file.bad-path`.
    """
    get_upload(app, name)
    path = upload_path(name, app.settings.home)
    readers = [
        c.name
        for c in app.store.list_connectors()
        if c.file is not None and f"{UPLOAD}{name}" in (*c.file.findings, *c.file.assets)
    ]
    if readers:
        raise InputError(
            f"The connector '{readers[0]}' reads the upload '{name}'.",
            code="upload.in-use",
            remedy="Change or delete the connector first.",
        )
    path.unlink(missing_ok=True)
    app.store.record("upload.deleted", name, {})


def too_large(limit_bytes: int) -> InputError:
    """The error for an upload that is larger than allowed."""
    return InputError(
        f"The upload is larger than {limit_bytes >> 20:,} MiB.",
        code="upload.too-large",
        remedy="Compress it with gzip, split it, name its path on the server instead, or raise largest_upload_mib.",
    )


def _upload(path: Path) -> Upload:
    found = path.stat()
    return Upload(path.name, found.st_size, "", datetime.fromtimestamp(found.st_mtime, UTC))


def _no_room(error: OSError) -> FatalError:
    return FatalError(
        f"The upload cannot be kept: {error.strerror or error}.",
        code="upload.unwritable",
        remedy="Free disk space where the home is, and check that it is writable.",
    )
