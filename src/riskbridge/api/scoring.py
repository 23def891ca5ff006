"""Scores over REST: weights, rules for assets, due dates, what-if, the best fixes, and TruRisk over time and by group."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskbridge.api.access import Asked, Served
from riskbridge.api.etag import IfMatch, require_match, set_tag
from riskbridge.api.shapes import Rows
from riskbridge.rescoring import change_rules, change_weights, reset_weights
from riskbridge.scoring import (
    RULES,
    SETTING,
    list_rules,
    list_score_settings,
    load_score_settings,
    with_rule,
    without_rule,
)
from riskbridge.sla import MOST_DAYS, load_sla, save_sla
from riskbridge.sla import SETTING as SLA_SETTING
from riskbridge.store.config.store import ConfigStore
from riskbridge.whatif import list_groups, list_history, rank_fixes, try_weights

router = APIRouter(tags=["scores"])

Weight: TypeAlias = Annotated[str, Field(max_length=100)] | Annotated[int | float, Field(allow_inf_nan=False)]
Weights: TypeAlias = Annotated[dict[str, Weight], Field(max_length=100)]
Grouping: TypeAlias = Literal["group", "tag", "system", "criticality"]
Days = Annotated[int, Field(ge=1, le=MOST_DAYS)]
_CHANGES: dict[str, JsonValue] = {"changes": {"trurisk.formula": "trurisk-2"}}


class Moved(BaseModel):
    """Everything was scored anew: the run it is published under, and how many findings and assets moved."""

    run: int
    findings: int
    assets: int


class WeightsShown(BaseModel):
    """Every weight by its dotted name; `rescored` is what a change moved, null where nothing is scored yet."""

    weights: dict[str, Weight]
    rescored: Moved | None = None


class WeightsEdit(BaseModel):
    """Weights to be changed together, by dotted name."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CHANGES]})

    changes: Weights


class RuleShape(BaseModel):
    """What a rule says of the assets that its query describes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"where": "asset.name: dc*", "why": "domain controllers", "acs": 5}]},
    )

    where: Annotated[str, Field(min_length=1, max_length=10_000, description="QQL: the assets it holds for")]
    why: Annotated[str, Field(min_length=1, max_length=2_000)]
    acs: Annotated[int, Field(ge=1, le=5, description="Criticality; the highest of several counts")] | None = None
    is_internet_facing: bool = False
    factor: Annotated[float, Field(ge=0.5, le=2, description="Multiplies their risk; below 1 it compensates")] = 1.0


class RuleShown(RuleShape):
    """A rule as it is kept; `rescored` is what a change of it moved."""

    name: str
    rescored: Moved | None = None


class RuleTry(RuleShape):
    """A rule to be tried."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class Change(BaseModel):
    """A value before and after."""

    before: Weight
    after: Weight


class EstateChange(BaseModel):
    """The estate's TruRisk before and after; null where there is no asset."""

    before: float | None
    after: float | None


class BandChange(BaseModel):
    """How many lie in a band before and after."""

    band: str
    before: int
    after: int


class AssetMove(BaseModel):
    """An asset whose TruRisk would move: both scores, both criticalities, both ranks, and by how much."""

    asset_id: str
    asset_name: str | None
    trurisk: int
    now_trurisk: int
    acs: int
    now_acs: int
    rank: int
    now_rank: int
    by: int


class Tried(BaseModel):
    """What scores would be; nothing was saved."""

    changed: dict[str, Change]
    estate: EstateChange
    findings: list[BandChange]
    findings_moved: int
    assets: list[BandChange]
    assets_moved: int
    moves: list[AssetMove]


class FixShown(BaseModel):
    """A product whose upgrade ends all its findings: what it takes away, and the estate with that alone."""

    product: str
    findings: int
    assets: int
    risk_removed: int
    estate_after: float


class FixesShown(BaseModel):
    """The best fixes first, and the estate before and with all of them done."""

    estate: EstateChange
    count: int
    fixes: list[FixShown]


class GroupShown(BaseModel):
    """A group of assets and its TruRisk; `name` is null for assets without."""

    name: str | int | None
    trurisk: float
    highest: int
    assets: int


class DayShown(BaseModel):
    """TruRisk at the end of a day, and how many assets lie in each band; `name` where it is by group."""

    day: str
    run: int
    name: str | int | None = None
    trurisk: float
    assets: int
    severe: int
    high: int
    medium: int
    low: int


class SlaShown(BaseModel):
    """Days in which findings are to be fixed, by severity, and how soon before it is at risk."""

    critical: int
    high: int
    medium: int
    low: int
    information: int
    at_risk: int


class SlaEdit(BaseModel):
    """Days to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"critical": 5}]})

    critical: Days = 7
    high: Days = 30
    medium: Days = 90
    low: Days = 180
    information: Days = 365
    at_risk: Annotated[int, Field(ge=0, le=MOST_DAYS)] = 3


@router.get("/score-settings")
def show_weights(_: Asked, service: Served, response: Response) -> WeightsShown:
    """Every weight that scores are made with."""
    return _show_weights(service.app.store, response)


@router.patch("/score-settings")
def edit_weights(
    caller: Asked, service: Served, edit: WeightsEdit, response: Response, if_match: IfMatch = None
) -> WeightsShown:
    """Change weights, and score everything anew; try them first."""
    with service.editing(caller.account.name) as store:
        _require_weights(store, if_match)
        with service.changing(caller.account.name) as app:
            moved = change_weights(app, edit.changes)
        return _show_weights(store, response, moved)


@router.delete("/score-settings")
def forget_weights(caller: Asked, service: Served, response: Response, if_match: IfMatch = None) -> WeightsShown:
    """Take the built-in weights again, and score everything anew."""
    with service.editing(caller.account.name) as store:
        _require_weights(store, if_match)
        with service.changing(caller.account.name) as app:
            moved = reset_weights(app)
        return _show_weights(store, response, moved)


@router.post("/score-settings/try")
def try_changes(_: Asked, service: Served, edit: WeightsEdit) -> Tried:
    """What today's findings and assets would score under other weights; nothing is saved."""
    with service.reading() as app:
        return Tried.model_validate(try_weights(app, edit.changes))


