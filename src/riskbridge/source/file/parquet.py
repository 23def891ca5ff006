"""Parquet: row groups as they come, members of structs by their dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from riskbridge.errors import ConfigError
from riskbridge.model.source_model import SourceModel
from riskbridge.source.file.chunk import Chunk
from riskbridge.source.file.contents import FileContents
from riskbridge.source.file.header import Columns, match_columns, require_columns

ROWS_A_CHUNK = 20_000


class ParquetReader:
    """Reads one Parquet file.

    Args:
        contents: The file.
        model: Its data model.
        needs: Groups of fields; of each one at least must be among the columns.
    """

    def __init__(self, contents: FileContents, model: SourceModel, needs: Sequence[Sequence[str]]) -> None:
        self._contents = contents
        self._model = model
        self._needs = needs
        self._columns: Columns | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that the data model does not know, sorted; empty before the first chunk."""
        return () if self._columns is None else self._columns.unknown

    def chunks(self) -> Iterator[Chunk]:
        """The file's rows; see `Reader`.

        Raises:
            ConfigError: `file.not-parquet`, `file.missing-columns`; and those of `FileContents.digest`.
        """
        self._contents.digest()
        try:
            with pq.ParquetFile(self._contents.path) as file:
                yield self._chunk(pa.Table.from_batches([], file.schema_arrow))
                for batch in file.iter_batches(ROWS_A_CHUNK, use_threads=False):
                    yield self._chunk(pa.Table.from_batches([batch]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OSError) as error:
            raise ConfigError(
                f"{self._contents.path} is no Parquet that can be read: {str(error)[:300]}.",
                code="file.not-parquet",
                remedy="Export it anew, or say what it is with the reader setting.",
                file=self._contents.name,
            ) from error
        self._contents.require_unchanged()

    def _chunk(self, table: pa.Table) -> Chunk:
        while any(pa.types.is_struct(f.type) for f in table.schema):
            table = table.flatten()
        if self._columns is None:
            self._columns = match_columns(table.schema.names, self._model)
            needs = self._needs or [[f.name for f in self._model.fields]]
            require_columns(self._columns, needs, str(self._contents.path))
        taken = zip(self._columns.fields, table.columns, strict=True)
        columns = {field: _as_text(column.combine_chunks()) for field, column in taken if field is not None}
        return Chunk(columns, table.num_rows)


def _as_text(column: Any) -> Any:
    """The column as texts, or lists of texts; times in UTC as ISO 8601."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return column.cast(pa.list_(pa.string()))
    if pa.types.is_dictionary(kind):
        return _as_text(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        utc = column.cast(pa.timestamp("us", "UTC" if kind.tz else None))
        return utc.cast(pa.timestamp("us")).cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.binary()).cast(pa.string())
    return column.cast(pa.string())
