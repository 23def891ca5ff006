"""Answers kept as they came until their page is staged: what a kill interrupts after an answer arrived is not asked again."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from riskbridge.staging.disk import disk_errors


class Spool:
    """Bodies by the request they answer, in a folder of their own. A body is there whole or not at all.

    It survives a kill; a power cut may lose the newest, which are then asked for again.

    Args:
        folder: Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, request: str, body: bytes) -> None:
        """Keep the answer to a request.

        Raises:
            FatalError: `staging.disk-full`, `staging.unwritable`.
        """
        path = self._path(request)
        partial = path.with_suffix(".partial")
        with disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(body)
            partial.replace(path)

    def get(self, request: str) -> bytes | None:
        """The answer kept for a request; None when there is none."""
        try:
            return self._path(request).read_bytes()
        except OSError:
            return None

    def drop(self, request: str) -> None:
        """Forget the answer to a request."""
        with suppress(OSError):
            self._path(request).unlink()

    def clear(self) -> None:
        """Forget every answer."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, request: str) -> Path:
        return self._folder / hashlib.sha256(request.encode()).hexdigest()[:32]
