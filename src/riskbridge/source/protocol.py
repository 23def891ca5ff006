"""What a source is: streams of pages, each page already columns of its stream's data model, and a test of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from riskbridge.errors import ConfigError, RetryableError


class SnapshotChangedError(RetryableError):
    """What was being read has been replaced by a newer snapshot: the stream must be read from its beginning."""


class Spool(Protocol):
    """Keeps answers until their page is staged."""

    def put(self, request: str, body: bytes) -> None:
        """Keep the answer to a request."""

    def get(self, request: str) -> bytes | None:
        """The answer kept for a request; None when there is none."""


class PageCursor(Protocol):
    """Where to go on reading, as staging remembers it."""

    @property
    def pages(self) -> int:
        """Pages that are staged, which is the number of the next one."""

    @property
    def next_request(self) -> str | None:
        """What to ask for next; None when the last page is staged already."""


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page as received, as columns.

    Attributes:
        number: Counts from 0 within the stream.
        request: What was asked for, without any secret.
        rows: The records that could be read: `SourceModel.staged_types` in order, one row a record, eager. `row` is the
            record's place in the page, rejected ones counted.
        rejects: The others, with the columns of the REJECT table.
        received: Records in the page; always the rows and the rejects together.
        sha256: Of the body as it was sent, in hexadecimal; of an export, of the unpacked lines.
        next_link: The server's own link to the next page; None when it gave none.
        next_request: What is asked for next, by whichever style of paging; None after the last page.
        server_count: The server's own count (`@odata.count`); None when it gave none.
        unknown_fields: Fields that the data model does not know, sorted; their values are in the `extra` column.
        warnings: What was odd about the page, in words.
        snapshot_at: When the snapshot was made that the page is of, UTC; None where it is of no snapshot, or does not say.
    """

    number: int
    request: str
    rows: pa.Table
    rejects: pa.Table
    received: int
    sha256: str
    next_link: str | None
    next_request: str | None
    server_count: int | None = None
    unknown_fields: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    snapshot_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing that was tried; `remedy` and `code` are empty when it worked."""

    name: str
    is_ok: bool
    message: str
    remedy: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was tried, in the order of a run's needs, and the application roles that the token carries."""

    items: tuple[CheckItem, ...]
    roles: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether everything worked."""
        return all(item.is_ok for item in self.items)

    def require_passed(self) -> None:
        """Raise the first failed item as the reason not to save.

        Raises:
            ConfigError: With the item's own code, such as `defender.unknown-app`.
        """
        for item in self.items:
            if not item.is_ok:
                raise ConfigError(
                    f"The connection test failed at {item.name}: {item.message}", code=item.code, remedy=item.remedy
                )


class Source(Protocol):
    """Where raw rows come from."""

    def check(self) -> CheckReport:
        """Test the connection with the lightest calls there are; a failure is an item of the report, never raised."""

    def read(
        self,
        stream: str,
        *,
        filter_text: str | None,
        resume: PageCursor | None,
        since: datetime | None = None,
        spool: Spool | None = None,
    ) -> Iterator[RawPage]:
        """Pages of a stream in order, from the cursor on.

        Args:
            stream: A stream's name, such as `machines`.
            filter_text: The source's own filter language; None for everything.
            resume: Where to go on; None begins at the beginning.
            since: Only what changed since then, where the stream can tell.
            spool: Where answers are kept until their page is staged; None keeps none.

        Raises:
            SnapshotChangedError: The pages read so far are of a snapshot that is gone.
            RiskbridgeError: Refused, unreachable after every attempt, or the source broke its contract.
        """
