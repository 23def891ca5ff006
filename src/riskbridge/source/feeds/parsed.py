"""What reading a feed gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Fetched:
    """A feed's bytes, unpacked, with what the server calls them."""

    body: bytes
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that was read.

    Attributes:
        rows: The columns of its `FEED_TYPES`.
        released_on: The day of its facts by its own word; None where it states none.
        sha256: Of its unpacked bytes.
        etag: The server's name for it; None without.
        last_modified: The server's date of it; None without.
    """

    rows: pa.Table
    released_on: date | None
    sha256: str
    etag: str | None = None
    last_modified: str | None = None
