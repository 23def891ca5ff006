"""Feeds as they were read: versions in the home, the newest of each in use, swapped in one step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from riskbridge.errors import ConfigError
from riskbridge.model.feed import FEED_KINDS, FeedVersion

TREND_DAYS = 30
_LIST = "versions.json"


class FeedStore:
    """The feeds of a home: `<folder>/<kind>/<version>.parquet`, and a list of versions that is replaced as one file.

    A version counts once it is in the list, so a reading that was killed or refused leaves nothing in use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def versions(self, kind: str) -> list[FeedVersion]:
        """The readings that are kept, oldest first; empty when the feed was never read.

        Raises:
            ConfigError: `feeds.list-broken`: the list cannot be read.
        """
        path = self._folder / kind / _LIST
        try:
            return msgspec.json.decode(path.read_bytes(), type=list[FeedVersion])
        except FileNotFoundError:
            return self._of_before(kind)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"The list of feed versions {path} cannot be read: {error}.",
                code="feeds.list-broken",
                remedy="Remove the file and import the feed again.",
            ) from error

    def current(self, kind: str) -> FeedVersion | None:
        """The reading in use; None when the feed was never read."""
        found = self.versions(kind)
        return found[-1] if found else None

    def before(self, kind: str) -> FeedVersion | None:
        """The oldest reading within `TREND_DAYS` before the one in use; None without another."""
        kept = self.versions(kind)
        if not kept:
            return None
        newest = kept[-1]
        since = newest.day - timedelta(days=TREND_DAYS)
        timely = [v for v in kept if since <= v.day < newest.day]
        return min(timely, key=lambda v: v.day) if timely else None

    def path(self, version: FeedVersion) -> Path:
        """The file of a reading's rows."""
        old = self._folder / f"{version.kind}.parquet"
        return old if version.version == old.name else self._folder / version.kind / f"{version.version}.parquet"

    def add(self, version: FeedVersion, rows: pa.Table) -> FeedVersion:
        """Keep a reading and use it from now on; gives it with its name. Versions beyond those to keep are removed."""
        kept = self.versions(version.kind)
        folder = self._folder / version.kind
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(v.version.split("-")[0]) for v in kept if v.version[:1].isdigit()), default=0)
        named = replace(version, version=f"{number:06d}-{version.day}")
        partial = folder / f"{named.version}.partial"
        pq.write_table(rows, partial)
        partial.replace(self.path(named))
        kept.append(named)
        dropped, kept = kept[: -FEED_KINDS[version.kind].kept], kept[-FEED_KINDS[version.kind].kept :]
        self._write(version.kind, kept)
        for old in dropped:
            self.path(old).unlink(missing_ok=True)
        return named

    def confirm(self, version: FeedVersion, at: datetime) -> FeedVersion:
        """Note that the reading in use was found unchanged."""
        confirmed = replace(version, read_at=at)
        self._write(version.kind, [*self.versions(version.kind)[:-1], confirmed])
        return confirmed

    def _write(self, kind: str, versions: list[FeedVersion]) -> None:
        target = self._folder / kind / _LIST
        partial = target.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(versions))
        partial.replace(target)

    def _of_before(self, kind: str) -> list[FeedVersion]:
        """The one file that earlier releases kept of a feed."""
        path = self._folder / f"{kind}.parquet"
        if not path.exists():
            return []
        read_at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
        released: date | None = None
        return [FeedVersion(kind, path.name, released, read_at, str(path), "", pq.read_metadata(path).num_rows)]
