"""What people say about identification: rules of a connector, and records that they put together or took apart."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JudgementKind(StrEnum):
    """What a person did to source records."""

    MERGE = "merge"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class RuleChoice:
    """An identification rule as it is kept: its name, the attributes that must all agree, and whether it is on."""

    name: str
    attributes: tuple[str, ...]
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class IdentityJudgement:
    """Two assets put together, or a record taken from an asset; it holds in every run until it is undone.

    Attributes:
        judgement_id: Stable id.
        kind: What was done.
        record: The record that was taken away, or that stands for the first asset.
        others: The records that it was taken from, or the one that stands for the second asset.
        text: Names of both sides, for people.
        why: The reason.
        decided_by: The person.
        decided_at: When, UTC.
        undone_by: Who undid it; None while it holds.
        undone_at: When, UTC.
        undone_why: The reason for that.
    """

    judgement_id: str
    kind: JudgementKind
    record: str
    others: tuple[str, ...]
    text: str
    why: str
    decided_by: str
    decided_at: datetime
    undone_by: str | None = None
    undone_at: datetime | None = None
    undone_why: str | None = None


def new_judgement(kind: JudgementKind, record: str, others: tuple[str, ...], **values: object) -> IdentityJudgement:
    """A judgement with a fresh id."""
    return IdentityJudgement(uuid.uuid4().hex, kind, record, others, **values)  # type: ignore[arg-type]
