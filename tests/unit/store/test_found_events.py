"""The events of being found that the first versions of findings stand for, in the view that shows all events."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis

from riskbridge.model.layout import IS_FOUND, LAYOUTS
from riskbridge.model.target import EVENT, FINDING
from riskbridge.store.warehouse.warehouse import Changes, PublishedRun, Warehouse

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUN = PublishedRun("r1", "c", "tenant", AT, AT + timedelta(minutes=1), True, "s", "m", "paged", AT, None)
WRITTEN = tuple(n for n in FINDING.names if n not in ("valid_from_run", "valid_to_run"))


def versions(warehouse: Warehouse, *ids: str, qds: int) -> ibis.Table:
    own = {"connector_id": "c", "category": "vulnerability", "severity": 3, "state": "open", "asset_id": "a"}
    own |= {"open_detections": 1, "first_found_at": AT, "first_run": 1, "reopened_count": 0, "score_key": "k"}
    rows = [dict.fromkeys(WRITTEN) | own | {"finding_id": i, "qds": qds} for i in ids]
    return warehouse.engine.from_records(rows, {n: FINDING.types[n] for n in WRITTEN})


def test_a_first_version_is_the_event_that_it_was_found(warehouse: Warehouse) -> None:
    engine = warehouse.engine
    found = versions(warehouse, "f1", "f2", qds=40).mutate(**{IS_FOUND: ibis.literal(value=True)})
    warehouse.publish(1, RUN, Changes(versions={FINDING.name: found}))
    later = versions(warehouse, "f1", "f3", qds=90)
    told = engine.materialise(
        later.select(
            at="first_found_at",
            kind=ibis.literal("found"),
            subject_id="finding_id",
            asset_id="asset_id",
            reason=ibis.null("string"),
            detail=ibis.null("string"),
        ).filter(lambda t: t.subject_id == "f3")
    )
    at = AT + timedelta(days=1)
    changes = Changes(versions={FINDING.name: later}, events=[told.mutate(at=ibis.literal(at, EVENT.types["at"]))])
    warehouse.publish(2, replace(RUN, run_id="r2", observed_at=at), changes)

    events = engine.records(warehouse.table(EVENT).order_by("subject_id"))
    assert [(e["subject_id"], e["run"], e["at"], e["kind"], e["asset_id"]) for e in events] == [
        ("f1", 1, AT, "found", "a"),
        ("f2", 1, AT, "found", "a"),
        ("f3", 2, at, "found", "a"),
    ]
    assert [(e["reason"], e["detail"]) for e in events] == [(None, None)] * 3
    assert events[0]["event_id"] == hashlib.md5(b"1\x1ffound\x1ff1").hexdigest()[:20]
    assert engine.execute(f"SELECT count(*) FROM {LAYOUTS[EVENT.name].rows.name}").fetchone() == (1,)
    assert engine.scalar(warehouse.table(FINDING).count()) == 4
