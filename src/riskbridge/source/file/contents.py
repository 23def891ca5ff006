"""A file's bytes as text: unpacked, decoded, hashed on the way, and watched for changes; never held whole."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.model.file_settings import AUTO

BLOCK_BYTES = 8 << 20
"""Read at a time: enough that parsing it is quick, little enough that a file's size does not matter."""

_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WORDS = {AUTO: "utf-8", "utf-16": "utf-16-le"}


class FileContents:
    """One file. `blocks` may be taken once; afterwards `sha256` and `size_bytes` are those of the file as it lies there.

    Args:
        path: The file.
        encoding: A word of `ENCODINGS`.
        block_bytes: How much is read at a time.

    Raises:
        ConfigError: `file.missing`, `file.unreadable`: it is not there, or may not be read.
    """

    def __init__(self, path: Path, encoding: str = AUTO, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self.name = path.name
        self._encoding = encoding
        self._block_bytes = block_bytes
        self._hash = hashlib.sha256()
        with _reading(path):
            found = path.stat()
            if not path.is_file():
                raise IsADirectoryError(21, "it is no plain file")
        self._before = _identity(found)
        self.size_bytes = found.st_size
        self.modified_at = datetime.fromtimestamp(found.st_mtime, UTC).replace(microsecond=0)

    @property
    def sha256(self) -> str:
        """Of what was read, in hexadecimal."""
        return self._hash.hexdigest()

    def first_bytes(self, number: int = 8) -> bytes:
        """The unpacked beginning."""
        with _reading(self.path), self.path.open("rb") as raw:
            return self._unpacked(raw).read(number)

    def blocks(self) -> Iterator[str]:
        """The text, some MiB at a time, without a byte order mark; lines end as they do in the file.

        Raises:
            ConfigError: `file.empty`, `file.not-text`, `file.wrong-encoding` with the line.
            FatalError: `file.damaged`: its compression is broken or cut off.
            RetryableError: `file.changed`: somebody wrote to it meanwhile.
        """
        decoder: codecs.IncrementalDecoder | None = None
        line = 1
        with _reading(self.path), self.path.open("rb") as raw:
            stream = self._unpacked(_Hashed(raw, self._hash))
            while block := stream.read(self._block_bytes):
                if decoder is None:
                    decoder, block = self._decoder(block)
                text = self._decode(decoder, block, line)
                line += text.count("\n")
                if text:
                    yield text
            if decoder is None:
                raise self._error("is empty", "file.empty", "Export it anew; an export without findings has a header.")
            self._decode(decoder, b"", line, final=True)
        self.require_unchanged()

    def digest(self) -> None:
        """Read the file for its hash alone."""
        with _reading(self.path), self.path.open("rb") as raw:
            while block := raw.read(self._block_bytes):
                self._hash.update(block)
        self.require_unchanged()

    def require_unchanged(self) -> None:
        """Raise when the file is not the one that was opened.

        Raises:
            RetryableError: `file.changed`.
        """
        with _reading(self.path):
            after = _identity(self.path.stat())
        if after != self._before:
            raise RetryableError(
                f"{self.path} was changed while it was read; nothing was taken from it.",
                code="file.changed",
                remedy="Wait until whatever writes it has ended, then run again. Best written elsewhere and moved here.",
            )

    def _unpacked(self, raw: Any) -> IO[bytes]:
        with self.path.open("rb") as looked:
            start = looked.read(len(_ZIP))
        if start == _ZIP:
            raise self._error("is a ZIP archive or a spreadsheet", "file.not-text", "Unpack it, or save it as CSV.")
        if start[: len(_GZIP)] == _GZIP:
            return cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="rb"))
        return cast("IO[bytes]", raw)

    def _decoder(self, block: bytes) -> tuple[codecs.IncrementalDecoder, bytes]:
        if block[: len(_PARQUET)] == _PARQUET:
            raise self._error("is Parquet, not text", "file.not-text", "Leave the reader at auto, or say parquet.")
        found = next(((mark, name) for mark, name in _MARKS if block.startswith(mark)), None)
        if found is not None and self._encoding in (AUTO, "utf-8", "utf-16", "utf-16-be"):
            return codecs.getincrementaldecoder(found[1])("strict"), block[len(found[0]) :]
        return codecs.getincrementaldecoder(_WORDS.get(self._encoding, self._encoding))("strict"), block

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, line: int, *, final: bool = False) -> str:
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError as error:
            at = line + error.object[: error.start].count(b"\n")
            encoding = "UTF-8" if self._encoding == AUTO else self._encoding
            raise self._error(
                f"is not written in {encoding}: line {at:,} cannot be read",
                "file.wrong-encoding",
                "Name its encoding, such as windows-1252 or utf-16, or save it as UTF-8.",
                line=at,
            ) from error
        if "\x00" in text:
            at = line + text[: text.index("\x00")].count("\n")
            remedy = "If it is UTF-16 without a byte order mark, name that encoding; else export it as text."
            raise self._error(f"holds NUL characters in line {at:,}", "file.not-text", remedy, line=at)
        return text

    def _error(self, what: str, code: str, remedy: str, line: int | None = None) -> ConfigError:
        return ConfigError(f"{self.path} {what}.", code=code, remedy=remedy, file=self.name, line=line)


class _Hashed:
    """A file object that feeds a hash with what is read of it."""

    def __init__(self, raw: IO[bytes], digest: Any) -> None:
        self._raw, self._digest = raw, digest

    def read(self, number: int = -1) -> bytes:
        data = self._raw.read(number)
        self._digest.update(data)
        return data

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what the disk and the compression refuse into ours."""
    try:
        yield
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no file {path}.", code="file.missing", remedy="Check the path, and that its disk is mounted."
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FatalError(
            f"{path} is damaged: its compression is broken or cut off ({error}).",
            code="file.damaged",
            remedy="Copy or export it anew; the run changed nothing.",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}.",
            code="file.unreadable",
            remedy="Name a plain file that the account riskbridge runs under may read.",
        ) from error


def _identity(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
