"""Identification rules by connector, and what people put together and took apart, in the config store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from riskbridge.errors import InputError
from riskbridge.model.identification import IdentityJudgement, JudgementKind, RuleChoice
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import IdentificationRulesRow, IdentityJudgementRow

Audit = Callable[[Session, str, str, dict[str, Any]], None]


class ConfigIdentification:
    """Keeps rules and judgements; each change adds an audit entry in its transaction. Threads may share it."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    def list_rules(self) -> dict[str, tuple[RuleChoice, ...]]:
        """Rules by connector id, in order, of the connectors that have rules of their own."""
        with self._database.reading() as session:
            rows = session.scalars(select(IdentificationRulesRow).order_by(IdentificationRulesRow.connector_id))
            return {row.connector_id: _choices(row.rules) for row in rows}

    def save_rules(self, connector_id: str, connector_name: str, rules: Sequence[RuleChoice]) -> None:
        """Keep a connector's rules in order; saving what is there already changes nothing."""
        kept = [asdict(rule) | {"attributes": list(rule.attributes)} for rule in rules]
        with self._database.writing() as session:
            row = session.get(IdentificationRulesRow, connector_id)
            if row is not None and row.rules == kept:
                return
            session.merge(IdentificationRulesRow(connector_id=connector_id, rules=kept))
            self._audit(session, "identification.changed", connector_name, {"rules": kept})

    def forget_rules(self, connector_id: str, connector_name: str) -> None:
        """Give a connector the built-in rules again; without rules of its own nothing changes."""
        with self._database.writing() as session:
            row = session.get(IdentificationRulesRow, connector_id)
            if row is not None:
                session.delete(row)
                self._audit(session, "identification.reset", connector_name, {"rules": "built-in"})

    def list_judgements(self, *, is_all: bool = False, limit: int | None = None) -> list[IdentityJudgement]:
        """What people put together and took apart, newest first: what holds, or all there ever was."""
        query = select(IdentityJudgementRow).order_by(
            IdentityJudgementRow.decided_at.desc(), IdentityJudgementRow.judgement_id
        )
        if not is_all:
            query = query.where(IdentityJudgementRow.undone_at.is_(None))
        if limit is not None:
            query = query.limit(limit)
        with self._database.reading() as session:
            return [_judgement(row) for row in session.scalars(query)]

    def get_judgement(self, judgement_id: str) -> IdentityJudgement:
        """The judgement whose id begins so.

        Raises:
            InputError: `identity-judgement.unknown`: no judgement's id does, or several do.
        """
        query = select(IdentityJudgementRow).where(
            IdentityJudgementRow.judgement_id.startswith(judgement_id, autoescape=True)
        )
        with self._database.reading() as session:
            found = [_judgement(row) for row in session.scalars(query.limit(2))] if judgement_id else []
        if len(found) == 1:
            return found[0]
        problem = "is the beginning of more than one" if found else "is no"
        raise InputError(
            f"'{judgement_id}' {problem} id of a merge or split.",
            code="identity-judgement.unknown",
            remedy="List the ids with: riskbridge identity judgements",
        )

    def save_judgement(self, judgement: IdentityJudgement) -> None:
        """Keep a judgement, new or undone; the audit log tells which."""
        values = asdict(judgement) | {"kind": judgement.kind.value, "others": list(judgement.others)}
        is_undone = judgement.undone_at is not None
        verb = "undone" if is_undone else {"merge": "merged", "split": "split"}[judgement.kind.value]
        why = judgement.undone_why if is_undone else judgement.why
        with self._database.writing() as session:
            session.merge(IdentityJudgementRow(**values))
            detail = {"judgement_id": judgement.judgement_id, "what": judgement.text, "why": why}
            self._audit(session, f"identity.{verb}", judgement.record, detail)


def undone(judgement: IdentityJudgement, **values: Any) -> IdentityJudgement:
    """The judgement as it is once it is undone: `by`, `at`, `why`."""
    return replace(judgement, undone_by=values["by"], undone_at=values["at"], undone_why=values["why"])


def _choices(rules: list[Any]) -> tuple[RuleChoice, ...]:
    return tuple(RuleChoice(r["name"], tuple(r["attributes"]), r["is_on"]) for r in rules)


def _judgement(row: IdentityJudgementRow) -> IdentityJudgement:
    names = ("judgement_id", "record", "text", "why", "decided_by", "decided_at")
    ends = ("undone_by", "undone_at", "undone_why")
    values = {n: getattr(row, n) for n in (*names, *ends)}
    return IdentityJudgement(**values, kind=JudgementKind(row.kind), others=tuple(row.others))