@router.get("/rules")
def show_rules(_: Asked, service: Served) -> Rows[RuleShown]:
    """The rules that set criticality, exposure and factors of assets."""
    return Rows.of([RuleShown(name=n, **rule) for n, rule in list_rules(service.app.store).items()])


@router.post("/rules/try")
def try_rule(_: Asked, service: Served, shape: RuleTry) -> Tried:
    """What assets would score with one rule more, or another in its place; nothing is saved."""
    with service.reading() as app:
        rules = with_rule(list_rules(app.store), shape.name, **shape.model_dump(exclude={"name"}))
        return Tried.model_validate(try_weights(app, {}, rules=rules))


@router.get("/rules/{name}")
def show_rule(_: Asked, service: Served, name: str, response: Response) -> RuleShown:
    """One rule."""
    return _show_rule(service.app.store, name, response)


@router.put("/rules/{name}")
def put_rule(
    caller: Asked, service: Served, name: str, shape: RuleShape, response: Response, if_match: IfMatch = None
) -> RuleShown:
    """Make a rule, or, with `If-Match`, replace it; everything is scored anew."""
    with service.editing(caller.account.name) as store:
        rules = list_rules(store)
        if name.strip() in rules:
            _require_rule(store, name.strip(), if_match)
        with service.changing(caller.account.name) as app:
            moved = change_rules(app, with_rule(rules, name, **shape.model_dump()), f"rule {name.strip()}")
        return _show_rule(store, name.strip(), response, moved)


@router.delete("/rules/{name}")
def delete_rule(caller: Asked, service: Served, name: str, if_match: IfMatch = None) -> Moved | None:
    """Take a rule away, and score everything anew; gives what moved."""
    with service.editing(caller.account.name) as store:
        rules = without_rule(list_rules(store), name)
        _require_rule(store, name, if_match)
        with service.changing(caller.account.name) as app:
            moved = change_rules(app, rules, f"rule {name} removed")
        return None if moved is None else Moved.model_validate(moved)


@router.get("/fixes")
def show_fixes(_: Asked, service: Served, limit: Annotated[int, Query(ge=1, le=100)] = 10) -> FixesShown:
    """Products ranked by the risk that their upgrade takes away."""
    with service.reading() as app:
        return FixesShown.model_validate(rank_fixes(app, limit))


@router.get("/trurisk/groups")
def show_groups(
    _: Asked, service: Served, by: Grouping = "group", limit: Annotated[int, Query(ge=1, le=1_000)] = 50
) -> Rows[GroupShown]:
    """TruRisk of groups of assets, highest first."""
    with service.reading() as app:
        return Rows.of([GroupShown.model_validate(r) for r in list_groups(app, by, limit=limit)])


@router.get("/trurisk/history")
def show_history(
    _: Asked, service: Served, by: Grouping | None = None, days: Annotated[int, Query(ge=1, le=3_660)] = 90
) -> Rows[DayShown]:
    """TruRisk at the end of each day on which something was published, oldest first; of the estate, or by group."""
    with service.reading() as app:
        return Rows.of([DayShown.model_validate(r) for r in list_history(app, days=days, by=by)])


@router.get("/sla")
def show_sla(_: Asked, service: Served, response: Response) -> SlaShown:
    """In how many days findings are to be fixed, by severity."""
    return _show_sla(service.app.store, response)


@router.patch("/sla")
def edit_sla(caller: Asked, service: Served, edit: SlaEdit, response: Response, if_match: IfMatch = None) -> SlaShown:
    """Change in how many days findings are to be fixed; due dates follow at once."""
    with service.editing(caller.account.name) as store:
        require_match(if_match, _sla(store), "The due dates", change=store.find_change("setting", SLA_SETTING))
        save_sla(store, edit.model_dump(exclude_unset=True))
        return _show_sla(store, response)


def _weights(store: ConfigStore) -> dict[str, Any]:
    return list_score_settings(load_score_settings(store))


def _require_weights(store: ConfigStore, if_match: str | None) -> None:
    require_match(if_match, _weights(store), "The weights of scores", change=store.find_change("setting", SETTING))


def _show_weights(store: ConfigStore, response: Response, moved: dict[str, int] | None = None) -> WeightsShown:
    weights = _weights(store)
    set_tag(response, weights)
    return WeightsShown(weights=weights, rescored=None if moved is None else Moved.model_validate(moved))


def _find_rule(store: ConfigStore, name: str) -> dict[str, Any]:
    rules = list_rules(store)
    without_rule(rules, name)  # raises where there is none
    return {"name": name, **rules[name]}


def _require_rule(store: ConfigStore, name: str, if_match: str | None) -> None:
    change = store.find_change("setting", RULES)
    require_match(if_match, _find_rule(store, name), f"The rule '{name}'", change=change)


def _show_rule(store: ConfigStore, name: str, response: Response, moved: dict[str, int] | None = None) -> RuleShown:
    rule = _find_rule(store, name)
    set_tag(response, rule)
    return RuleShown.model_validate(rule | {"rescored": moved})


def _sla(store: ConfigStore) -> dict[str, int]:
    return asdict(load_sla(store))


def _show_sla(store: ConfigStore, response: Response) -> SlaShown:
    set_tag(response, _sla(store))
    return SlaShown.model_validate(_sla(store))
