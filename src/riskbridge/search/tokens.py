"""The tokens of QQL: the names Qualys publishes, and ours for what it has no name for, each with the column it reads.

Sources: "Search tokens for findings" and "Search tokens for assets" of Qualys Enterprise TruRisk Management.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

Kind = Literal["text", "keyword", "number", "boolean", "date", "age"]
Subject = Literal["findings", "assets"]
Element = Literal["finding", "detection", "software", "source"]
"""Tables with several rows for one row of a list: a condition holds where one of them fulfils it."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a query may ask about.

    `kind` says how values are read: `text` is searched by words, a `keyword` by its whole value in any letter case,
    `age` is the number of whole days since the column's time. `is_list` columns match when one element does, and so do
    those of an `element`. `is_upper` keywords are stored in upper case throughout, so that the value can be compared as
    it stands. `aliases` are further published names of the same thing. `values` are all that there can be, where that is
    known.
    """

    name: str
    column: str
    kind: Kind
    description: str
    is_list: bool = False
    is_upper: bool = False
    aliases: tuple[str, ...] = ()
    element: Element | None = None
    values: tuple[str, ...] = ()


def _text(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "text", description, aliases=aliases)


def _keyword(name: str, column: str, description: str, *aliases: str, values: tuple[str, ...] = ()) -> Token:
    return Token(name, column, "keyword", description, aliases=aliases, values=values)


def _upper(name: str, column: str, description: str, *aliases: str, values: tuple[str, ...] = ()) -> Token:
    return Token(name, column, "keyword", description, is_upper=True, aliases=aliases, values=values)


def _number(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "number", description, aliases=aliases)


def _boolean(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "boolean", description, aliases=aliases, values=("true", "false"))


def _date(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "date", description, aliases=aliases)


def _list(name: str, column: str, kind: Kind, description: str, *aliases: str) -> Token:
    return Token(name, column, kind, description, is_list=True, aliases=aliases)


def _of(element: Element, *tokens: Token) -> tuple[Token, ...]:
    return tuple(replace(token, element=element) for token in tokens)


_RATINGS = ("Critical", "High", "Medium", "Low", "None")

_MATURITY = ("Unproven", "Proof-of-concept", "Functional")

FINDING_TOKENS = (
    _keyword("finding.id", "finding_id", "Id of the finding"),
    _text("finding.title", "title", "Title", "finding.name"),
    _text("finding.description", "description", "Description of the CVE"),
    _keyword("finding.type", "category", "Kind of finding, such as Vulnerability"),
    _upper("finding.status", "status", "NEW, ACTIVE, FIXED or REOPENED", values=("NEW", "ACTIVE", "FIXED", "REOPENED")),
    _boolean("finding.isFound", "is_found", "Not fixed"),
    _boolean("finding.isIgnored", "is_ignored", "Its risk is accepted, or it is a false positive, by a person"),
    _boolean("finding.isMitigated", "is_mitigated", "Mitigated otherwise, by a person"),
    _upper("finding.cveId", "cve_id", "CVE id"),
    _keyword("finding.vendorFindingId", "vendor_finding_id", "The source's own id where it is no CVE"),
    *_of("source", _text("finding.vendorName", "vendor_name", "Maker of a source that tells of it", "finding.vendor")),
    *_of("source", _text("finding.vendorProductName", "vendor_product_name", "Such a source, for instance Defender")),
    _keyword("finding.connectionId", "connector_id", "Id of the connector", "connector.id", "finding.connectionUuid"),
    _text("finding.connectionName", "connector_name", "Name of the connector", "connector.name"),
    _text("finding.product.name", "product_name", "Product that is vulnerable", "finding.technologyName"),
    _text("finding.product.vendor", "product_vendor", "Vendor of that product", "finding.technologyVendor"),
    _text("finding.product.version", "product_version", "Installed version of that product"),
    _keyword("finding.fixingKb", "fixing_kb", "KB that fixes it, digits only"),
    _boolean("finding.isPatchAvailable", "is_patch_available", "A patch is known"),
    _boolean("finding.threatIntel.hasNoPatch", "has_no_patch", "No patch is known of a CVE that we know"),
    _number("finding.severity", "severity", "1 lowest to 5 highest"),
    _keyword("finding.criticality", "qds_band", "Band of its QDS", "finding.qdsBand", values=_RATINGS[:-1]),
    _keyword("finding.sourceSeverity", "source_severity", "Severity in the source's word, such as High"),
    _number("finding.qds", "qds", "QDS, 1 to 100"),
    _number("finding.qvss", "qvss", "QDS divided by 10"),
    _keyword("finding.qdsBasis", "qds_basis", "What the QDS rests on: evidence, cvss, severity or score-map"),
    _number("finding.cvssScore", "cvss_score", "CVSS base score, newest version known"),
    _number("finding.cvss2BaseScore", "cvss2_score", "CVSS 2 base score"),
    _number("finding.cvss3BaseScore", "cvss3_score", "CVSS 3 base score"),
    _number("finding.cvss4BaseScore", "cvss4_score", "CVSS 4 base score"),
    _keyword("finding.cvss2Criticality", "cvss2_rating", "Rating of the CVSS 2 base score", values=_RATINGS[1:4]),
    _keyword("finding.cvss3Criticality", "cvss3_rating", "Rating of the CVSS 3 base score", values=_RATINGS),
    _keyword("finding.cvss4Criticality", "cvss4_rating", "Rating of the CVSS 4 base score", values=_RATINGS),
    _text("finding.cvssVector", "cvss_vector", "CVSS vector"),
    _keyword("finding.cvssVersion", "cvss_version", "Version of that CVSS"),
    _keyword("finding.cvssSource", "cvss_source", "Who said the CVSS"),
    _boolean("finding.isCvssDisputed", "is_cvss_disputed", "The stated CVSS is not what its vector gives"),
    _keyword(
        "finding.accessVector",
        "access_vector",
        "From where it is reached, by its CVSS vector",
        values=("Network", "Adjacent", "Local", "Physical"),
    ),
    _keyword(
        "finding.requiredPrivilege",
        "required_privilege",
        "Rights it needs, by its CVSS vector",
        values=("None", "Low", "High"),
    ),
    _number("finding.epssScore", "epss", "EPSS probability, 0 to 1", "finding.epss"),
    _number("finding.epssPercentile", "epss_percentile", "EPSS percentile, 0 to 1"),
    _number("finding.epssRise", "epss_rise", "EPSS less that of 30 days before"),
    _boolean(
        "finding.riskFactor.isCisaKnownExploit",
        "is_kev",
        "In CISA's catalogue of known exploited vulnerabilities",
        "finding.threatIntel.isCisaKnownExploitedVuln",
        "finding.isKev",
    ),
    _boolean(
        "finding.riskFactor.isExploited",
        "is_exploited",
        "Known to be exploited, by any evidence we hold",
        "finding.threatIntel.isActiveAttack",
    ),
    _keyword("finding.ssvc.exploitation", "ssvc_exploitation", "CISA's SSVC", values=("none", "poc", "active")),
    _keyword("finding.ssvc.automatable", "ssvc_automatable", "CISA's SSVC", values=("yes", "no")),
    _keyword("finding.ssvc.technicalImpact", "ssvc_technical_impact", "CISA's SSVC", values=("partial", "total")),
    _boolean("finding.riskFactor.trending", "is_trending", "EPSS rose sharply or the CVE entered KEV in 30 days"),
    _keyword("finding.riskFactor.exploitCodeMaturity", "exploit_maturity", "How far exploits are", values=_MATURITY),
    _list("finding.riskFactor.exploitType", "exploit_types", "keyword", "Kinds of exploit"),
    _list("finding.riskFactor.rti", "threat_indicators", "keyword", "Threat indicators, Cisa_Known_Exploited_Vulns, …"),
    _boolean("finding.threatIntel.isRansomware", "is_ransomware", "Known use in ransomware campaigns"),
    _boolean("finding.threatIntel.isExploitKit", "exploit_in_kit", "The exploit is part of a kit"),
    _boolean("finding.threatIntel.isPublicExploit", "public_exploit", "A public exploit is known"),
    _boolean("finding.isExploitVerified", "exploit_verified", "The exploit is verified"),
    _list("finding.exploitModule", "exploit_modules", "text", "Metasploit modules"),
    _boolean("finding.hasExploitModule", "has_exploit_module", "One of them is an exploit"),
    _boolean("finding.isExploitAvailable", "is_exploit_available", "An exploit is public, verified or in a kit"),
    _boolean("finding.isEnriched", "is_enriched", "Some source told us of this CVE"),
    _date("finding.kevAddedDate", "kev_added_on", "Day it entered CISA's catalogue"),
    _date("finding.kevDueDate", "kev_due_on", "CISA's due date"),
    _date("finding.cvePublishedDate", "cve_published_at", "When the CVE was published"),
    _date("finding.patchReleasedDate", "patch_first_available_at", "First day a patch existed"),
    _date("finding.firstFoundDate", "first_found_at", "First sighting", "finding.firstFound"),
    _date("finding.lastFoundDate", "last_found_at", "Last sighting", "finding.lastFound"),
    _date("finding.lastFixedDate", "last_fixed_at", "When it was last fixed, returned since or not"),
    _date("finding.fixedDate", "fixed_at", "When it was fixed, if it is"),
    _date("finding.reopenedDate", "reopened_at", "When it last returned"),
    _number("finding.reopenedCount", "reopened_count", "Returns after a closing"),
    _number("finding.timeToFix", "time_to_fix_days", "Whole days from the first sighting to a repair", "finding.ttr"),
    _date("finding.dueDate", "due_at", "By when it is to be fixed"),
    _keyword(
        "finding.slaStatus",
        "sla_state",
        "within, at-risk or breached; met or missed once repaired",
        values=("within", "at-risk", "breached", "met", "missed"),
    ),
    _keyword(
        "finding.decision",
        "verdict",
        "accepted, false-positive or mitigated, by a person",
        values=("accepted", "false-positive", "mitigated"),
    ),
    _date(
        "finding.acceptedUntilDate",
        "accepted_until",
        "Last day on which its risk is accepted",
        "finding.riskAcceptance.endDate",
    ),
    _text("finding.decisionReason", "why", "Why it was decided so"),
    _keyword("finding.decidedBy", "decided_by", "Who decided"),
    _keyword("finding.owner", "owner", "Who is to see to it"),
    _text("finding.note", "note", "Note of a person"),
    _list("finding.ownTags", "decision_tags", "keyword", "Tags a person gave the finding"),
    Token("finding.detectionAge", "first_found_at", "age", "Whole days since the first sighting"),
    _keyword("finding.fixReason", "fix_reason", "Why it closed, such as version-changed"),
    _number("finding.openDetections", "open_detections", "Open detections behind it"),
)

ASSET_TOKENS = (
    _keyword("asset.id", "asset_id", "Id of the asset"),
    _text("asset.name", "asset_name", "Host name", "asset.hostname"),
    _number("asset.criticalityScore", "acs", "Asset criticality, 1 to 5", "criticalityScore", "asset.acs"),
    _number("asset.truRisk", "trurisk", "TruRisk, 0 to 1000", "asset.riskScore", "riskScore", "truRisk"),
    _keyword("asset.truRiskBand", "trurisk_band", "Band of its TruRisk", values=("Severe", "High", "Medium", "Low")),
    _list("asset.ruleName", "score_rules", "keyword", "Rules that hold for it"),
    _number("asset.exposure", "exposure", "1.2 when internet-facing, else 1"),
    _number("asset.multiplier", "multiplier", "Product of the factors that rules set"),
    _number("asset.criticalFindings", "critical_count", "Findings that count in the Critical band"),
    _number("asset.highFindings", "high_count", "Findings that count in the High band"),
    _number("asset.mediumFindings", "medium_count", "Findings that count in the Medium band"),
    _number("asset.lowFindings", "low_count", "Findings that count in the Low band"),
    _number("asset.maxQds", "max_qds", "Highest QDS among its findings"),
    _number("asset.openFindings", "open_findings", "Findings that are not fixed"),
    _list("inventory.source", "sources", "text", "Inventory source, such as MS Defender", "asset.inventory.source"),
    _number("asset.sourceCount", "source_count", "Source records behind it"),
    _text("operatingSystem", "operating_system", "Operating system with its release", "asset.operatingSystem"),
    _text("operatingSystem.name", "operating_system_name", "Operating system", "asset.operatingSystem.name"),
    _keyword(
        "operatingSystem.category1",
        "operating_system_category",
        "Family, by the name",
        "operatingSystem.category",
        values=("Windows", "Linux", "Mac", "Mobile", "Network", "Other"),
    ),
    _text("operatingSystem.version", "operating_system_version", "Release", "asset.operatingSystem.version"),
    _keyword("operatingSystem.build", "operating_system_build", "Build number"),
    _keyword("operatingSystem.architecture", "operating_system_architecture", "Word size, such as 64-bit"),
    _list("tags.sourceName", "source_tags", "text", "Tags of its sources alone", "asset.sourceTag"),
    _list(
        "tags.name",
        "tags",
        "text",
        "Tags, whoever gave them",
        "asset.tag.name",
        "asset.tags.name",
        "finding.tags.name",
    ),
    _list("asset.interface.address", "ip_addresses", "keyword", "IP addresses", "interfaces.address"),
    _list(
        "asset.interface.macAddress",
        "mac_addresses",
        "keyword",
        "Hardware addresses, 12 hexadecimal digits",
        "interfaces.macAddress",
    ),
    _keyword("asset.ipAddress", "ip_address", "Last internal address"),
    _keyword("asset.externalIpAddress", "external_ip_address", "Last external address"),
    _keyword("asset.domain", "domain", "Domain, where a source states one"),
    _keyword("asset.netbiosName", "netbios_name", "NetBIOS name, where a source states one"),
    _keyword("asset.entraDeviceId", "entra_device_id", "Entra device id"),
    _keyword("asset.serialNumber", "serial_number", "Hardware serial number"),
    _keyword("asset.hardwareUuid", "hardware_uuid", "BIOS UUID"),
    _keyword("cloud.provider", "cloud_provider", "Cloud", "asset.cloud.provider"),
    _keyword("cloud.instanceId", "cloud_instance_id", "Instance id in that cloud"),
    _text("cloud.resourceId", "cloud_resource_id", "Resource path in that cloud"),
    _text("asset.deviceGroup", "device_group", "Device group of the source"),
    _keyword("asset.deviceGroupId", "device_group_id", "Device group id of the source"),
    _keyword("asset.deviceValue", "device_value", "Value a person gave the device in the source"),
    _keyword("asset.riskLevel", "risk_level", "The source's own risk word"),
    _keyword("asset.exposureLevel", "exposure_level", "The source's own exposure word"),
    _keyword("asset.healthStatus", "health_status", "Sensor health"),
    _keyword("asset.onboardingStatus", "onboarding_status", "Onboarded or merely discovered"),
    _keyword("asset.exclusionReason", "exclusion_reason", "Why it is excluded there"),
    _boolean("asset.isPotentialDuplicate", "is_potential_duplicate", "The source suspects a duplicate"),
    _keyword("asset.mergedInto", "merged_into_external_id", "External id of the record that survives a merge there"),
    _keyword("asset.managedByStatus", "managed_by_status", "State of its management"),
    _boolean("asset.isExcluded", "is_excluded", "Excluded from vulnerability management in the source"),
    _boolean("asset.isEntraJoined", "is_entra_joined", "Joined to Entra"),
    _keyword("asset.managedBy", "managed_by", "Management authority"),
    _keyword("asset.agentVersion", "agent_version", "Sensor version"),
    _keyword("asset.antivirusStatus", "antivirus_status", "Antivirus state"),
    _date("asset.firstSeenDate", "first_seen_at", "First report", "asset.firstSeen"),
    _date("asset.lastSeenDate", "last_seen_at", "Last report", "asset.lastSeen"),
)

SOFTWARE_TOKENS = _of(
    "software",
    _text("software.name", "product_name", "Installed product", "software.product", "asset.software.name"),
    _text("software.publisher", "product_vendor", "Its vendor", "software.vendor", "asset.software.publisher"),
    _text("software.version", "product_version", "Its version", "asset.software.version"),
    _text("software.cpe", "cpe", "Common platform enumeration"),
    _number("software.weaknesses", "weaknesses", "Weaknesses of the version, by the source's count"),
    _list("software.diskPath", "disk_paths", "text", "Files that prove it is there"),
    _keyword("software.lifecycle.stage", "end_of_support", "Whether the version is supported, in the source's word"),
    _date("software.lifecycle.eos", "end_of_support_at", "Until when it is supported"),
    _date("software.firstSeenDate", "source_first_seen_at", "First seen by the source itself"),
)

DETECTION_TOKENS = _of(
    "detection",
    _keyword("detection.id", "detection_id", "Id of one source's claim"),
    _keyword("detection.externalFindingId", "external_finding_id", "The source's own id", "finding.externalFindingId"),
    _keyword("detection.connectionId", "connector_id", "Connector that told of it"),
    _text("detection.title", "finding_name", "Title in that source"),
    _text("detection.product.name", "product_name", "Product that it names"),
    _text("detection.product.vendor", "product_vendor", "Vendor of that product"),
    _text("detection.product.version", "product_version", "Version that it names"),
    _keyword("detection.sourceSeverity", "finding_severity", "Severity in that source's word"),
    _keyword("detection.fixingKb", "fixing_kb", "KB that fixes it, by that source"),
    _keyword("detection.state", "state", "open or closed", values=("open", "closed")),
    _date("detection.firstFoundDate", "first_found_at", "Its first sighting"),
    _date("detection.closedDate", "closed_at", "When it closed"),
    _keyword("detection.closeReason", "close_reason", "Why it closed"),
    _text("detection.securityUpdate", "security_update", "Update that fixes it"),
    _keyword("detection.securityUpdateId", "security_update_id", "Id of that update"),
    _boolean("detection.isUpdateAvailable", "is_update_available", "The source knows of an update"),
    _list("detection.diskPath", "disk_paths", "text", "Files that prove it"),
    _list("detection.registryPath", "registry_paths", "text", "Registry keys that prove it"),
    _date("detection.sourceFirstSeenDate", "source_first_seen_at", "First seen by the source itself"),
    _keyword("detection.exploitability", "exploitability", "What the source knows of exploits"),
    _text("detection.recommendation", "recommendation", "The source's recommendation"),
    _keyword("detection.mitigationStatus", "mitigation_status", "Whether it is mitigated, in the source's word"),
    _keyword("detection.endOfSupport", "end_of_support", "Whether the version is supported, in the source's word"),
    _date("detection.endOfSupportDate", "end_of_support_at", "Until when it is supported"),
)

_SOURCE_COLUMNS = {"vendor_name": "source_vendors", "vendor_product_name": "source_products"}
"""Columns of assets that stand for those of findings: an asset's sources tell of it, whether it has findings or not."""


