"""What a person sets up for a connector of kind `file`: which files it reads, as what, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from riskbridge.errors import InputError

AUTO = "auto"
UPLOAD = "upload:"
"""What a path begins with that names an uploaded file."""
READERS = (AUTO, "csv", "jsonl", "parquet")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
"""Words for the usual delimiters."""
ENCODINGS = {
    AUTO: "UTF-8, or what a byte order mark says",
    "utf-8": "UTF-8, with a byte order mark or without",
    "utf-16": "UTF-16, little-endian unless a byte order mark says otherwise",
    "utf-16-be": "UTF-16, big-endian",
    "windows-1252": "Western European, as older Windows programs write it",
    "iso-8859-1": "Latin 1",
    "iso-8859-15": "Latin 9",
    "windows-1250": "Central European",
    "windows-1251": "Cyrillic",
    "shift_jis": "Japanese",
}


class Taking(StrEnum):
    """Which files of those that a path matches are read."""

    ALL = "all"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class FileSettings:
    """How files are found and read.

    Attributes:
        format: Name of a ready-made format; empty with data models of one's own.
        findings: Paths, globs or `upload:NAME` of files with a row a finding.
        assets: The same of files with a row a device; empty where findings say all there is of devices.
        findings_model: Name of the data model of findings.
        assets_model: Name of the data model of devices; empty without `assets`.
        reader: `auto` (by the file's name and first bytes), `csv`, `jsonl` or `parquet`.
        delimiter: One character, or `auto`: the one that makes most columns of the header.
        qualifier: The character around texts that hold delimiters; empty for none.
        encoding: A word of `ENCODINGS`.
        has_header: The first row names the columns; else they are those of the data model, in its order.
        takes: `all` matching files, or the `newest` of each path alone.
        source_name: What these findings' source is called in the inventory, such as `Tenable`.

    Raises:
        InputError: `file.bad-settings`: what cannot be, with what can.
    """

    findings: tuple[str, ...]
    format: str = ""
    assets: tuple[str, ...] = ()
    findings_model: str = ""
    assets_model: str = ""
    reader: str = AUTO
    delimiter: str = AUTO
    qualifier: str = '"'
    encoding: str = AUTO
    has_header: bool = True
    takes: str = Taking.ALL.value
    source_name: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise InputError(
                f"The files cannot be read so: {problem}.",
                code="file.bad-settings",
                remedy="Mend what is named. riskbridge connector add-file --help tells what there is.",
            )

    def _problem(self) -> str:
        if not any(p.strip() for p in self.findings):
            return "no file with findings is named"
        if self.reader not in READERS:
            return f"there is no reader '{self.reader}', only {', '.join(READERS)}"
        if self.encoding not in ENCODINGS:
            return f"there is no encoding '{self.encoding}', only {', '.join(ENCODINGS)}"
        if self.takes not in tuple(Taking):
            return f"'{self.takes}' is neither all nor newest"
        if self.delimiter != AUTO and not _is_mark(self.delimiter):
            return "the delimiter is one character of ASCII, and neither a letter, a digit nor a line end"
        if self.qualifier and (not _is_mark(self.qualifier) or self.qualifier == self.delimiter):
            return "the qualifier is one character of ASCII, and not the delimiter"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain data that JSON can hold."""
        return asdict(self) | {"findings": list(self.findings), "assets": list(self.assets)}


def parse_delimiter(text: str) -> str:
    """A delimiter from its word (`comma`, `semicolon`, `tab`, `pipe`, `auto`) or the character itself."""
    word = text.strip().lower()
    return "\t" if word == r"\t" else DELIMITERS.get(word, text)


def file_settings_of(values: Mapping[str, Any]) -> FileSettings:
    """Settings from plain data, as `FileSettings.as_dict` gives it; names it does not know are left out."""
    known: dict[str, Any] = {f.name: values[f.name] for f in fields(FileSettings) if f.name in values}
    for name in ("findings", "assets"):
        if name in known:
            known[name] = tuple(known[name])
    return FileSettings(**known)


def _is_mark(text: str) -> bool:
    return len(text) == 1 and text.isascii() and not text.isalnum() and text not in "\r\n\0"
