"""Python values to Arrow arrays, put together from their buffers.

`pyarrow.array` does the same, but imports pandas at its first call, which takes a second and more of every run, and is no
faster to speak of.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = "pa.Array[Any]"

_SEPARATOR = "\x00"
_SPLIT = pc.SplitPatternOptions(_SEPARATOR)
_EPOCH = date(1970, 1, 1)


def texts(values: Sequence[str | None]) -> Column:
    """Texts as a string array."""
    if not values:
        return pa.Array.from_buffers(pa.string(), 0, [None, pa.py_buffer(_offsets(())), pa.py_buffer(b"")])
    validity = None
    try:
        joined = _SEPARATOR.join(values)  # type: ignore[arg-type]
    except TypeError:
        validity = _validity(values)
        joined = _SEPARATOR.join([v or "" for v in values])
    body = joined.encode()
    one = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(_offsets((len(body),))), pa.py_buffer(body)])
    parts = pc.call_function("split_pattern", [one], _SPLIT).values
    if len(parts) != len(values):
        return _texts_one_by_one(values, validity)
    _, offsets, characters = parts.buffers()
    return pa.Array.from_buffers(pa.string(), len(values), [validity, offsets, characters])


def _texts_one_by_one(values: Sequence[str | None], validity: pa.Buffer | None) -> Column:
    encoded = [(v or "").encode() for v in values]
    offsets = _offsets(map(len, encoded))
    return pa.Array.from_buffers(
        pa.string(), len(values), [validity, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    )


def whole_numbers(values: Iterable[int]) -> Column:
    """Numbers, none of them null, as an int64 array."""
    body = array("q", values)
    return pa.Array.from_buffers(pa.int64(), len(body), [None, pa.py_buffer(body)])


def same_number(value: int, count: int) -> Column:
    """One number, so many times, as an int64 array."""
    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(array("q", [value]) * count)])


def positions(count: int) -> Column:
    """0 to count - 1 as an int64 array."""
    return _many_positions(1 << max(0, count - 1).bit_length()).slice(0, count)


@lru_cache(maxsize=4)
def _many_positions(count: int) -> Column:
    return whole_numbers(range(count))


def integers(values: Sequence[int | None]) -> Column:
    """Whole numbers as an int64 array."""
    return _numbers(values, "q", pa.int64())


def floats(values: Sequence[float | None]) -> Column:
    """Numbers as a float64 array."""
    return _numbers(values, "d", pa.float64())


def booleans(values: Sequence[bool | None]) -> Column:
    """Truth values as a boolean array."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [_validity(values), _bits(map(bool, values))])


def dates(values: Sequence[date | None]) -> Column:
    """Days as a date32 array."""
    return _numbers([None if v is None else (v - _EPOCH).days for v in values], "i", pa.date32())


def lists(
    values: Sequence[Sequence[Any] | None], to_entries: Callable[[Sequence[Any]], Column], kind: pa.DataType
) -> Column:
    """Lists as an array of that list type; `to_entries` makes the array of all entries."""
    entries = [entry for value in values if value for entry in value]
    offsets = pa.py_buffer(_offsets(len(v) if v else 0 for v in values))
    return pa.Array.from_buffers(kind, len(values), [_validity(values), offsets], children=[to_entries(entries)])


def structs(values: Sequence[Any], children: Sequence[Column], kind: pa.DataType) -> Column:
    """Structs of that type from the arrays of their members; a struct is null where the value is None."""
    return pa.Array.from_buffers(kind, len(values), [_validity(values)], children=list(children))


def _numbers(values: Sequence[Any], code: str, kind: pa.DataType) -> Column:
    body = array(code, [v or 0 for v in values] if None in values else values)
    return pa.Array.from_buffers(kind, len(values), [_validity(values), pa.py_buffer(body)])


def _offsets(lengths: Iterable[int]) -> array[int]:
    return array("i", accumulate(lengths, initial=0))


def _validity(values: Sequence[Any]) -> pa.Buffer | None:
    return _bits(v is not None for v in values) if None in values else None


def _bits(flags: Iterable[bool]) -> pa.Buffer | None:
    body = bytes(flags)
    flat = pa.Array.from_buffers(pa.uint8(), len(body), [None, pa.py_buffer(body)]).cast(pa.bool_())
    return flat.buffers()[1]
