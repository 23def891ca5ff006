"""The engine that executes the stages' expressions: DuckDB in this process, over one file.

Stages never see it; the pipeline hands them Ibis tables made here. Temporary tables live beside the warehouse and
vanish with the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import sqlglot.expressions as sge

from riskbridge.errors import ConfigError, FatalError, RetryableError
from riskbridge.store.priority import started_threads_yield
from riskbridge.store.statements import MOST_KEPT_ROWS, Memory, Statement, Wordings, place
from riskbridge.store.turn import PublishingTurn

_COMPILING = Lock()
"""How Ibis puts expressions into words is set for the whole process, and Python does it in one thread at a time anyway."""
MOST_WRITTEN = 1_000
"""Rows that are written as SQL; more of them take longer than loading pandas does."""
_WORDINGS = Wordings()
"""Of every engine of the process: a run of one home says what the run before said, of the same tables."""


class DuckDBEngine:
    """One connection to a DuckDB file, with bounded memory, UTC as its time zone and Ibis on top.

    Args:
        path: The database file; made when missing.
        memory_limit_mib: What DuckDB may hold before it spills to disk.
        threads: Worker threads.
        is_read_only: Open for reading alone; the file must exist.
        workers_yield: Its worker threads give way to those that ask for something, which work on that themselves.

    Raises:
        RetryableError: `warehouse.in-use`: another process has the file open.
        ConfigError: `warehouse.unreadable`: the file is no DuckDB file of a version this release reads.
    """

    def __init__(
        self,
        path: Path,
        *,
        memory_limit_mib: int = 1024,
        threads: int = 2,
        is_read_only: bool = False,
        workers_yield: bool = False,
    ) -> None:
        self.path = path
        self._numbers = count()
        self._tables: dict[str, ir.Table] = {}
        self._memory = Memory()
        self._threads = 0 if workers_yield else threads
        with started_threads_yield() if workers_yield else nullcontext():
            try:
                self.connection = duckdb.connect(str(path), read_only=is_read_only)
            except duckdb.IOException as error:
                raise _cannot_open(path, error) from error
            self.connection.execute(f"SET threads = {threads}")
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute(f"SET memory_limit = '{memory_limit_mib}MiB'")
        self.connection.execute("SET preserve_insertion_order = false")
        # A large commit goes into the file at once, and not into the log first; where others wait for answers it does not.
        self.connection.execute(f"SET checkpoint_threshold = '{256 if workers_yield else 16}MiB'")
        self.connection.execute("SET enable_progress_bar = false")
        self.turn = PublishingTurn()
        self.backend: Any = ibis.duckdb.from_connection(self.connection)

    def fork(self) -> DuckDBEngine:
        """Another connection to the same open file, for another thread; it sees what is committed, and closes alone."""
        other = object.__new__(DuckDBEngine)
        other.path, other._numbers = self.path, count()
        other._tables, other._memory = {}, self._memory
        other.turn, other._threads = self.turn, self._threads
        other.connection = self.connection.cursor()
        other.connection.execute("SET TimeZone = 'UTC'")
        other.backend = ibis.duckdb.from_connection(other.connection)
        return other

    def leave_room(self, *, is_left: bool) -> None:
        """Work with a thread fewer from now on, or with all of them again, for who uses a processor of their own meanwhile.

        A statement waits for its last thread by asking again and again, and holds up Python each time. Where others' requests
        use the same threads, nothing changes.
        """
        if self._threads > 1:
            self.execute(f"SET threads = {self._threads - is_left}")

    def close(self) -> None:
        """Close the connection; temporary tables are gone."""
        self.connection.close()

    def table(self, name: str) -> ir.Table:
        """A stored table by name; its columns are looked up once."""
        if name not in self._tables:
            self._tables[name] = self.backend.table(name)
        return self._tables[name]

    def kept(self, name: str, make: Callable[[], ir.Table]) -> ir.Table:
        """An expression over stored tables, made once; its name is none of a table."""
        if name not in self._tables:
            self._tables[name] = make()
        return self._tables[name]

    def materialise(self, expression: ir.Table, name: str | None = None, *, is_again: bool = False) -> ir.Table:
        """Compute a table expression once and give the temporary table that holds its rows.

        Args:
            expression: What to compute.
            name: What the table's name is to say.
            is_again: It takes the place of the table that was made so under that name before, so that what is made of it
                is the same expression as before.
        """
        name = f"tmp_{name or 'step'}" if is_again else f"tmp_{name or 'step'}_{next(self._numbers)}"
        # DuckDB widens sums and counts; what is stored has the types that the expression promises.
        types = expression.schema().items()
        columns = ", ".join(
            f'CAST("{n}" AS {self.backend.compiler.type_mapper.to_string(t)}) AS "{n}"' for n, t in types
        )
        self.execute(
            f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT {columns} FROM '
            f"({self.sql(expression, is_order_kept=False)})"
        )
        found: ir.Table = self.backend.table(name)
        return found

    def append(self, name: str, expression: ir.Table) -> int:
        """Insert an expression's rows into a table, by column name; gives their number."""
        inserted = self.execute(f'INSERT INTO "{name}" BY NAME {self.sql(expression, is_order_kept=False)}').fetchone()
        return int(inserted[0]) if inserted else 0

    def drop(self, *tables: ir.Table) -> None:
        """Forget temporary tables, to give their memory back."""
        for table in tables:
            self.execute(f'DROP TABLE IF EXISTS "{table.get_name()}"')

    def empty(self, types: Mapping[str, str]) -> ir.Table:
        """A table with those columns and no row."""
        return self.from_records((), types)

    def from_records(self, records: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> ir.Table:
        """A temporary table of Python's values, with exactly the named columns and types.

        Few rows are written as SQL: for `from_arrow`, and to make Arrow arrays of values, pandas is loaded.
        """
        given, schema = list(records), ibis.schema(dict(types))
        if len(given) > MOST_WRITTEN:
            return self.from_arrow(pa.Table.from_pylist(given, schema=schema.to_pyarrow()), types)
        name = f"tmp_records_{next(self._numbers)}"
        columns = ", ".join(f'"{n}" {self.backend.compiler.type_mapper.to_string(t)}' for n, t in schema.items())
        self.execute(f'CREATE TEMP TABLE "{name}" ({columns})')
        rows = [f"({', '.join(_literal(record[n]) for n in types)})" for record in given]
        if rows:
            self.execute(f'INSERT INTO "{name}" VALUES {", ".join(rows)}')
        found: ir.Table = self.backend.table(name)
        return found

    def from_arrow(self, rows: pa.Table, types: Mapping[str, str]) -> ir.Table:
        """A temporary table of Arrow rows, with exactly the named columns and types."""
        name = f"tmp_arrow_{next(self._numbers)}"
        schema = ibis.schema(dict(types)).to_pyarrow()
        self.connection.register("arrow_rows", rows.select(schema.names).cast(schema))
        try:
            self.execute(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM arrow_rows')
        finally:
            self.connection.unregister("arrow_rows")
        found: ir.Table = self.backend.table(name)
        return found

    def read_parquet(self, files: Sequence[Path], types: Mapping[str, str], *, name: str | None = None) -> ir.Table:
        """The rows of Parquet files as one lazy table; with no file, an empty one of those types.

        Args:
            files: The files.
            types: Columns and types, for no file.
            name: They take the place of the files that were read under that name before.
        """
        if not files:
            return self.empty(types)
        name = f"tmp_parquet_{next(self._numbers) if name is None else name}"
        listed = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
        self.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM read_parquet([{listed}])')
        found: ir.Table = self.backend.table(name)
        return found

    def rows(self, expression: ir.Table) -> pa.Table:
        """The rows of an expression as Arrow."""
        found: pa.Table = self.execute(self.sql(expression)).to_arrow_table()
        return found

    def records(self, expression: ir.Table) -> list[dict[str, Any]]:
        """The rows of a small expression as dictionaries."""
        return _records(self.rows(expression))

    def placeholder(self, name: str) -> ir.StringValue:
        """Stands for a text that `answer` puts in its place."""
        return ibis.literal(place(name))

    def answer(
        self,
        key: Hashable,
        make: Callable[[], ir.Table],
        constants: Mapping[str, str] | None = None,
        *,
        later: Mapping[str, str] | None = None,
        version: Hashable = None,
    ) -> list[dict[str, Any]]:
        """The rows of a small expression; one that was asked before is not put into SQL again, whatever its constants.

        Threads share what is remembered with every fork of this engine.

        Args:
            key: Names the expression: equal keys must mean the same one.
            make: Makes it, with `placeholder` for constants, where it has not been asked or was forgotten.
            constants: What placeholders stand for.
            later: The same for those that may change without another answer while `version` is the same.
            version: Names what is stored: rows found under it before are given again. None looks anew.
        """
        values = dict(constants or {})
        asked = None if version is None else (key, version, tuple(sorted(values.items())))
        if asked is not None and (known := self._memory.find_rows(asked)) is not None:
            return known
        statement = self._memory.find_statement(key)
        if statement is None:
            statement = Statement.of(self._word_inlined(make()))
            self._memory.keep_statement(key, statement)
        text = statement.text({**values, **(later or {})})
        rows = _records(self.execute(text).to_arrow_table())
        if asked is not None and len(rows) <= MOST_KEPT_ROWS:
            self._memory.keep_rows(asked, rows)
        return rows

    def recall(
        self, key: Hashable, version: Hashable, find: Callable[[], list[dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """What `find` gives, found once for each `version`; few rows of plain values, which threads share."""
        known = self._memory.find_rows((key, version))
        if known is None:
            known = find()
            self._memory.keep_rows((key, version), known)
        return known

    def scalar(self, expression: ir.Scalar) -> Any:
        """The value of a scalar expression."""
        return _plain(self.rows(expression.as_table()).column(0))[0]

    def sql(self, expression: ir.Table, *, is_order_kept: bool = True) -> str:
        """The engine's SQL for an expression; one that was asked for lately is not put into words again.

        Args:
            expression: What to put into words.
            is_order_kept: Rows come in the expression's order. Where nobody asks for it, selects stay inside one another,
                which is half the work for Ibis and none for DuckDB.
        """
        with _COMPILING:
            asked = (expression.op(), is_order_kept)
            return _WORDINGS.find(asked, lambda: self._word(expression, is_order_kept=is_order_kept))

    def _word(self, expression: ir.Table, *, is_order_kept: bool) -> str:
        ibis.options.sql.fuse_selects = is_order_kept
        return str(self.backend.compile(expression))

    def _word_inlined(self, expression: ir.Table) -> str:
        """SQL in which what stands in several places is worked out in each: DuckDB would keep all of its rows aside."""
        with _COMPILING:
            ibis.options.sql.fuse_selects = True
            query = self.backend.compiler.to_sqlglot(expression)
            for part in query.find_all(sge.CTE):
                part.set("materialized", value=False)
            return str(query.sql(dialect=self.backend.dialect, copy=False))

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run one statement; a full disk or exhausted memory becomes a `FatalError` that says so.

        It takes no parameters: to bind them DuckDB loads pandas, which takes longer than most commands. Values travel
        in expressions.
        """
        try:
            return self.connection.execute(sql)
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            raise _cannot_run(self.path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is seen at once or not at all."""
        self.connection.execute("BEGIN TRANSACTION")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # After a failed COMMIT DuckDB has rolled back already and a second ROLLBACK is an error of its own.
            with _quietly():
                self.connection.execute("ROLLBACK")
            raise


def _literal(value: str | float | datetime | None) -> str:
    """A value in SQL; columns have types of their own, so times are given as text."""
    if value is None or isinstance(value, bool | int | float):
        return str(sge.convert(value).sql("duckdb"))
    text = value.isoformat() if isinstance(value, datetime) else value
    # SQL itself ends at a NUL, and texts of a source may hold one.
    return " || chr(0) || ".join(f"'{part}'" for part in text.replace("'", "''").split("\0"))


def _records(rows: pa.Table) -> list[dict[str, Any]]:
    columns = [_plain(rows.column(n)) for n in rows.column_names]
    return [dict(zip(rows.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def _plain(column: pa.ChunkedArray[Any]) -> list[Any]:
    """The values of a column; times as `datetime` by our own arithmetic, for which Arrow would load pandas."""
    if pa.types.is_decimal(column.type) and column.type.scale == 0:  # DuckDB widens sums of whole numbers
        return [None if n is None else int(n) for n in column.to_pylist()]
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    epoch = datetime(1970, 1, 1, tzinfo=UTC if column.type.tz else None)
    counts = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_pylist()
    return [None if n is None else epoch + timedelta(microseconds=n) for n in counts]


@contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except duckdb.Error:
        return


def _cannot_open(path: Path, error: duckdb.IOException) -> RetryableError | ConfigError:
    text = str(error)
    if "lock" in text.lower():
        return RetryableError(
            f"The warehouse {path} is in use by another process.",
            code="warehouse.in-use",
            remedy="Wait until the run that uses it has ended, or choose another --home.",
        )
    return ConfigError(
        f"The warehouse {path} cannot be opened: {text.splitlines()[0]}",
        code="warehouse.unreadable",
        remedy="Check that the file is whole and readable, or restore it from a backup. It was not changed.",
    )


def _cannot_run(path: Path, error: Exception) -> FatalError:
    text = str(error).splitlines()[0]
    if isinstance(error, duckdb.OutOfMemoryException) and "disk" not in text.lower():
        return FatalError(
            f"The computation needs more memory than it may use: {text}.",
            code="engine.out-of-memory",
            remedy="Raise RISKBRIDGE_MEMORY_LIMIT_MIB. Nothing stored was changed.",
        )
    return FatalError(
        f"The warehouse beside {path} cannot be written: {text}.",
        code="engine.disk",
        remedy="Free disk space in the home directory and run again. Nothing stored was changed.",
    )
