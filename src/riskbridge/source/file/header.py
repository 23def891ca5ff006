"""Which columns of a file are which fields of its data model, however the header spells them."""

from __future__ import annotations

import csv
import difflib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from riskbridge.errors import ConfigError
from riskbridge.model.file_settings import AUTO, DELIMITERS
from riskbridge.model.source_model import STAGED, SourceModel

MOST_LINES_BEFORE = 60
"""Records looked through for the header: reports begin with a title, a date, a summary."""
_HEAD_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True)
class Columns:
    """What a file's columns are.

    Attributes:
        names: The columns' own names, in order.
        fields: For each column the field of the data model that it is; None where the model knows none such, or an earlier
            column is it already.
    """

    names: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that the data model does not know, sorted."""
        return tuple(sorted({n for n, f in zip(self.names, self.fields, strict=True) if f is None and n.strip()}))


@dataclass(frozen=True, slots=True)
class Header:
    """Where a delimited file's records begin and what its columns are."""

    columns: Columns
    delimiter: str
    lines: int


def heading(name: str) -> str:
    """The field name of a column: as it is spelled, but for the names that staging needs for itself."""
    tidy = " ".join(name.split())
    return f"{tidy} (column)" if tidy.casefold() in STAGED else tidy


def key_of(name: str) -> str:
    """What of a column's name counts: letters and digits, without their case."""
    return "".join(c for c in heading(name).casefold() if c.isalnum()) or heading(name)


def match_columns(names: Sequence[str], model: SourceModel) -> Columns:
    """The fields that columns of these names are."""
    by_key: dict[str, str] = {}
    for field in model.fields:
        by_key.setdefault(key_of(field.name), field.name)
    return Columns(tuple(names), tuple(by_key.pop(key_of(name), None) for name in names))


def find_header(
    text: str, model: SourceModel, needs: Sequence[Sequence[str]], *, delimiter: str, qualifier: str, file: str
) -> Header:
    """The header of a delimited file, by what the data model needs; the record with most of its columns where none has all.

    Args:
        text: The file's beginning.
        model: Its data model.
        needs: Groups of fields; of each group one at least must be there.
        delimiter: The character, or `auto`.
        qualifier: The character, or empty.
        file: The file's name, for messages.

    Raises:
        ConfigError: `file.missing-columns`: which, and what comes nearest.
    """
    candidates = tuple(DELIMITERS.values()) if delimiter == AUTO else (delimiter,)
    best: tuple[tuple[int, int, int], Header] | None = None
    for candidate in candidates:
        for names, lines in first_records(text, candidate, qualifier):
            columns = match_columns(names, model)
            there = set(columns.fields)
            met = sum(any(name in there for name in group) for group in needs)
            # Of equally good records the earliest is the header; of delimiters the one that makes most of it.
            worth = (met, len(there - {None}), len(names))
            if best is None or worth > best[0]:
                best = worth, Header(columns, candidate, lines)
    if best is None:
        raise _no_header(file)
    require_columns(best[1].columns, needs or [[f.name for f in model.fields]], file, best[1].lines)
    return best[1]


def find_width(text: str, *, delimiter: str, qualifier: str) -> tuple[str, int]:
    """The delimiter that makes the widest records of a file without a header, and how wide most of them are."""
    candidates = tuple(DELIMITERS.values()) if delimiter == AUTO else (delimiter,)
    widths = []
    for candidate in candidates:
        counted = Counter(len(names) for names, _ in first_records(text, candidate, qualifier))
        widths.append((counted.most_common(1)[0][0] if counted else 0, candidate))
    width, chosen = max(widths, key=lambda found: found[0])
    return chosen, width


def require_columns(columns: Columns, needs: Sequence[Sequence[str]], file: str, line: int | None = None) -> None:
    """Raise unless of each group of fields one is there.

    Raises:
        ConfigError: `file.missing-columns`.
    """
    there = set(columns.fields)
    missing = [group for group in needs if not any(name in there for name in group)]
    if not missing:
        return
    wanted = "; ".join(" or ".join(f"'{name}'" for name in group[:6]) for group in missing[:6])
    near = difflib.get_close_matches(missing[0][0].casefold(), [n.casefold() for n in columns.unknown], n=1)
    hint = f" '{near[0]}' comes nearest." if near else ""
    shown = ", ".join(columns.names[:12]) + (", …" if len(columns.names) > len(columns.names[:12]) else "")
    where = f" in line {line:,}" if line else ""
    raise ConfigError(
        f"{file} lacks a column {wanted}. The best header found{where} is: {shown[:600]}.{hint}",
        code="file.missing-columns",
        remedy="Export it with these columns, name its delimiter and encoding, or choose the format or data model it has.",
        file=file,
        line=line,
    )


def first_records(text: str, delimiter: str, qualifier: str) -> list[tuple[list[str], int]]:
    """The first records and how many lines end with each."""
    head = io.StringIO(text[:_HEAD_CHARACTERS], newline="")
    reader = (
        csv.reader(head, delimiter=delimiter, quotechar=qualifier)
        if qualifier
        else csv.reader(head, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    )
    found: list[tuple[list[str], int]] = []
    try:
        for record in reader:
            if any(name.strip() for name in record):
                found.append((record, reader.line_num))
            if len(found) >= MOST_LINES_BEFORE:
                break
    except csv.Error:  # a field without end: what came before it is what there is
        pass
    return found


def _no_header(file: str) -> ConfigError:
    return ConfigError(
        f"{file} has no row.",
        code="file.empty",
        remedy="Export it anew; an export without findings has a header.",
        file=file,
    )
