"""The columns that lists show, and their addresses: every state of a list is a link."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from riskbridge.model.view import SavedView
from riskbridge.search.tokens import TOKENS, Subject
from riskbridge.web.words import spaced

COLUMNS: dict[Subject, dict[str, str]] = {
    "assets": {
        "asset_name": "Asset",
        "trurisk": "TruRisk",
        "acs": "ACS",
        "operating_system": "Operating system",
        "open_findings": "Open findings",
        "critical_count": "Critical",
        "high_count": "High",
        "medium_count": "Medium",
        "low_count": "Low",
        "max_qds": "Max QDS",
        "sources": "Sources",
        "last_seen_at": "Last seen",
    },
    "findings": {
        "qds": "QDS",
        "cve_id": "CVE",
        "title": "Title",
        "asset_name": "Asset",
        "status": "Status",
        "is_kev": "KEV",
        "epss": "EPSS",
        "cvss_score": "CVSS",
        "sla_state": "Due",
    },
}
ROW_COLUMNS = {"assets": (*COLUMNS["assets"], "asset_id"), "findings": (*COLUMNS["findings"], "finding_id", "asset_id")}
"""What a list's rows need, ids for their links included."""
ALWAYS = {"assets": ("asset_id", "asset_name"), "findings": ("finding_id", "asset_id", "asset_name", "cve_id", "title")}
NEVER_SHOWN = frozenset({"finding_id", "asset_id", "connector_id", "score_key", "primary_source_asset_id"})
PAGE_ROWS = 50
_TOKEN_OF = {subject: {t.column: t for t in tokens} for subject, tokens in TOKENS.items()}


@dataclass(frozen=True, slots=True)
class ListState:
    """What a list shows: its query, order, page, grouping and moment; `link` gives the address with some of them changed."""

    path: str
    query: str = ""
    sort: str = ""
    page: str = ""
    group: str = ""
    as_of: str = ""
    columns: str = ""

    @classmethod
    def of(cls, path: str, given: QueryParams) -> ListState:
        """The state that an address describes; columns may come one by one, as a form sends them."""
        state = cls(path, *(given.get(name, "") for name in ("query", "sort", "page", "group", "as_of")))
        return replace(state, columns=",".join(c for c in given.getlist("columns") if c))

    def link(self, **changes: str) -> str:
        """The address of this list with those parts changed; another query or order begins at the first page."""
        parts = {n: getattr(self, n) for n in ("query", "sort", "group", "as_of", "columns")} | changes
        text = urlencode({k: v for k, v in parts.items() if v})
        return f"{self.path}?{text}" if text else self.path

    def shown_columns(self, subject: Subject) -> dict[str, str]:
        """The columns to show with their labels: those chosen that there are, else the usual ones."""
        known = offered_columns(subject)
        chosen = {name: known[name] for name in self.columns.split(",") if name in known}
        return chosen or COLUMNS[subject]

    def of_view(self, view: SavedView) -> str:
        """The address of this list as a saved view shows it, now."""
        return replace(self, as_of="").link(
            query=view.query, sort=",".join(view.sort), group=view.group or "", columns=",".join(view.columns)
        )

    def sorted_by(self, column: str) -> str:
        """The address with that column as order, the other way round when it is already."""
        return self.link(sort=column if self.sort == f"-{column}" else f"-{column}")

    def grouped(self, names: tuple[str, ...], row: dict[str, Any]) -> str:
        """The address of the findings of one group: this list, narrowed by what they have in common, no longer grouped."""
        state = replace(self, group="")
        for name in names:
            if row.get(name) is not None and not (name == "asset_name" and "asset_id" in names):
                state = replace(state, query=state.narrowed_query("findings", name, row[name]))
        return state.link()

    def narrowed(self, subject: Subject, column: str, value: Any) -> str:
        """The address with one more condition: the column has the value."""
        return self.link(query=self.narrowed_query(subject, column, value))

    def narrowed_query(self, subject: Subject, column: str, value: Any) -> str:
        """The query with one more condition; as it is where nothing can be asked of the column."""
        token = _TOKEN_OF[subject].get(column)
        if token is None:
            return self.query
        if isinstance(value, bool):
            said = "true" if value else "false"
        elif isinstance(value, int | float):
            said = str(value)
        else:
            # An exact value stands between backticks; one with a backtick in it can only be looked for as a phrase.
            said = f"`{value}`" if "`" not in str(value) else '"' + str(value).replace('"', " ") + '"'
        condition = f"{token.name}: {said}"
        if condition in self.query:
            return self.query
        return f"({self.query}) and {condition}" if self.query.strip() else condition


def offered_columns(subject: Subject) -> dict[str, str]:
    """Every column that a list can show, with its label; the usual ones first."""
    from riskbridge.search.views import ASSET_VIEW, FINDING_VIEW  # noqa: PLC0415 - loads Ibis

    names = FINDING_VIEW if subject == "findings" else ASSET_VIEW
    others = sorted(n for n in names if n not in COLUMNS[subject] and n not in NEVER_SHOWN)
    return COLUMNS[subject] | {name: spaced(name).capitalize() for name in others}


def query_for(subject: Subject, column: str, value: Any) -> str:
    """The address of a list of the rows whose column has the value."""
    path = "/inventory/assets" if subject == "assets" else "/findings"
    return ListState(path).narrowed(subject, column, value)
