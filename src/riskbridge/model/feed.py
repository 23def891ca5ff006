"""Nouns of the feeds: which there are, and what is kept of each reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class FeedKind:
    """A feed that riskbridge reads.

    Attributes:
        name: What commands call it.
        title: Its publisher's name for it.
        url: Where its publisher puts it.
        every_hours: How often it is read again, unless a person chose otherwise.
        stale_days: It is called stale when its facts are older.
        kept: Versions that are kept.
    """

    name: str
    title: str
    url: str
    every_hours: int
    stale_days: int
    kept: int


FEED_KINDS = {
    kind.name: kind
    for kind in (
        FeedKind(
            "kev",
            "CISA KEV",
            "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
            every_hours=12,
            stale_days=14,
            kept=5,
        ),
        FeedKind(
            "epss",
            "FIRST EPSS",
            "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
            every_hours=24,
            stale_days=7,
            kept=40,
        ),
        FeedKind(
            "exploits",
            "Metasploit modules",
            "https://raw.githubusercontent.com/rapid7/metasploit-framework/master/db/modules_metadata_base.json",
            every_hours=24,
            stale_days=30,
            kept=5,
        ),
        FeedKind(
            "cvss",
            "CISA Vulnrichment",
            "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.zip",
            every_hours=168,
            stale_days=60,
            kept=5,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class FeedVersion:
    """One reading of a feed.

    Attributes:
        kind: Name of its `FeedKind`.
        version: Stable name of the reading, rising with time.
        released_on: The day of its facts by the feed's own word; None where it states none.
        read_at: When it was read, UTC.
        location: Path or URL it came from.
        sha256: Of the bytes as read.
        cves: How many CVEs it tells of.
        etag: The server's name for these bytes, for asking again; None without.
        last_modified: The server's date of them, for asking again; None without.
    """

    kind: str
    version: str
    released_on: date | None
    read_at: datetime
    location: str
    sha256: str
    cves: int
    etag: str | None = None
    last_modified: str | None = None

    @property
    def day(self) -> date:
        """The day of its facts; the day it was read where it states none."""
        return self.released_on or self.read_at.date()

    @property
    def label(self) -> str:
        """Feed and day in words, such as `CISA KEV of 2025-08-25`."""
        return f"{FEED_KINDS[self.kind].title} of {self.day}"
