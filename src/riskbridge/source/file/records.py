"""Where records of delimited text end: quotes may hold delimiters and line ends, and some do not close.

One compiled expression runs over a block at a time, so that a gigabyte of quoted text costs seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST_RECORD_BYTES = 16 << 20
"""A record that goes on for longer is taken for a quote that does not close."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line with a quote that does not belong there: where it is in the block."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Split:
    """How far a block's records are whole.

    Attributes:
        end: Where the first record begins that is not.
        bad: Lines before `end` that are no records, in order.
        broken_at: Where a quote opens that swallows lines after it; None when there is none.
    """

    end: int
    bad: tuple[BadLine, ...] = ()
    broken_at: int | None = None


class RecordSplitter:
    """Finds the ends of records in UTF-8 text whose lines end in a line feed, with a carriage return before it or not.

    Args:
        delimiter: One character of ASCII.
        qualifier: One character of ASCII, doubled within the texts it surrounds; empty for none.
    """

    def __init__(self, delimiter: str, qualifier: str) -> None:
        self._qualifier = qualifier.encode()
        if not qualifier:
            return
        d, q = re.escape(delimiter).encode(), re.escape(qualifier).encode()
        quoted = b"%s(?:[^%s]++|%s%s)*+" % (q, q, q, q)
        plain = rb"[^%s%s\n][^%s\n]*+" % (q, d, d)
        field = rb"(?:%s%s|%s)?+" % (quoted, q, plain)
        self._records = re.compile(rb"(?:%s(?:%s%s)*+\r?\n)*+" % (field, d, field))
        self._begun = re.compile(rb"(?:%s%s)*+(?:%s)?+" % (field, d, plain))
        self._closed = re.compile(quoted + q)

    def split(self, block: bytes, *, is_last: bool) -> Split:
        """The whole records at the beginning of a block.

        Args:
            block: Text that begins where a record does.
            is_last: Nothing comes after it: what is left at its end is a record, too.
        """
        if not self._qualifier or self._qualifier not in block:
            return Split(len(block) if is_last else block.rfind(b"\n") + 1)
        position = 0
        bad: list[BadLine] = []
        while True:
            position = self._whole(block, position)
            if position == len(block):
                return Split(position, tuple(bad))
            begun = self._end_of_fields(block, position)
            if begun == len(block):
                return Split(begun if is_last else position, tuple(bad))
            if block[begun : begun + 1] != self._qualifier:  # a carriage return at the very end, its line feed to come
                return Split(len(block) if is_last else position, tuple(bad))
            closed = self._closed.match(block, begun)
            if closed is None:
                return self._open(block, position, begun, tuple(bad), is_last=is_last)
            if block[closed.end() :] in (b"", b"\r"):
                return Split(len(block) if is_last else position, tuple(bad))
            if b"\n" in closed.group():
                return Split(position, tuple(bad), broken_at=begun)
            end = block.find(b"\n", closed.end()) + 1
            if not end and not is_last:
                return Split(position, tuple(bad))
            end = end or len(block)
            bad.append(BadLine(position, end))
            position = end

    def _whole(self, block: bytes, position: int) -> int:
        found = self._records.match(block, position)
        return position if found is None else found.end()

    def _end_of_fields(self, block: bytes, position: int) -> int:
        found = self._begun.match(block, position)
        return position if found is None else found.end()

    def _open(self, block: bytes, position: int, begun: int, bad: tuple[BadLine, ...], *, is_last: bool) -> Split:
        """A quote that is not closed within the block: more may come, or it never does."""
        if is_last or len(block) - position > LARGEST_RECORD_BYTES:
            return Split(position, bad, broken_at=begun)
        return Split(position, bad)
