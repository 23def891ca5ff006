"""Expressions that give the same rows on every engine.

Each form replaces one that DuckDB and Spark read differently; the contract suite runs each on every engine. Stages
build on these instead of the differing originals.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir

ID_LENGTH = 20
"""Characters of an id: 80 bits, so a clash among 100 million ids has a chance below one in 200 million."""

SEPARATOR = "\x1f"
_PAIRS_OF_DIGITS = r"^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$"


def hash_id(*parts: ir.StringValue | str) -> ir.StringValue:
    """A deterministic id of `ID_LENGTH` lower-case hexadecimal digits from ordered parts; null counts as empty."""
    digest: Any = join_parts(*parts).hexdigest("md5")
    return digest.left(ID_LENGTH)


def join_parts(*parts: ir.StringValue | str) -> ir.StringValue:
    """What `hash_id` takes the hash of: the parts with a separator between them; null counts as empty."""
    texts = [p.fill_null("") if isinstance(p, ir.Value) else ibis.literal(p) for p in parts]
    return texts[0] if len(texts) == 1 else ibis.literal(SEPARATOR).join(texts)


def lower(text: ir.StringValue) -> ir.StringValue:
    """Lower case that agrees on the dotted capital I."""
    return text.replace("İ", "i").lower()


def hardware_digits(text: ir.StringValue) -> ir.StringValue:
    """A MAC address without what divides it, in lower case: `0:1C:42:0:0:8`, `001c.4200.0008` and the like are one.

    Leading zeros that were left out are filled in. A text that is no address loses its blanks, colons, dots and dashes.
    """
    tidy = lower(text.strip())
    pairs = tidy.re_split(r"[:-]").map(lambda pair: pair.lpad(2, "0")).join("")
    found: ir.StringValue = ibis.ifelse(tidy.re_search(_PAIRS_OF_DIGITS), pairs, tidy.re_replace(r"[\s:.-]", ""))
    return found


def round_half_up(number: ir.NumericValue) -> ir.IntegerValue:
    """The nearest integer, halves away from zero for the non-negative numbers that scores are.

    Binary fractions are first cut to nine decimal places so that 66.49999999999999 (a half, all but exactly) counts as
    the half it stands for.
    """
    exact: Any = number.cast("decimal(18, 9)")
    return (exact + ibis.literal("0.5").cast("decimal(18, 9)")).floor().cast("int64")


def parse_at(text: ir.StringValue) -> ir.TimestampValue:
    """An ISO 8601 time as UTC with microseconds; null when the text is no such time.

    Accepts a `T` or a blank between date and time, up to any number of fraction digits (cut to six), and a `Z` or no
    zone (read as UTC). Other offsets give null.
    """
    shape = r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(\.\d+)?Z?$"
    fraction = (text.re_extract(shape, 3).fill_null("") + "000000").substr(0, 7)
    tidy = (
        text.re_extract(shape, 1)
        + " "
        + text.re_extract(shape, 2)
        + ibis.ifelse(fraction.startswith("."), fraction, "")
    )
    return ibis.ifelse(text.re_search(shape), tidy + "+00:00", ibis.null("string")).try_cast("timestamp('UTC', 6)")
