"""In how many days findings are to be fixed, as a person set it."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from riskbridge.errors import InputError
from riskbridge.store.config.store import ConfigStore

if TYPE_CHECKING:
    from riskbridge.search.clocks import Sla

SETTING = "sla.days"
MOST_DAYS = 3650


def load_sla(store: ConfigStore) -> Sla:
    """Days by severity: what a person chose, else the built-in ones."""
    from riskbridge.search.clocks import Sla  # noqa: PLC0415 - loads Ibis

    saved = store.find_setting(SETTING) or {}
    return Sla(**{f.name: int(saved[f.name]) for f in fields(Sla) if f.name in saved})


def save_sla(store: ConfigStore, changes: dict[str, int]) -> Sla:
    """Change some of the days; the audit log has who and when.

    Raises:
        InputError: `sla.bad-days`: fewer than 1 day (0 for `at_risk`) or more than ten years.
    """
    for name, days in changes.items():
        if not (name != "at_risk") <= days <= MOST_DAYS:
            raise InputError(
                f"{days} days for {name} cannot be.",
                code="sla.bad-days",
                remedy=f"Give 1 to {MOST_DAYS:,} days; --at-risk may be 0.",
            )
    store.save_setting(SETTING, asdict(load_sla(store)) | changes)
    return load_sla(store)
