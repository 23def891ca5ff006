"""The data types of a map's rows, and what turns a value of one into another without ever failing on a row.

A value that has no equivalent in the other type becomes null.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any, Literal, get_args

import ibis
import ibis.expr.types as ir

from riskbridge.forms import lower, parse_at
from riskbridge.model.schema import AT, TEXTS
from riskbridge.model.source_model import Kind

DataType = Literal["string", "integer", "decimal", "boolean", "date", "date-time", "list", "ip", "mac", "version"]
"""What a row declares.

A `date-time` is a time in UTC and a `date` its midnight; a `list` is of texts. `ip`, `mac` and `version` are texts of
one form: an address in lower case, 12 lower-case hexadecimal digits, and a version without a leading `v`.
"""

DATA_TYPES: tuple[DataType, ...] = get_args(DataType)

IBIS_TYPE: dict[DataType, str] = {
    "string": "string",
    "integer": "int64",
    "decimal": "float64",
    "boolean": "boolean",
    "date": AT,
    "date-time": AT,
    "list": TEXTS,
    "ip": "string",
    "mac": "string",
    "version": "string",
}

TYPE_OF_KIND: dict[Kind, DataType] = {
    "string": "string",
    "date": "string",
    "datetime": "string",
    "ip": "string",
    "mac": "string",
    "version": "string",
    "integer": "integer",
    "number": "decimal",
    "boolean": "boolean",
    "strings": "list",
}
"""The data type of a source field; objects are mapped by their members only."""

EARLIEST = "1900"
"""Times before this year are a source's stand-in for never (0001-01-01, 1601-01-01) and count as none."""

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_DECIMAL = r"^[+-]?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?$"
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IP_4 = rf"^({_OCTET}\.){{3}}{_OCTET}$"
_IP_6 = rf"^[0-9a-f]{{0,4}}(:[0-9a-f]{{0,4}}){{2,7}}$|^[0-9a-f:]{{2,}}:({_OCTET}\.){{3}}{_OCTET}$"
_MAC = r"^[0-9a-f]{12}$"
_VERSION = r"^[vV]?([0-9][0-9A-Za-z.+:~_-]{0,99})$"
_LARGEST_EXACT = 2**53
_LARGEST_DECIMAL = 1e15


def tidy(text: ir.StringValue) -> ir.StringValue:
    """The text without white space at its ends; null when nothing is left.

    Trimming costs an engine more than all else a row needs, so it is kept for the texts that need it: the exclamation
    mark is the first character after the blank.
    """
    begins_well, ends_well = text >= "!", ~ibis.or_(*(text.endswith(blank) for blank in string.whitespace))
    return ibis.ifelse(begins_well & ends_well, text, text.strip().nullif(""))


def is_blank(text: ir.StringValue) -> ir.BooleanValue:
    """Whether the text is null or nothing but white space; never null."""
    return ibis.ifelse(text < "!", text.strip() == "", text.isnull())


def is_convertible(given: DataType, wanted: DataType) -> bool:
    """Whether values of one type can become another."""
    return given == wanted or (given, wanted) in _CONVERSIONS


def convert(value: Any, given: DataType, wanted: DataType) -> Any:
    """The value in another type; null where it has no equivalent. `KeyError` when the types are not convertible."""
    return value if given == wanted else _CONVERSIONS[given, wanted](value)


def to_date(text: ir.StringValue) -> ir.TimestampValue:
    """An ISO 8601 time or day as a UTC time; null for all else and for times before `EARLIEST`."""
    moment = ibis.ifelse(text.length() == len("2026-01-31"), text + "T00:00:00", text)
    return parse_at(ibis.ifelse(text >= EARLIEST, moment, ibis.null("string")))


def _number_to_text(number: Any) -> ir.StringValue:
    exact = ibis.ifelse(number.abs() < _LARGEST_DECIMAL, number, ibis.null("float64")).cast("decimal(38, 12)")
    return _number_to_whole(number).cast("string").coalesce(exact.cast("string").re_replace(r"0+$", ""))


def _number_to_whole(number: Any) -> ir.IntegerValue:
    # Engines raise on the floor of an infinity, so what is too large goes first.
    bounded = ibis.ifelse(number.abs() < _LARGEST_EXACT, number, ibis.null("float64"))
    return ibis.ifelse(bounded == bounded.floor(), bounded, ibis.null("float64")).cast("int64")


def _text_to_whole(text: ir.StringValue) -> ir.IntegerValue:
    return ibis.ifelse(text.re_search(_WHOLE), text, ibis.null("string")).try_cast("int64")


def _text_to_number(text: ir.StringValue) -> ir.FloatingValue:
    return ibis.ifelse(text.re_search(_DECIMAL), text, ibis.null("string")).try_cast("float64")


def _text_to_boolean(text: ir.StringValue) -> ir.BooleanValue:
    word = lower(text)
    return ibis.cases((word.isin(["true", "yes", "1"]), True), (word.isin(["false", "no", "0"]), False))


def _boolean_to_text(value: Any) -> ir.StringValue:
    return ibis.cases((value, "true"), (~value, "false"))


def _text_to_ip(text: ir.StringValue) -> ir.StringValue:
    address = lower(text).re_replace("%.*$", "")
    return ibis.ifelse(address.re_search(_IP_4) | address.re_search(_IP_6), address, ibis.null("string"))


def _text_to_mac(text: ir.StringValue) -> ir.StringValue:
    bare = lower(text).re_replace(r"[\s:.-]", "")
    return ibis.ifelse(bare.re_search(_MAC), bare, ibis.null("string"))


def _text_to_version(text: ir.StringValue) -> ir.StringValue:
    return ibis.ifelse(text.re_search(_VERSION), text.re_extract(_VERSION, 1), ibis.null("string"))


def _to_day(moment: ir.TimestampValue) -> ir.TimestampValue:
    return moment.truncate("D")


def _same(value: Any) -> Any:
    return value


_CONVERSIONS: dict[tuple[DataType, DataType], Callable[[Any], Any]] = {
    ("integer", "string"): lambda value: value.cast("string"),
    ("integer", "decimal"): lambda value: value.cast("float64"),
    ("integer", "version"): lambda value: value.cast("string"),
    ("decimal", "string"): _number_to_text,
    ("decimal", "integer"): _number_to_whole,
    ("decimal", "version"): _number_to_text,
    ("boolean", "string"): _boolean_to_text,
    ("string", "integer"): _text_to_whole,
    ("string", "decimal"): _text_to_number,
    ("string", "boolean"): _text_to_boolean,
    ("string", "date-time"): to_date,
    ("string", "date"): lambda text: _to_day(to_date(text)),
    ("date-time", "date"): _to_day,
    ("date", "date-time"): _same,
    ("string", "ip"): _text_to_ip,
    ("string", "mac"): _text_to_mac,
    ("string", "version"): _text_to_version,
    ("ip", "string"): _same,
    ("mac", "string"): _same,
    ("version", "string"): _same,
}
