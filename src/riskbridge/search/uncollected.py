"""Published tokens whose facts no source of ours tells: known by name, so that a query with one is refused and not empty.

Source: "Search tokens for findings" and "Search tokens for assets" of Qualys Enterprise TruRisk Management.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from riskbridge.search.tokens import Subject, tokens_by_name


@dataclass(frozen=True, slots=True)
class Uncollected:
    """Published names that begin alike, why there is nothing behind them, and what to ask instead, if anything."""

    names: tuple[str, ...]
    why: str
    instead: str = ""

    @property
    def remedy(self) -> str:
        """What to do."""
        return f"Ask for {self.instead} instead." if self.instead else "Leave it out."


def _finding(names: str, why: str, instead: str = "") -> Uncollected:
    return Uncollected(tuple(f"finding.{name}" for name in names.split()), why, instead)


def _asset(names: str, why: str, instead: str = "") -> Uncollected:
    return Uncollected(tuple(names.split()), why, instead)


_QUALYS = "it is of Qualys' own scanner"
_WEB = "it is of web applications and compliance checks"
_THREAT = "no feed of ours tells this threat indicator"

UNCOLLECTED = (
    _finding("sourceId vendorUrl product.vendorId", "Defender states none", "finding.externalFindingId"),
    _finding("ingestedDate", "a finding is stored when it is first found", "finding.firstFoundDate"),
    _finding("detectionMethod discoveryType typeDetected instance subType", "Defender states none", "finding.type"),
    _finding("qid isQualysPatchable isDisabled nonRunningKernel mitigated.method", _QUALYS, "finding.decision"),
    _finding("applicationURL owaspTopTenName wascInfoName ruleName policyId policyName control.id", _WEB),
    _finding("technologyCategory", "products have no categories here", "finding.product.name"),
    _finding("sourceScoreRange", "the source's word is kept as it is", "finding.sourceSeverity"),
    _finding("cvss2TemporalScore cvss3TemporalScore cvss4TemporalScore", "only base scores are told", "finding.qds"),
    _finding("port protocol", "Defender finds on the device, not on its ports"),
    _finding("isRebootRequired", "Defender does not tell"),
    _finding("cweId", "no feed of ours tells weakness classes", "finding.description"),
    _finding("riskFactor.malwareName riskFactor.threatActorName threatIntel.malwareName", _THREAT),
    _finding(
        "threatIntel.isDenialOfService threatIntel.isPrivilegeEscalation threatIntel.isRemoteCodeExecution "
        "threatIntel.isUnauthenticatedExploitation threatIntel.isEasyExploit",
        _THREAT,
        "finding.riskFactor.exploitType, finding.accessVector or finding.requiredPrivilege",
    ),
    _finding(
        "threatIntel.isHighDataLoss threatIntel.isHighLateralMovement threatIntel.isMalware threatIntel.isWormable "
        "threatIntel.isZeroDay",
        _THREAT,
    ),
    _finding("threatIntel.isPredictedHighRisk", _THREAT, "finding.epssScore"),
    _finding("mitre.*", "techniques are not mapped to CVEs here"),
    _finding(
        "riskAcceptance.createdDate riskAcceptance.startDate riskAcceptance.reasonType riskAcceptance.ruleId "
        "riskAcceptance.type",
        "a decision has an end and a reason",
        "finding.acceptedUntilDate or finding.decisionReason",
    ),
    _finding("customNumber1 customNumber2 customNumber3 customNumber4 customNumber5", "there are no such fields"),
    _finding("truConfirm.*", _QUALYS, "finding.isExploitVerified"),
    _finding("ttd", "when it came to be is not told, only when it was found", "finding.detectionAge"),
    _asset("asset.inventory.createdDate", "each source tells when it first saw the asset", "asset.firstSeenDate"),
    _asset("asset.riskFactor.name asset.compensatoryFactor.name", "factors are set by rules here", "asset.ruleName"),
    _asset("asset.businessInfo.*", "no business data are read", "asset.tag.name"),
    _asset("connector.firstFoundDate connector.lastFoundDate", "dates are kept by asset", "asset.lastSeenDate"),
    _asset("customAttributes.*", "no such attributes are read", "asset.tag.name"),
    _asset(
        "operatingSystem.edition operatingSystem.update operatingSystem.publisher operatingSystem.category2 "
        "operatingSystem.marketVersion operatingSystem.installDate operatingSystem.lifecycle.*",
        "Defender does not tell",
        "operatingSystem.name or operatingSystem.version",
    ),
    _asset("processor.* container.* missingSoftware.* whoIs.* apiCollection.* apiEndpoint.*", "Defender does not tell"),
    _asset("qualys.*", _QUALYS),
    _asset("application.*", _WEB),
    _asset(
        "asset.interface.dnsAddress asset.interface.gatewayAddress asset.interface.hostname "
        "asset.interface.manufacturer asset.interface.name asset.interface.netmask",
        "Defender tells addresses alone",
        "asset.interface.address",
    ),
    _asset("asset.trackingMethod", "assets are told apart by identification rules", "inventory.source"),
    _asset("openPorts.*", "Defender does not tell"),
    _asset(
        "software.category1 software.category2 software.type software.license.* software.discoverySources "
        "software.hasRunningInstance software.isRequired software.lifecycle.eol software.lifecycle.ga",
        "the software inventory does not tell",
        "software.name or software.lifecycle.eos",
    ),
)


@cache
def _by_name() -> dict[str, Uncollected]:
    return {name.lower(): entry for entry in UNCOLLECTED for name in entry.names}


def find_uncollected(name: str, subject: Subject) -> Uncollected | None:
    """What is known of a published name without facts, in any letter case and with or without its prefix; else None."""
    asked = name.lower()
    if asked in tokens_by_name(subject):
        return None
    for prefix in ("", "finding.", "asset."):
        parts = (prefix + asked).split(".")
        wild = [".".join(parts[:n]) + ".*" for n in range(1, len(parts))]
        for known in (".".join(parts), *wild):
            if known in _by_name():
                return _by_name()[known]
    return None
