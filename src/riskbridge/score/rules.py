"""Rules that a person makes for assets: criticality, exposure, and factors that raise or lower risk, within bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import ibis
import ibis.expr.types as ir

from riskbridge.errors import ConfigError
from riskbridge.score.numbers import double

Condition: TypeAlias = Callable[[ir.Table], ir.BooleanValue]
LOWEST_FACTOR, HIGHEST_FACTOR = 0.5, 2.0
LOWEST_PRODUCT, HIGHEST_PRODUCT = 0.25, 4.0
MOST_RULES = 50
_NO = ibis.literal(value=False)


@dataclass(frozen=True, slots=True)
class AssetRule:
    """What holds for the assets of a condition.

    Attributes:
        name: Shown with every score that it enters.
        condition: Which assets, of a table with the columns of ASSET but scores, and `operating_system`.
        acs: Their criticality, 1 to 5; of several rules the highest counts. None says nothing of it.
        is_internet_facing: They can be reached from the internet.
        factor: What their risk is multiplied by; above 1 a risk factor, below 1 a compensating one.

    Raises:
        ConfigError: `score.rule`: a number is out of its bounds.
    """

    name: str
    condition: Condition
    acs: int | None = None
    is_internet_facing: bool = False
    factor: float = 1.0

    def __post_init__(self) -> None:
        is_acs_good = self.acs is None or 1 <= self.acs <= 5
        if not is_acs_good or not LOWEST_FACTOR <= self.factor <= HIGHEST_FACTOR:
            raise ConfigError(
                f"The rule '{self.name}' is out of bounds.",
                code="score.rule",
                remedy=f"Keep criticality within 1 to 5 and factors within {LOWEST_FACTOR} to {HIGHEST_FACTOR}.",
            )


def apply_rules(assets: ir.Table, rules: tuple[AssetRule, ...], default_acs: int) -> ir.Table:
    """What the formula takes of each asset beside its findings.

    Args:
        assets: One row an asset, with what the conditions ask.
        rules: In the order in which their factors are multiplied.
        default_acs: Criticality where no rule sets one.

    Returns:
        `asset_id`, `acs`, `is_internet_facing`, `multiplier` (the product of all factors, within bounds) and `score_rules`
        (names of the rules that hold, in order).
    """
    holds = {f"rule_{n}": rule.condition(assets).fill_null(_NO) for n, rule in enumerate(rules)}
    rows = assets.select("asset_id", **holds)
    nobody = ibis.literal(0, "int64")
    acs, facing, product = nobody, _NO, double(1)
    names = ibis.literal([], "array<string>")
    for rule, column in zip(rules, holds, strict=True):
        it_holds = rows[column]
        if rule.acs is not None:
            acs = ibis.greatest(acs, ibis.ifelse(it_holds, ibis.literal(rule.acs, "int64"), nobody))
        if rule.is_internet_facing:
            facing = facing | it_holds
        if rule.factor != 1:
            product = product * ibis.ifelse(it_holds, double(rule.factor), double(1))
        names = names.concat(
            ibis.ifelse(it_holds, ibis.literal([rule.name], "array<string>"), ibis.literal([], "array<string>"))
        )
    low, high = double(LOWEST_PRODUCT), double(HIGHEST_PRODUCT)
    return rows.select(
        "asset_id",
        acs=ibis.ifelse(acs > 0, acs, ibis.literal(default_acs, "int64")),
        is_internet_facing=facing,
        multiplier=ibis.cases((product < low, low), (product > high, high), else_=product),
        score_rules=names,
    )
