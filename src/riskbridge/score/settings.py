"""Weights of the formulas and the score map, checked when they are made.

Every number here is a setting. Where a number is ours and not published by anybody, its docstring says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from riskbridge.errors import ConfigError
from riskbridge.model.score_map import DEFAULT_SCORE_MAP, ScoreMap, ScoreMapRow
from riskbridge.score.rules import AssetRule
from riskbridge.score.tags import TagRule

__all__ = [
    "BAND_NAMES",
    "CVSS_MIDPOINTS",
    "DEFAULT_SCORE_MAP",
    "QDS_FORMULA",
    "SCORE_MAP_FORMULA",
    "BandWeights",
    "QdsWeights",
    "ScoreMap",
    "ScoreMapRow",
    "ScoreSettings",
    "TruRiskSettings",
]

QDS_FORMULA = "qds-open-1"
SCORE_MAP_FORMULA = "score-map"
TruRiskFormula = Literal["trurisk-1", "trurisk-2"]

BAND_NAMES = ("critical", "high", "medium", "low")

CVSS_MIDPOINTS: dict[int, float] = {5: 9.5, 4: 7.95, 3: 5.45, 2: 2.0, 1: 0.0}
"""Severity number to the midpoint of its CVSS band.

Source: the qualitative severity rating scale of CVSS 3.1 (section 5): None 0.0, Low 0.1 to 3.9, Medium 4.0 to 6.9,
High 7.0 to 8.9, Critical 9.0 to 10.0. Low is taken as 2.0.
"""


@dataclass(frozen=True, slots=True)
class QdsWeights:
    """Weights of `qds-open-1`; those of one branch add up to 1.

    The published part is the proportions 65 to 35 and 90 to 10; how the smaller part is divided is ours.
    """

    evidence_floor: float = 90.0
    evidence_span: float = 10.0
    evidence_maturity: float = 0.5
    evidence_epss: float = 0.3
    evidence_trending: float = 0.2
    no_evidence_ceiling: float = 89.0
    cvss: float = 0.65
    threat: float = 0.35
    threat_maturity: float = 0.6
    threat_epss: float = 0.3
    threat_trending: float = 0.1
    trending_days: int = 30
    trending_rise: float = 0.1

    def __post_init__(self) -> None:
        _check_sum("evidence", self.evidence_maturity, self.evidence_epss, self.evidence_trending)
        _check_sum("cvss and threat", self.cvss, self.threat)
        _check_sum("threat", self.threat_maturity, self.threat_epss, self.threat_trending)
        if not 0 <= self.no_evidence_ceiling <= self.evidence_floor <= 100 - self.evidence_span:
            raise ConfigError(
                "The QDS bounds are out of order: without evidence a score must stay below every score with evidence.",
                code="score.weights",
                remedy="Keep 0 <= no_evidence_ceiling <= evidence_floor and evidence_floor + evidence_span <= 100.",
            )


@dataclass(frozen=True, slots=True)
class BandWeights:
    """One weight for each QDS band, none below zero and none above that of the band before it."""

    critical: float
    high: float
    medium: float
    low: float

    def __post_init__(self) -> None:
        weights = (self.critical, self.high, self.medium, self.low)
        if min(weights) < 0 or list(weights) != sorted(weights, reverse=True):
            raise ConfigError(
                f"The TruRisk weights {weights} do not fall from critical to low.",
                code="score.weights",
                remedy="Give weights of zero or more, each at most the weight of the band above it.",
            )


@dataclass(frozen=True, slots=True)
class TruRiskSettings:
    """Which TruRisk formula counts, and its weights.

    Attributes:
        formula: `trurisk-1` (published shape) or `trurisk-2` (ours; never rises when something is fixed).
        weights: Band weights of `trurisk-1`. Qualys does not print its own; these reproduce its printed example.
        exponent: Power of the count in `trurisk-1`; published as one hundredth.
        steps: `trurisk-2`'s g, as (lowest QDS, factor) from the highest down; below the last the factor is 1.
        per_count: What one finding of a band adds in `trurisk-2`; ours.
        exposure: Factor for internet-facing assets.
        default_acs: Criticality of an asset for which nobody set one.
    """

    formula: TruRiskFormula = "trurisk-1"
    weights: BandWeights = field(default_factory=lambda: BandWeights(1.0, 0.6, 0.4, 0.2))
    exponent: float = 0.01
    steps: tuple[tuple[int, float], ...] = ((90, 1.3), (70, 1.1))
    per_count: BandWeights = field(default_factory=lambda: BandWeights(3.0, 1.0, 0.2, 0.05))
    exposure: float = 1.2
    default_acs: int = 2

    def __post_init__(self) -> None:
        if self.formula not in ("trurisk-1", "trurisk-2"):
            raise ConfigError(
                f"There is no TruRisk formula {self.formula!r}.",
                code="score.formula",
                remedy="Choose trurisk-1 or trurisk-2.",
            )
        floors = [floor for floor, _ in self.steps]
        factors = [factor for _, factor in self.steps]
        is_falling = floors == sorted(set(floors), reverse=True) and factors == sorted(factors, reverse=True)
        if not is_falling or min([1.0, *factors]) < 1:
            raise ConfigError(
                f"The steps {self.steps} of trurisk-2 do not fall, so that fixing a finding could raise a score.",
                code="score.weights",
                remedy="List the steps from the highest QDS down, with factors that fall and are 1 or more.",
            )
        if not 1 <= self.default_acs <= 5 or self.exposure < 1 or not 0 <= self.exponent <= 1:
            raise ConfigError(
                "A TruRisk setting is out of its range.",
                code="score.weights",
                remedy="Keep default_acs within 1 to 5, exposure at 1 or more and exponent within 0 to 1.",
            )


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """Everything that scoring is set by.

    Attributes:
        qds: Weights of QDS.
        trurisk: Formula and weights of TruRisk.
        score_map: The map of connectors without one of their own, and of findings with a CVE.
        own_score_maps: Connector id to its own map, for its findings without a CVE.
        rules: For assets.
        tags: Tags of assets, with their rules and criticality.
        assigned_tags: Tag to the assets that people gave it.
    """

    qds: QdsWeights = field(default_factory=QdsWeights)
    trurisk: TruRiskSettings = field(default_factory=TruRiskSettings)
    score_map: ScoreMap = field(default_factory=ScoreMap)
    own_score_maps: Mapping[str, ScoreMap] = field(default_factory=dict)
    rules: tuple[AssetRule, ...] = ()
    tags: tuple[TagRule, ...] = ()
    assigned_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def asset_rules(self) -> tuple[AssetRule, ...]:
        """Rules for assets, those that come with tags last."""
        by_tag = (tag.asset_rule for tag in self.tags)
        return (*self.rules, *(rule for rule in by_tag if rule is not None))

    def score_map_of(self, connector_id: str | None) -> ScoreMap:
        """The map for a connector's findings without a CVE."""
        return self.own_score_maps.get(connector_id or "", self.score_map)


def _check_sum(name: str, *weights: float) -> None:
    if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
        raise ConfigError(
            f"The {name} weights {weights} do not add up to 1.",
            code="score.weights",
            remedy="Give weights of zero or more that add up to 1.",
        )
