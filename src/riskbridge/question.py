"""A query asked of a home: which rows at which moment, and its statements, remembered by shape and answers by what is stored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from riskbridge.sla import load_sla

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.app import App
    from riskbridge.moment import Moment
    from riskbridge.search.clocks import Sla
    from riskbridge.search.listing import Asked, FindingTables
    from riskbridge.search.tokens import Subject

_TIMED_COLUMNS = frozenset(
    ("verdict", "is_ignored", "is_mitigated", "due_at", "sla_state", "time_to_fix_days", "accepted_until")
)
_NOW = "now"


@dataclass(frozen=True, slots=True)
class Question:
    """A query about a list of a home.

    Attributes:
        app: The home.
        subject: Which list.
        moment: When.
        asked: The query and its rows, with placeholders for what a person typed and for the time.
    """

    app: App
    subject: Subject
    moment: Moment
    asked: Asked

    def answer(
        self,
        key: Hashable,
        make: Callable[[], ir.Table],
        columns: Collection[str] = (),
        constants: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of what is made of the query, as plain values.

        Args:
            key: Names what is made, with the query's shape left out.
            make: Makes it.
            columns: What it shows beside what the query asks; decides how long an answer stays true.
            constants: What its own placeholders stand for.
        """
        read, moment = self.asked.read, self.moment
        used = {*columns, *(t.column for t in read.tokens)}
        # Due dates and acceptances move with the clock, not with what is stored.
        clock = f"{moment.now:%Y-%m-%dT%H:%M}" if used & _TIMED_COLUMNS else ""
        values = {**read.constants, **(constants or {}), _NOW: f"{moment.now:%Y-%m-%dT%H:%M:00+00:00}"}
        sources = tuple(sorted(moment.sources.items()))
        shape = (key, read.shape, moment.run, moment.sla, moment.has_software, sources, bool(used & _TIMED_COLUMNS))
        kept = {n: v for n, v in values.items() if n != _NOW}
        version = (moment.warehouse.last_run(), clock)
        found = self.app.engine.answer(shape, make, kept, later={_NOW: values[_NOW]}, version=version)
        return [plain_row(row) for row in found]

    def without_query(self) -> Question:
        """The same list, all of it."""
        from riskbridge.search.compile import read_query  # noqa: PLC0415 - loads Ibis and the grammar

        everything = read_query("", self.subject, self.moment.now)
        return replace(self, asked=replace(self.asked, read=everything))

    def placeholder(self, name: str) -> Any:
        """Stands for one of `constants`."""
        return self.app.engine.placeholder(name)


def ask(app: App, subject: Subject, query: str, as_of: str | None = None) -> Question:
    """A query about a list.

    Args:
        app: The home.
        subject: Which list.
        query: QQL; blank for all.
        as_of: A run's number or a time; None for now.

    Raises:
        InputError: `qql.*`, with the place; `as-of.*`.
    """
    from riskbridge.search.compile import read_query  # noqa: PLC0415 - loads Ibis and the grammar
    from riskbridge.search.listing import Asked  # noqa: PLC0415

    moment = moment_of(app, as_of)
    read = read_query(query, subject, moment.now)
    return Question(app, subject, moment, Asked(_tables(app, moment), read, app.engine.placeholder))


def moment_of(app: App, as_of: str | None) -> Moment:
    """The moment that a person names.

    Raises:
        InputError: `as-of.*`.
    """
    from riskbridge.moment import find_moment  # noqa: PLC0415 - loads Ibis

    sla: Sla | None = load_sla(app.store)
    return find_moment(app.warehouse, app.now(), sla, as_of, sources=app.source_names())


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose times are ISO 8601 texts."""
    return {k: plain(v) for k, v in row.items()}


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO 8601 texts, UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _tables(app: App, moment: Moment) -> FindingTables:
    from riskbridge.search.views import AT  # noqa: PLC0415

    return replace(moment.finding_tables(), now=app.engine.placeholder(_NOW).cast(AT))
