"""Writes that are whole or not there, and the disk's refusals as ours."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from riskbridge.errors import FatalError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_whole(path: Path, body: bytes | memoryview) -> None:
    """Put a file in place in one step, synced; a kill leaves the old state or the new, and at most a `.partial`."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb", buffering=0) as file:
            left = memoryview(body)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the disk's refusals inside into ours.

    Raises:
        FatalError: `staging.disk-full`, `staging.unwritable`; what was staged before stays.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FatalError(
                f"The disk is full: rows could not be staged in {folder}.",
                code="staging.disk-full",
                remedy="Free disk space, or move the home directory to a larger disk, and run again; the run goes on "
                "at the page it had reached.",
            ) from error
        raise FatalError(
            f"Rows cannot be staged in {folder}: {error.strerror or error}.",
            code="staging.unwritable",
            remedy="Check that the folder belongs to the account riskbridge runs under, and that its disk is writable.",
        ) from error