def _seen_from_assets(token: Token) -> Token:
    if token.column in _SOURCE_COLUMNS:
        return replace(token, column=_SOURCE_COLUMNS[token.column], is_list=True, element=None)
    return replace(token, element="finding")


_BESIDE = (*SOFTWARE_TOKENS, *DETECTION_TOKENS)
TOKENS: dict[Subject, tuple[Token, ...]] = {
    "findings": (*_BESIDE, *FINDING_TOKENS, *ASSET_TOKENS),
    "assets": (*_BESIDE, *map(_seen_from_assets, FINDING_TOKENS), *ASSET_TOKENS),
}
"""Every token of a list; where several read columns of one name, that of the list's own rows is the last."""


@cache
def tokens_by_name(subject: Subject) -> dict[str, Token]:
    """Every name a query about `subject` may use, in lower case, with its token.

    Besides the published names, `finding.` or `asset.` may be left out where what is left means one thing only; among
    several, one of the list's own rows goes before those of elements.
    """
    named = {n.lower(): t for t in TOKENS[subject] for n in (t.name, *t.aliases)}
    short: dict[str, set[Token]] = {}
    for name, token in named.items():
        prefix, _, rest = name.partition(".")
        if prefix in ("finding", "asset") and rest not in named:
            short.setdefault(rest, set()).add(token)
    own = {rest: {t for t in tokens if t.element in (None, "source")} or tokens for rest, tokens in short.items()}
    return named | {rest: next(iter(tokens)) for rest, tokens in own.items() if len(tokens) == 1}


def published_names(subject: Subject) -> Iterable[str]:
    """The names to suggest, as they are spelled, aliases included."""
    return (n for t in TOKENS[subject] for n in (t.name, *t.aliases))


@cache
def column_tokens(subject: Subject) -> dict[str, Token]:
    """The token by which a list's own column is searched, by column."""
    return {t.column: t for t in TOKENS[subject] if t.element in (None, "source")}
