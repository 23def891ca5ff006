"""What scores would be: under other weights, or after the best fixes. Nothing is saved, nobody is called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.scoring import list_score_settings, load_score_settings, make_rules, with_changes

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.score.settings import ScoreSettings


MOVES_SHOWN = 20
MOST_FIXES = 100
OFFERED_FIXES = 25
"""As many as a page shows; a server ranks them after each run, before anybody asks."""
GROUPINGS = {"group": "device_group", "tag": "tags", "system": "operating_system_name", "criticality": "acs"}
RANKED_BY = {"rank": "trurisk", "now_rank": "now_trurisk"}


def try_weights(app: App, changes: dict[str, Any], *, rules: dict[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """Today's findings and assets under other weights or rules, beside the stored scores.

    Args:
        app: The home.
        changes: Weights by dotted name, as `score set` takes them.
        rules: All rules in place of those kept, as `scoring.list_rules` gives them; None leaves them.

    Returns:
        `changed` (weights before and after), `findings` and `assets` (number by band before and after), `estate` (before
        and after), `assets_moved` (how many change their band), `moves` (the assets whose TruRisk moves most, with both
        scores and both ranks).

    Raises:
        InputError: `score.unknown-setting`, `score.bad-value`, `score.nothing-yet`.
        ConfigError: `score.weights`, `score.formula`.
    """
    import ibis  # noqa: PLC0415 - with what is scored

    from riskbridge.model.target import ASSET, ASSET_SCORE, CVE  # noqa: PLC0415
    from riskbridge.score.bands import QDS_BANDS, TRURISK_BANDS  # noqa: PLC0415
    from riskbridge.score.estate import band_counts, estate_score  # noqa: PLC0415
    from riskbridge.score.qds import score_cves  # noqa: PLC0415
    from riskbridge.score.rules import apply_rules  # noqa: PLC0415
    from riskbridge.score.trurisk import score_assets  # noqa: PLC0415
    from riskbridge.search.views import with_operating_system  # noqa: PLC0415

    stored = load_score_settings(app.store)
    other = with_changes(stored, changes)
    if rules is not None:
        other = replace(other, rules=make_rules(rules))
    engine, warehouse = app.engine, app.warehouse
    findings = _counting(app)
    keys = findings.group_by("score_key").agg(
        cve_id=findings.cve_id.max(),
        source_severity=findings.source_severity.max(),
        connector_id=findings.connector_id.max(),
    )
    scores = engine.materialise(score_cves(keys, warehouse.table(CVE), other, app.now().date()), "tried")
    both = findings.join(scores.select("score_key", now_qds="qds"), "score_key")
    both = engine.materialise(both.select("finding_id", "asset_id", "qds", "now_qds"), "tried_findings")
    assets = warehouse.current(ASSET)
    scores_of = [n for n in ASSET_SCORE.names if n != "asset_id"]
    facing = apply_rules(with_operating_system(assets.drop(*scores_of)), other.asset_rules, other.trurisk.default_acs)
    tried = score_assets(both.select("asset_id", qds="now_qds"), facing, other)
    tried = tried.select("asset_id", now_trurisk="trurisk", now_acs="acs")
    moved = assets.select("asset_id", "asset_name", "trurisk", "acs").join(tried, "asset_id")
    places = {n: ibis.rank().over(order_by=ibis.desc(by)) + 1 for n, by in RANKED_BY.items()}
    moved = engine.materialise(moved.mutate(**places), "tried_assets")
    by = moved.now_trurisk - moved.trurisk
    most = moved.mutate(by=by).filter(by != 0).order_by([ibis.desc(by.abs()), "asset_id"]).limit(MOVES_SHOWN)
    before, after = list_score_settings(stored), list_score_settings(other)
    bands = engine.records(band_counts(moved, "trurisk", "now_trurisk", TRURISK_BANDS))
    return {
        "changed": {n: {"before": before[n], "after": v} for n, v in after.items() if before[n] != v},
        "estate": {
            "before": engine.scalar(estate_score(moved.trurisk, moved.acs, stored.trurisk)),
            "after": engine.scalar(estate_score(moved.now_trurisk, moved.now_acs, other.trurisk)),
        },
        "findings": engine.records(band_counts(both, "qds", "now_qds", QDS_BANDS)),
        "findings_moved": int(engine.scalar(both.filter(both.qds != both.now_qds).count())),
        "assets": bands,
        "assets_moved": int(engine.scalar(moved.filter(_band(moved.trurisk) != _band(moved.now_trurisk)).count())),
        "moves": engine.records(most),
    }


def rank_fixes(app: App, number: int = 10) -> dict[str, Any]:
    """The products whose upgrade takes most risk away, and what the estate comes to when all of them are done.

    An upgrade is taken to end every open finding of a product on every asset. Each is reckoned alone against today;
    together they take away less or more than their sum, so `after` is reckoned with all of them done.

    Args:
        app: The home.
        number: How many, 1 to `MOST_FIXES`.

    Returns:
        `estate` (before and after) and `fixes`: product, findings, assets, `risk_removed` (TruRisk points over all
        assets) and `estate_after` (with that one alone).

    Raises:
        InputError: `score.nothing-yet`, `score.bad-value`.
    """
    if not 1 <= number <= MOST_FIXES:
        raise InputError(
            f"{number} fixes cannot be ranked.", code="score.bad-value", remedy=f"Give a number from 1 to {MOST_FIXES}."
        )
    settings = load_score_settings(app.store)
    version = (app.warehouse.last_run(), f"{app.now():%Y-%m-%d}", repr(settings))
    (ranked,) = app.engine.recall(("fixes", number), version, lambda: [_rank_fixes(app, settings, number)])
    return ranked


def _rank_fixes(app: App, settings: ScoreSettings, number: int) -> dict[str, Any]:
    import ibis  # noqa: PLC0415

    from riskbridge.model.target import ASSET  # noqa: PLC0415
    from riskbridge.score.estate import estate_score, without_each  # noqa: PLC0415
    from riskbridge.score.trurisk import score_assets  # noqa: PLC0415

    engine = app.engine
    findings = _counting(app).filter(lambda t: t.product_name.notnull())
    findings = findings.mutate(product=findings.product_vendor.fill_null("") + " " + findings.product_name)
    rows = engine.materialise(_counting(app).select("finding_id", "asset_id", "qds"), "counting")
    named = engine.materialise(findings.select("asset_id", "product", "qds"), "products")
    assets = app.warehouse.current(ASSET)
    facing = engine.materialise(
        assets.select(
            "asset_id", "acs", "trurisk", "multiplier", "score_rules", is_internet_facing=assets.exposure > 1
        ),
        "facing",
    )
    without = without_each(rows, named, facing, settings)
    removed = engine.materialise(
        without.group_by("product").agg(
            risk_removed=(without.trurisk - without.trurisk_without).sum(),
            assets=without.count(),
            findings=without.number.sum(),
            weighted=((without.trurisk - without.trurisk_without) * without.acs).sum(),
        ),
        "removed",
    )
    best = engine.records(removed.order_by([ibis.desc("risk_removed"), ibis.desc("findings"), "product"]).limit(number))
    before = engine.scalar(estate_score(facing.trurisk, facing.acs, settings.trurisk)) or 0.0
    chosen = [str(row["product"]) for row in best]
    left = findings.filter(~findings["product"].isin(chosen)) if chosen else findings
    unnamed = _counting(app).filter(lambda t: t.product_name.isnull())
    kept = left.select("asset_id", "qds").union(unnamed.select("asset_id", "qds"))
    after = engine.materialise(score_assets(kept, facing.drop("trurisk"), settings), "after")
    total = engine.scalar(facing.count()) or 1
    weights = engine.scalar(facing.acs.sum()) or 1
    is_mean = settings.trurisk.formula == "trurisk-1"
    return {
        "estate": {"before": before, "after": engine.scalar(estate_score(after.trurisk, after.acs, settings.trurisk))},
        "count": len(best),
        "fixes": [
            {
                "product": row["product"],
                "findings": int(row["findings"]),
                "assets": int(row["assets"]),
                "risk_removed": int(row["risk_removed"]),
                "estate_after": before - (row["risk_removed"] / total if is_mean else row["weighted"] / weights),
            }
            for row in best
        ],
    }


def list_history(app: App, *, days: int = 90, by: str | None = None) -> list[dict[str, Any]]:
    """Scores at the end of each day on which something was published, oldest first.

    Taken from the versions of assets, so that it needs no record of its own and reaches back to the first run.

    Args:
        app: The home.
        days: At most so many, the newest.
        by: One row a day and group, as in `list_groups`; None for the estate.

    Returns:
        `day`, `run`, `name` (with `by`), `trurisk` (0 to 1000), `assets`, and how many lie in each TruRisk band.

    Raises:
        InputError: `score.unknown-grouping`.
    """
    import ibis  # noqa: PLC0415

    from riskbridge.model.target import ASSET, RUN  # noqa: PLC0415
    from riskbridge.score.bands import TRURISK_BANDS  # noqa: PLC0415
    from riskbridge.score.estate import estate_score  # noqa: PLC0415

    runs = app.warehouse.table(RUN)
    ends = runs.group_by(day=runs.published_at.date()).agg(end_run=runs.run.max())
    ends = app.engine.materialise(ends.order_by(ibis.desc("day")).limit(days), "days")
    assets = app.warehouse.table(ASSET)
    there = ends.join(
        assets,
        [assets.valid_from_run <= ends.end_run, assets.valid_to_run.isnull() | (assets.valid_to_run > ends.end_run)],
    )
    names = {} if by is None else {"name": _group_name(there, by)}
    there = there.select("day", "trurisk", "acs", run="end_run", **names)
    counts = {
        band.name.lower(): ((there.trurisk >= band.lowest) & (there.trurisk <= band.highest)).sum()
        for band in TRURISK_BANDS
    }
    score = estate_score(there.trurisk, there.acs, load_score_settings(app.store).trurisk)
    rows = there.group_by("day", "run", *names).agg(trurisk=score, assets=there.count(), **counts)
    return [
        {n: v.isoformat() if n == "day" else v for n, v in row.items()}
        for row in app.engine.records(rows.order_by(["day", *names]))
    ]


def list_groups(app: App, by: str = "group", *, limit: int = 50) -> list[dict[str, Any]]:
    """TruRisk of groups of assets, highest first.

    Args:
        app: The home.
        by: What they have in common: one of `GROUPINGS`. An asset with several tags counts for each.
        limit: At most so many.

    Returns:
        `name` (null for assets without), `trurisk` (0 to 1000, reckoned as that of the estate), `highest` and `assets`.

    Raises:
        InputError: `score.unknown-grouping`.
    """
    import ibis  # noqa: PLC0415

    from riskbridge.model.target import ASSET  # noqa: PLC0415
    from riskbridge.score.estate import estate_score  # noqa: PLC0415

    assets = app.warehouse.current(ASSET)
    rows = assets.select("trurisk", "acs", name=_group_name(assets, by))
    grouped = rows.group_by("name").agg(
        trurisk=estate_score(rows.trurisk, rows.acs, load_score_settings(app.store).trurisk),
        highest=rows.trurisk.max(),
        assets=rows.count(),
    )
    return app.engine.records(grouped.order_by([ibis.desc("trurisk"), "name"]).limit(limit))


def _group_name(assets: ir.Table, by: str) -> ir.Value:
    if by not in GROUPINGS:
        raise InputError(
            f"Assets cannot be grouped by '{by}'.",
            code="score.unknown-grouping",
            remedy=f"Group by one of: {', '.join(GROUPINGS)}.",
        )
    return assets.tags.unnest() if by == "tag" else assets[GROUPINGS[by]]


def _counting(app: App) -> ir.Table:
    """Current findings that count for TruRisk."""
    from riskbridge.model.target import FINDING  # noqa: PLC0415
    from riskbridge.pipeline.decisions import without_suppressed  # noqa: PLC0415
    from riskbridge.store.warehouse.warehouse import Changes  # noqa: PLC0415

    if not app.warehouse.last_read():
        raise InputError("Nothing is scored yet.", code="score.nothing-yet", remedy="Run a connector first.")
    findings = app.warehouse.current(FINDING)
    opened = findings.filter(findings.state == "open")
    return without_suppressed(app.engine, app.warehouse, Changes(), opened, app.now().date())


def _band(score: ir.IntegerValue) -> ir.IntegerValue:
    import ibis  # noqa: PLC0415

    from riskbridge.score.bands import TRURISK_BANDS  # noqa: PLC0415

    return ibis.cases(*((score >= band.lowest, n) for n, band in enumerate(TRURISK_BANDS)), else_=len(TRURISK_BANDS))
