"""Whether a stream was read completely, worked out from its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from riskbridge.staging.manifest import ManifestLine


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What came of a stream, and what speaks against its being complete.

    Attributes:
        pages: Pages staged.
        received: Records received.
        rows: Records that could be read.
        rejects: Those that could not. They do not make a stream incomplete: the source did report them.
        duplicates: Rows that repeat an id. With no distinct count over all pages given, those within one page alone.
        server_count: The highest count the server gave; None when it gave none.
        is_complete: Nothing speaks against it.
        reasons: What does, in words.
    """

    pages: int
    received: int
    rows: int
    rejects: int
    duplicates: int
    server_count: int | None
    is_complete: bool
    reasons: tuple[str, ...]


def reconcile(manifest: Sequence[ManifestLine], *, distinct_ids: int | None = None) -> Reconciliation:
    """Compare what was asked, what came and what the server counted.

    A stream is complete when each page asked for what the page before led to, none leads further, every record is
    accounted for, and the server did not count more than came. Rows that changed places while they were paged through
    show as duplicates: where one was seen twice another may have been missed, so they count against completeness when
    the server's count is not there to settle it.

    Args:
        manifest: The stream's lines in order.
        distinct_ids: Different row ids over all pages, where someone counted them.
    """
    rows = sum(line.rows for line in manifest)
    received = sum(line.received for line in manifest)
    counts = [line.server_count for line in manifest if line.server_count is not None]
    server_count = max(counts) if counts else None
    duplicates = _duplicates(manifest, rows, distinct_ids)
    reasons = [*_broken_chain(manifest), *_uncounted(manifest)]
    if server_count is not None and received - duplicates < server_count:
        reasons.append(f"the server counts {server_count:,} records and {received - duplicates:,} came")
    elif server_count is None and distinct_ids is not None and duplicates:
        reasons.append(
            f"{duplicates:,} records came twice, so the list moved while it was read and some may be missing"
        )
    return Reconciliation(
        pages=len(manifest),
        received=received,
        rows=rows,
        rejects=sum(line.rejects for line in manifest),
        duplicates=duplicates,
        server_count=server_count,
        is_complete=not reasons,
        reasons=tuple(reasons),
    )


def _duplicates(manifest: Sequence[ManifestLine], rows: int, distinct_ids: int | None) -> int:
    if distinct_ids is not None:
        return rows - distinct_ids
    return sum(line.rows - line.distinct_ids for line in manifest if line.distinct_ids is not None)


def _broken_chain(manifest: Sequence[ManifestLine]) -> list[str]:
    if not manifest:
        return ["no page was read"]
    reasons = [
        f"page {line.number} is not the one that page {before.number} leads to"
        for before, line in pairwise(manifest)
        if before.next_request != line.request
    ]
    if manifest[-1].next_request is not None:
        reasons.append(f"the last page read ({manifest[-1].number}) leads on to another")
    return reasons


def _uncounted(manifest: Sequence[ManifestLine]) -> list[str]:
    return [
        f"page {line.number} had {line.received:,} records of which {line.rows + line.rejects:,} are accounted for"
        for line in manifest
        if line.received != line.rows + line.rejects
    ]
