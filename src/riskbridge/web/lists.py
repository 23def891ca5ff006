"""The columns that lists show, and their addresses: every state of a list is a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from riskbridge.search.tokens import TOKENS, Subject

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
        "exploit_maturity": "Maturity",
        "sla_state": "SLA",
        "first_found_at": "First found",
    },
}
ROW_COLUMNS = {"assets": (*COLUMNS["assets"], "asset_id"), "findings": (*COLUMNS["findings"], "finding_id", "asset_id")}
"""What a list's rows need, ids for their links included."""
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

    @classmethod
    def of(cls, path: str, given: Mapping[str, str]) -> ListState:
        """The state that an address describes."""
        return cls(path, *(given.get(name, "") for name in ("query", "sort", "page", "group", "as_of")))

    def link(self, **changes: str) -> str:
        """The address of this list with those parts changed; another query or order begins at the first page."""
        parts = {"query": self.query, "sort": self.sort, "group": self.group, "as_of": self.as_of, **changes}
        text = urlencode({k: v for k, v in parts.items() if v})
        return f"{self.path}?{text}" if text else self.path

    def sorted_by(self, column: str) -> str:
        """The address with that column as order, the other way round when it is already."""
        return self.link(sort=column if self.sort == f"-{column}" else f"-{column}")

    def narrowed(self, subject: Subject, column: str, value: Any) -> str:
        """The address with one more condition: the column has the value."""
        token = _TOKEN_OF[subject].get(column)
        if token is None:
            return self.link()
        if isinstance(value, bool):
            said = "true" if value else "false"
        elif isinstance(value, int | float):
            said = str(value)
        else:
            said = f"`{value}`"
        condition = f"{token.name}: {said}"
        return self.link(query=f"({self.query}) and {condition}" if self.query.strip() else condition)


def query_for(subject: Subject, column: str, value: Any) -> str:
    """The address of a list of the rows whose column has the value."""
    path = "/inventory/assets" if subject == "assets" else "/findings"
    return ListState(path).narrowed(subject, column, value)
