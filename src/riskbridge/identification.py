"""Identification as people work with it: apply it, try other rules, see what is ambiguous, merge, split, undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.scoring import load_score_settings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from riskbridge.identity.rules import Rule
    from riskbridge.model.identification import IdentityJudgement

MOST_SAMPLES = 20


def apply_identification(app: App, why: str = "identification applied") -> dict[str, Any]:
    """Put the stored source records together anew, and publish what differs like a run; no source is called.

    Returns:
        `run`, `assets`, `records_moved`, `findings_moved` and `warnings`; `run` is None where nothing is stored yet.
    """
    from riskbridge.model.target import ASSET_LINK  # noqa: PLC0415
    from riskbridge.pipeline.by_hand import begin, publish  # noqa: PLC0415 - loads Ibis

    if not app.warehouse.last_run():
        return {"run": None, "assets": 0, "records_moved": 0, "findings_moved": 0, "warnings": []}
    at = app.now().replace(microsecond=0)
    work = begin(app.engine, app.warehouse, load_score_settings(app.store), at, app.load_identity())
    work.identify_again()
    run = publish(work, why)
    return {
        "run": run,
        "assets": work.counts["assets"],
        "links_changed": int(app.engine.scalar(work.changes.versions[ASSET_LINK.name].count())),
        "records_moved": work.moved_records(),
        "findings_moved": work.counts.get("findings_moved", 0),
        "warnings": work.warnings,
    }


def simulate(app: App, rules: Mapping[str, Sequence[Rule]], *, samples: int = MOST_SAMPLES) -> dict[str, Any]:
    """What other rules would merge and split, on the stored records; nothing is saved or published.

    Args:
        app: The home.
        rules: Connector id to the rules to be tried; other connectors keep theirs.
        samples: Merges and splits to show.

    Returns:
        `assets` (`before`, `after`), `records`, `records_moved`, `merges` and `splits` (how many, and samples with the
        names, the assets and the evidence), `joined_by` (records by rule, before and after), `records_ambiguous`
        (before and after) and `warnings`.
    """
    from riskbridge.matching import load_identity  # noqa: PLC0415 - loads Ibis
    from riskbridge.model.target import ASSET_LINK, SOURCE_ASSET  # noqa: PLC0415
    from riskbridge.pipeline.comparing import compare_identity  # noqa: PLC0415
    from riskbridge.pipeline.identifying import oversized_warnings, plan_identity  # noqa: PLC0415

    most, names = app.settings.largest_merge, app.source_names()
    inputs = load_identity(app.store, names, most_records=most, rules=dict(rules))
    engine, warehouse = app.engine, app.warehouse
    records = engine.materialise(warehouse.current(SOURCE_ASSET), "records")
    tried = engine.materialise(plan_identity(engine, warehouse, records, inputs).links, "tried_links")
    found = compare_identity(engine, warehouse.current(ASSET_LINK), tried, records, samples=samples)
    refused = tried.filter(tried.rejected.length() > 0)
    return found | {"warnings": oversized_warnings(engine, refused, inputs.bounds)}


def list_ambiguous(app: App, *, limit: int = 50, records: int = 10) -> list[dict[str, Any]]:
    """Matches that were refused, those of most records first.

    Args:
        app: The home.
        limit: Matches to show.
        records: Records to name of each.

    Returns:
        For each `rule`, `matched_on`, `why`, `records` (how many took part) and `sample` (record, asset, names, source).
    """
    from riskbridge.model.target import ASSET_LINK, SOURCE_ASSET  # noqa: PLC0415
    from riskbridge.pipeline.identifying import refusals  # noqa: PLC0415 - loads Ibis

    engine, links = app.engine, app.warehouse.current(ASSET_LINK)
    told = engine.materialise(refusals(links.filter(links.rejected.length() > 0)), "refusals")
    groups = told.group_by("refused_by", "matched", "why").agg(records=told.source_asset_id.nunique())
    groups = groups.order_by([groups.records.desc(), groups.refused_by, groups.matched, groups.why])
    found = engine.records(groups.limit(limit))
    names = app.warehouse.current(SOURCE_ASSET).select(
        "source_asset_id", "connector_id", "external_asset_id", "asset_name"
    )
    sources = app.source_names()
    rows = []
    for group in found:
        its = told.filter(
            (told.refused_by == group["refused_by"]) & (told.matched == group["matched"]) & (told.why == group["why"])
        )
        sample = its.select("source_asset_id", "asset_id").join(names, "source_asset_id")
        shown = engine.records(sample.order_by(["asset_name", "source_asset_id"]).limit(records))
        rows.append(
            {
                "rule": group["refused_by"],
                "matched_on": group["matched"],
                "why": group["why"],
                "records": group["records"],
                "sample": [row | {"source": sources.get(row["connector_id"], row["connector_id"])} for row in shown],
            }
        )
    return rows


def merge_assets(app: App, asset_id: str, other_id: str, why: str) -> dict[str, Any]:
    """Put two assets together for good, and publish it; decisions, dates and history of their findings go along.

    Raises:
        InputError: `asset.unknown`; `identity.no-reason`; `identity.same-asset`; `identity.contradiction`: a split that
            holds says that they are two.
    """
    from riskbridge.model.identification import JudgementKind, new_judgement  # noqa: PLC0415

    reason = _reason(why)
    first, second = (_asset(app, i) for i in (asset_id, other_id))
    if first["asset_id"] == second["asset_id"]:
        raise InputError(
            f"'{asset_id}' and '{other_id}' are one asset already.",
            code="identity.same-asset",
            remedy="See why with: riskbridge explain asset ID",
        )
    mine, theirs = _records_of(app, first["asset_id"]), _records_of(app, second["asset_id"])
    for split in app.store.identification.list_judgements():
        if split.kind is JudgementKind.SPLIT and _parts(split, mine, theirs):
            raise _contradiction(split, "a split says that they are two")
    judgement = new_judgement(
        JudgementKind.MERGE,
        str(first["primary_source_asset_id"]),
        (str(second["primary_source_asset_id"]),),
        text=f"{first['asset_name']} and {second['asset_name']}",
        why=reason,
        decided_by=app.store.actor,
        decided_at=app.now().replace(microsecond=0),
    )
    return _keep(app, judgement, "assets merged by hand")


def split_asset(app: App, asset_id: str, record_id: str, why: str) -> dict[str, Any]:
    """Take a source record from its asset for good, and publish it; what it found goes with it, decisions included.

    Raises:
        InputError: `asset.unknown`; `identity.no-reason`; `identity.unknown-record`: no record of the asset is called
            so, or several are; `identity.lone-record`: it is the asset's only one; `identity.contradiction`: a merge that
            holds put it there.
    """
    from riskbridge.model.identification import JudgementKind, new_judgement  # noqa: PLC0415

    reason = _reason(why)
    asset = _asset(app, asset_id)
    records = _named_records(app, asset["asset_id"])
    record = _record(records, record_id, str(asset["asset_name"]))
    others = tuple(i for i in records if i != record)
    if not others:
        raise InputError(
            f"'{asset['asset_name']}' has one source record alone, so there is nothing to take from it.",
            code="identity.lone-record",
            remedy="See its records with: riskbridge explain asset ID",
        )
    for merge in app.store.identification.list_judgements():
        if merge.kind is JudgementKind.MERGE and _parts(merge, {record}, set(others)):
            raise _contradiction(merge, "a merge put it there")
    judgement = new_judgement(
        JudgementKind.SPLIT,
        record,
        others,
        text=f"{records[record]} from {asset['asset_name']}",
        why=reason,
        decided_by=app.store.actor,
        decided_at=app.now().replace(microsecond=0),
    )
    return _keep(app, judgement, "record split by hand")


def undo_judgement(app: App, judgement_id: str, why: str) -> dict[str, Any]:
    """Undo a merge or split, and publish what the rules say without it; assets and decisions are as they were before.

    Raises:
        InputError: `identity-judgement.unknown`; `identity.no-reason`; `identity.undone`: it is undone already.
    """
    from riskbridge.store.config.identification import undone  # noqa: PLC0415

    reason = _reason(why)
    judgement = app.store.identification.get_judgement(judgement_id)
    if judgement.undone_at is not None:
        raise InputError(
            f"The {judgement.kind.value} of {judgement.text} was undone by {judgement.undone_by} already.",
            code="identity.undone",
            remedy="See what holds with: riskbridge identity judgements",
        )
    at = app.now().replace(microsecond=0)
    return _keep(app, undone(judgement, by=app.store.actor, at=at, why=reason), f"{judgement.kind.value} undone")


def list_judgements(app: App, *, is_all: bool = False, limit: int = 100) -> list[dict[str, Any]]:
    """What people put together and took apart, newest first; with `is_all`, what was undone too."""
    return [asdict(j) for j in app.store.identification.list_judgements(is_all=is_all, limit=limit)]


def _keep(app: App, judgement: IdentityJudgement, what: str) -> dict[str, Any]:
    # Kept first: should publishing fail, the next run or `identity apply` makes it so.
    app.store.identification.save_judgement(judgement)
    return {"judgement_id": judgement.judgement_id, "what": judgement.text} | apply_identification(app, what)


def _reason(why: str) -> str:
    if not why.strip():
        raise InputError(
            "Records are put together or taken apart for a reason.",
            code="identity.no-reason",
            remedy="Give one with --why.",
        )
    return why.strip()


def _asset(app: App, asset_id: str) -> dict[str, Any]:
    from riskbridge.model.target import ASSET  # noqa: PLC0415

    assets = app.warehouse.current(ASSET)
    wanted = assets.filter(assets.asset_id.startswith(asset_id))
    found = app.engine.records(wanted.limit(2)) if asset_id.strip() else []
    if len(found) == 1:
        return found[0]
    problem = "is the beginning of more than one" if found else "is no"
    raise InputError(
        f"'{asset_id}' {problem} asset id.",
        code="asset.unknown",
        remedy="List the ids with: riskbridge assets --json",
    )


def _records_of(app: App, asset_id: str) -> set[str]:
    return set(_named_records(app, asset_id))


def _named_records(app: App, asset_id: str) -> dict[str, str]:
    """Records of an asset with what their source calls them."""
    from riskbridge.model.target import ASSET_LINK, SOURCE_ASSET  # noqa: PLC0415

    links: ir.Table = app.warehouse.current(ASSET_LINK)
    names = app.warehouse.current(SOURCE_ASSET).select("source_asset_id", "external_asset_id")
    own = links.filter(links.asset_id == asset_id).select("source_asset_id").join(names, "source_asset_id")
    return {str(r["source_asset_id"]): str(r["external_asset_id"]) for r in app.engine.records(own)}


def _record(records: Mapping[str, str], wanted: str, asset_name: str) -> str:
    exact = [i for i, external in records.items() if wanted in (i, external)]
    found = exact or [i for i, external in records.items() if wanted and (i.startswith(wanted) or external == wanted)]
    if len(found) == 1:
        return found[0]
    problem = "is the beginning of more than one" if found else "is no"
    raise InputError(
        f"'{wanted}' {problem} record of '{asset_name}'.",
        code="identity.unknown-record",
        remedy="Name one by its id or by the source's id of it; list them with: riskbridge explain asset ID",
    )


def _parts(judgement: IdentityJudgement, some: set[str], others: set[str]) -> bool:
    """Whether a judgement is about a record on one side and a record on the other."""
    ends = set(judgement.others)
    return (judgement.record in some and bool(ends & others)) or (judgement.record in others and bool(ends & some))


def _contradiction(judgement: IdentityJudgement, what: str) -> InputError:
    return InputError(
        f"That contradicts what {judgement.decided_by} decided: {what} ({judgement.text}: {judgement.why}).",
        code="identity.contradiction",
        remedy=f"Undo that first: riskbridge identity undo {judgement.judgement_id[:12]} --why WHY",
    )
