"""The estate over time and at a glance: what the first page of an interface shows, each number with the query for its rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from riskbridge.scoring import load_score_settings
from riskbridge.sla import load_sla

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    import ibis.expr.types as ir

    from riskbridge.app import App
    from riskbridge.moment import Moment

OPEN = "not finding.status: FIXED"
AGES = ((0, 7, "a week or less"), (8, 30, "8 to 30 days"), (31, 90, "31 to 90 days"), (91, 180, "91 to 180 days"))
OLDEST = (181, "over 180 days")
SEEN = ((1, "a day"), (7, "a week"), (30, "a month"))
CLOCKS = ("breached", "at-risk", "within")
EVENTS = ("found", "reopened", "fixed")
MOST_DAYS = 366
_NOW = "now"


def list_events(app: App, *, days: int = 90) -> list[dict[str, Any]]:
    """Findings that were found, returned and were fixed on each of the last days, oldest first; days without are left out.

    Args:
        app: The home.
        days: How far back, 1 to `MOST_DAYS`.

    Returns:
        `day` (ISO), `found`, `reopened`, `fixed`.
    """
    import ibis  # noqa: PLC0415 - loads Ibis

    from riskbridge.model.target import EVENT  # noqa: PLC0415

    since = app.now() - timedelta(days=max(1, min(days, MOST_DAYS)))
    moment = _moment(app)

    def make() -> ir.Table:
        events = moment.warehouse.table(EVENT)
        recent = events.filter(events.kind.isin(EVENTS) & (events.at >= ibis.literal(since, "timestamp('UTC', 6)")))
        counts = {kind: (recent.kind == kind).sum() for kind in EVENTS}
        return recent.group_by(day=recent.at.date()).agg(**counts).order_by("day")

    version = (moment.warehouse.last_run(), f"{since:%Y-%m-%d}")
    rows = app.engine.recall(("events by day", days), version, lambda: app.engine.records(make()))
    return [{"day": row["day"].isoformat(), **{k: int(row[k] or 0) for k in EVENTS}} for row in rows]


def say_why(app: App, findings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Why findings score as they do, each in a sentence, by `finding_id`.

    Args:
        app: The home.
        findings: A few, with `finding_id`, `score_key` and `connector_id`.
    """
    from riskbridge.model.target import CVE_SCORE  # noqa: PLC0415
    from riskbridge.score.explain import explain_qds  # noqa: PLC0415

    if not findings:
        return {}
    scores, settings = app.warehouse.table(CVE_SCORE), load_score_settings(app.store)
    asked = scores.filter(scores.score_key.isin(sorted({str(f["score_key"]) for f in findings})))
    known = {str(row["score_key"]): row for row in app.engine.records(asked)}
    return {
        str(f["finding_id"]): explain_qds(known[str(f["score_key"])], settings, str(f["connector_id"])).why
        for f in findings
    }


def count_ages(app: App) -> list[dict[str, Any]]:
    """Open findings by the days since their first sighting, youngest first.

    Returns:
        `label`, `findings`, `critical` (those with a QDS of 90 or more) and `query`, which describes the same findings.
    """
    bounds = [*AGES, (OLDEST[0], None, OLDEST[1])]
    moment = _moment(app)
    now = _now(app)

    def make() -> ir.Table:
        rows = _open(moment, {"first_found_at", "qds"})
        sums: dict[str, ir.Value] = {}
        for number, (lowest, highest, _) in enumerate(bounds):
            there = rows.first_found_at <= _at(now, lowest)
            if highest is not None:
                there &= rows.first_found_at > _at(now, highest + 1)
            sums |= {f"all_{number}": there.sum(), f"critical_{number}": (there & (rows.qds >= 90)).sum()}
        return rows.agg(**sums)

    (counted,) = _count(app, moment, "ages", make)
    return [
        {
            "label": label,
            "findings": int(counted[f"all_{number}"] or 0),
            "critical": int(counted[f"critical_{number}"] or 0),
            "query": f"{_range('finding.detectionAge', lowest, highest)} and {OPEN}",
        }
        for number, (lowest, highest, label) in enumerate(bounds)
    ]


def count_clocks(app: App) -> list[dict[str, Any]]:
    """Open findings by how they stand against their due dates, the worst first: `state`, `findings`, `query`."""
    moment = _moment(app)

    def make() -> ir.Table:
        import ibis  # noqa: PLC0415 - loads Ibis

        from riskbridge.search.clocks import Sla, clock  # noqa: PLC0415

        # Findings of a run were all first seen at one time, so that few clocks tell the time of all.
        rows = _open(moment, {"severity", "first_found_at", "due_on"})
        alike = rows.group_by("severity", "first_found_at", "due_on").agg(number=rows.count())
        alike = alike.mutate(
            state=ibis.literal("open"), fix_reason=ibis.null("string"), fixed_at=ibis.null("timestamp('UTC', 6)")
        )
        alike = alike.mutate(sla_state=clock(alike, alike.due_on, _now(app), moment.sla or Sla())["sla_state"])
        sums = {s.replace("-", "_"): ibis.ifelse(alike.sla_state == s, alike.number, 0).sum() for s in CLOCKS}
        return alike.agg(**sums)

    (counted,) = _count(app, moment, ("clocks", moment.sla), make)
    return [
        {
            "state": state,
            "findings": int(counted[state.replace("-", "_")] or 0),
            "query": f"finding.slaStatus: {state} and {OPEN}",
        }
        for state in CLOCKS
    ]


