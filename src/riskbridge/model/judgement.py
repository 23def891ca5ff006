"""Tables of what people judge: findings they decide about, and closings that wait for them."""

from __future__ import annotations

from riskbridge.model.schema import AT, TEXTS, VALIDITY, Column, Table

DECISION = Table(
    "decision",
    "What a person decided about a finding. A run writes it only to end an acceptance on its date.",
    (
        Column("finding_id", "string", nullable=False),
        Column("accepted_until", "date", description="Last day on which its risk is accepted; null: not accepted"),
        Column("is_false_positive", "boolean", nullable=False),
        Column("is_mitigated", "boolean", nullable=False, description="Mitigated otherwise; it still counts"),
        Column("owner", "string", description="Who is to see to it"),
        Column("due_on", "date", description="Day by which it is to be fixed, in place of the one by severity"),
        Column("decision_tags", TEXTS, nullable=False, description="Tags a person gave it, sorted"),
        Column("note", "string"),
        Column("why", "string", description="Reason of the newest decision"),
        Column("decided_by", "string", nullable=False),
        Column("decided_at", AT, nullable=False),
        *VALIDITY,
    ),
    key=("finding_id",),
)

HOLD = Table(
    "hold",
    "Closings that one run held back for a person to judge.",
    (
        Column("hold_id", "string", nullable=False),
        Column("run", "int64", nullable=False, description="Run that held them back"),
        Column("held_at", AT, nullable=False, description="Its time, UTC"),
        Column("connector_id", "string", nullable=False),
        Column("connector_name", "string", nullable=False),
        Column("cause", "string", nullable=False, description="incomplete, scope or drop"),
        Column("message", "string", nullable=False, description="What spoke against closing, in words"),
        Column("detections", "int64", nullable=False, description="Detections that would have closed"),
        Column("findings", "int64", nullable=False, description="Findings they belong to"),
        Column("assets", "int64", nullable=False, description="Assets they are on"),
        Column("state", "string", nullable=False, description="held, approved, rejected, or settled by later runs"),
        Column("decided_at", AT, description="When a person or a run decided, UTC"),
        Column("decided_by", "string", description="The person, or `run N`"),
        Column("why", "string", description="What they said, or what the run saw"),
        *VALIDITY,
    ),
    key=("hold_id",),
)

HELD = Table(
    "held",
    "A detection whose closing is held back, with the reason it would have. Never updated, never deleted.",
    (
        Column("hold_id", "string", nullable=False),
        Column("detection_id", "string", nullable=False),
        Column("finding_id", "string", nullable=False),
        Column("asset_id", "string", nullable=False),
        Column("close_reason", "string", nullable=False),
        Column("evidence", "string", nullable=False),
    ),
    key=("detection_id",),
)