def count_freshness(app: App) -> list[dict[str, Any]]:
    """Assets by when a source last reported them: `label`, `assets`, `query`; the freshest first."""
    moment = _moment(app)
    now = _now(app)

    def make() -> ir.Table:
        rows = moment.asset_view()
        sums, newer = {}, None
        for days, _ in SEEN:
            since = rows.last_seen_at > _at(now, days)
            sums[f"within_{days}"] = (since if newer is None else since & ~newer).sum()
            newer = since
        assert newer is not None
        return rows.agg(**sums, older=(~newer).sum(), unknown=rows.last_seen_at.isnull().sum())

    (counted,) = _count(app, moment, "freshness", make)
    told, before = [], None
    for days, label in SEEN:
        query = f"asset.lastSeenDate > now-{days}d"
        query += "" if before is None else f" and not asset.lastSeenDate > now-{before}d"
        told.append({"label": f"seen within {label}", "assets": int(counted[f"within_{days}"] or 0), "query": query})
        before = days
    older = f"not asset.lastSeenDate > now-{before}d and not asset.lastSeenDate is null"
    return [*told, {"label": "seen longer ago", "assets": int(counted["older"] or 0), "query": older}]


def list_worst_cves(app: App, *, limit: int = 100) -> list[dict[str, Any]]:
    """CVEs of open findings, the worst first: `cve_id`, `cvss_score`, `epss` (null where nobody told us), `qds`, `findings`."""
    moment = _moment(app)

    def make() -> ir.Table:
        import ibis  # noqa: PLC0415 - loads Ibis

        rows = _open(moment, {"cve_id", "qds", "epss", "cvss_score"}).filter(lambda t: t.cve_id.notnull())
        grouped = rows.group_by("cve_id").agg(
            cvss_score=rows.cvss_score.max(), epss=rows.epss.max(), qds=rows.qds.max(), findings=rows.count()
        )
        return grouped.order_by([ibis.desc("qds"), ibis.desc("findings"), "cve_id"]).limit(max(1, min(limit, 1_000)))

    return app.engine.answer(("worst CVEs", limit), make, version=moment.warehouse.last_run())


def list_attention(app: App, concerns: Mapping[str, Sequence[Mapping[str, str]]]) -> list[dict[str, Any]]:
    """What waits for a person, the most pressing first.

    Args:
        app: The home.
        concerns: What wants attention of each connector by its name: `message` and `remedy`.

    Returns:
        `kind` (`connector`, `hold`, `overdue`, `feed`), `what` and `remedy` in words, `count`, and what it is about: the `name`
        of a connector, or the `query` of findings.
    """
    from riskbridge.feeds import list_feeds  # noqa: PLC0415 - loads Arrow
    from riskbridge.holds import list_holds  # noqa: PLC0415

    found = [
        _item("connector", f"{name}: {c['message']}", c["remedy"], name=name)
        for name, told in concerns.items()
        for c in told
    ]
    if holds := list_holds(app):
        told = "One run holds closings back" if len(holds) == 1 else f"{len(holds)} runs hold closings back"
        found.append(_item("hold", f"{told}.", "Say whether what was not found is gone.", count=len(holds)))
    if not app.warehouse.last_read():
        return found
    breached = count_clocks(app)[0]
    if number := breached["findings"]:
        found.append(
            _item(
                "overdue",
                f"{number:,} findings are past their due date.",
                "Begin with the worst.",
                query=breached["query"],
                count=number,
            )
        )
    if stale := [f for f in list_feeds(app) if f["is_on"] and f["state"] != "fresh"]:
        told = ", ".join(f"{f['title']} ({f['state']})" for f in stale)
        found.append(
            _item("feed", f"Out of date: {told}.", "Refresh what enriches findings, or import files.", count=len(stale))
        )
    return found


def _item(kind: str, what: str, remedy: str, *, name: str = "", query: str = "", count: int = 1) -> dict[str, Any]:
    return {"kind": kind, "what": what, "remedy": remedy, "name": name, "query": query, "count": count}


def _moment(app: App) -> Moment:
    from riskbridge.moment import find_moment  # noqa: PLC0415 - loads Ibis

    return find_moment(app.warehouse, app.now(), load_sla(app.store), None)


def _open(moment: Moment, columns: set[str]) -> ir.Table:
    return moment.finding_tables().view({*columns, "state"}).filter(lambda t: t.state == "open")


def _now(app: App) -> Any:
    """Stands for the moment at which `_count` is asked."""
    return app.engine.placeholder(_NOW).cast("timestamp('UTC', 6)")


def _at(now: Any, days: int) -> Any:
    import ibis  # noqa: PLC0415 - loads Ibis

    return now - ibis.interval(days=days)


def _count(app: App, moment: Moment, key: Hashable, make: Callable[[], ir.Table]) -> list[dict[str, Any]]:
    """Counts that move with the clock, looked up once a minute."""
    minute = f"{moment.now:%Y-%m-%dT%H:%M}"
    version = (moment.warehouse.last_run(), minute)
    return app.engine.answer(key, make, later={_NOW: f"{minute}:00+00:00"}, version=version)


def _range(token: str, lowest: int, highest: int | None) -> str:
    return f"{token} >= {lowest}" if highest is None else f"{token}: [{lowest} .. {highest}]"
