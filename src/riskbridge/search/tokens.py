"""The tokens of QQL: the names Qualys publishes, and ours for what it has no name for, each with the column it reads.

Sources: "Search tokens for findings" and "Search tokens for assets" of Qualys Enterprise TruRisk Management.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["text", "keyword", "number", "boolean", "date", "age"]
Subject = Literal["findings", "assets"]


@dataclass(frozen=True, slots=True)
class Token:
    """What a query may ask about.

    `kind` says how values are read: `text` is searched by words, a `keyword` by its whole value in any letter case,
    `age` is the number of whole days since the column's time. `is_list` columns match when one element does.
    `is_upper` keywords are stored in upper case throughout, so that the value can be compared as it stands. `aliases`
    are further published names of the same thing.
    """

    name: str
    column: str
    kind: Kind
    description: str
    is_list: bool = False
    is_upper: bool = False
    aliases: tuple[str, ...] = ()


def _text(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "text", description, aliases=aliases)


def _keyword(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "keyword", description, aliases=aliases)


def _upper(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "keyword", description, is_upper=True, aliases=aliases)


def _number(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "number", description, aliases=aliases)


def _boolean(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "boolean", description, aliases=aliases)


def _date(name: str, column: str, description: str, *aliases: str) -> Token:
    return Token(name, column, "date", description, aliases=aliases)


def _list(name: str, column: str, kind: Kind, description: str, *aliases: str) -> Token:
    return Token(name, column, kind, description, is_list=True, aliases=aliases)


FINDING_TOKENS = (
    _keyword("finding.id", "finding_id", "Id of the finding"),
    _text("finding.title", "title", "Title", "finding.name"),
    _text("finding.description", "description", "Description of the CVE"),
    _keyword("finding.type", "category", "Kind of finding, such as Vulnerability"),
    _upper("finding.status", "status", "NEW, ACTIVE, FIXED or REOPENED"),
    _upper("finding.cveId", "cve_id", "CVE id"),
    _keyword("finding.vendorFindingId", "vendor_finding_id", "The source's own id where it is no CVE"),
    _text("finding.vendorName", "vendor_name", "Maker of the source", "finding.vendor"),
    _text("finding.vendorProductName", "vendor_product_name", "Source product, such as Defender"),
    _keyword("finding.connectionId", "connector_id", "Id of the connector", "connector.id"),
    _text("finding.connectionName", "connector_name", "Name of the connector", "connector.name"),
    _text("finding.product.name", "product_name", "Product that is vulnerable", "finding.technologyName"),
    _text("finding.product.vendor", "product_vendor", "Vendor of that product", "finding.technologyVendor"),
    _text("finding.product.version", "product_version", "Installed version of that product"),
    _keyword("finding.fixingKb", "fixing_kb", "KB that fixes it, digits only"),
    _boolean("finding.isPatchAvailable", "is_patch_available", "A patch is known"),
    _number("finding.severity", "severity", "1 lowest to 5 highest"),
    _keyword("finding.sourceSeverity", "source_severity", "Severity in the source's word, such as High"),
    _number("finding.qds", "qds", "QDS, 1 to 100"),
    _number("finding.qvss", "qvss", "QDS divided by 10"),
    _keyword("finding.qdsBasis", "qds_basis", "What the QDS rests on: evidence, cvss, severity or score-map"),
    _number("finding.cvssScore", "cvss_score", "CVSS base score, newest version known"),
    _number("finding.cvss2BaseScore", "cvss2_score", "CVSS 2 base score"),
    _number("finding.cvss3BaseScore", "cvss3_score", "CVSS 3 base score"),
    _number("finding.cvss4BaseScore", "cvss4_score", "CVSS 4 base score"),
    _text("finding.cvssVector", "cvss_vector", "CVSS vector"),
    _number("finding.epssScore", "epss", "EPSS probability, 0 to 1", "finding.epss"),
    _number("finding.epssPercentile", "epss_percentile", "EPSS percentile, 0 to 1"),
    _boolean(
        "finding.riskFactor.isCisaKnownExploit",
        "is_kev",
        "In CISA's catalogue of known exploited vulnerabilities",
        "finding.threatIntel.isCisaKnownExploitedVuln",
        "finding.isKev",
    ),
    _boolean("finding.riskFactor.isExploited", "is_exploited", "Known to be exploited, by any evidence we hold"),
    _boolean("finding.riskFactor.trending", "is_trending", "EPSS rose sharply or the CVE entered KEV in 30 days"),
    _keyword("finding.riskFactor.exploitCodeMaturity", "exploit_maturity", "Unproven, Proof-of-concept or Functional"),
    _list("finding.riskFactor.exploitType", "exploit_types", "keyword", "Kinds of exploit"),
    _list("finding.riskFactor.rti", "threat_indicators", "keyword", "Threat indicators, Cisa_Known_Exploited_Vulns, …"),
    _boolean("finding.threatIntel.isRansomware", "is_ransomware", "Known use in ransomware campaigns"),
    _boolean("finding.threatIntel.isExploitKit", "exploit_in_kit", "The exploit is part of a kit"),
    _boolean("finding.threatIntel.isPublicExploit", "public_exploit", "A public exploit is known"),
    _boolean("finding.isExploitVerified", "exploit_verified", "The exploit is verified"),
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
    _number("finding.timeToFix", "time_to_fix_days", "Whole days from the first sighting to a repair"),
    _date("finding.dueDate", "due_at", "By when it is to be fixed"),
    _keyword("finding.slaStatus", "sla_state", "within, at-risk or breached; met or missed once repaired"),
    _keyword("finding.decision", "verdict", "accepted, false-positive or mitigated, by a person"),
    _date("finding.acceptedUntilDate", "accepted_until", "Last day on which its risk is accepted"),
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
    _number("asset.maxQds", "max_qds", "Highest QDS among its findings"),
    _number("asset.openFindings", "open_findings", "Findings that are not fixed"),
    _list("inventory.source", "sources", "text", "Inventory source, such as MS Defender", "asset.inventory.source"),
    _number("asset.sourceCount", "source_count", "Source records behind it"),
    _text("operatingSystem", "operating_system", "Operating system with its release", "asset.operatingSystem"),
    _text("operatingSystem.name", "operating_system_name", "Operating system", "asset.operatingSystem.name"),
    _text("operatingSystem.version", "operating_system_version", "Release", "asset.operatingSystem.version"),
    _keyword("operatingSystem.build", "operating_system_build", "Build number"),
    _keyword("operatingSystem.architecture", "operating_system_architecture", "Word size, such as 64-bit"),
    _list("tags.name", "tags", "text", "Tags", "asset.tag.name", "asset.tags.name", "finding.tags.name"),
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
    _boolean("asset.isExcluded", "is_excluded", "Excluded from vulnerability management in the source"),
    _boolean("asset.isEntraJoined", "is_entra_joined", "Joined to Entra"),
    _keyword("asset.managedBy", "managed_by", "Management authority"),
    _keyword("asset.agentVersion", "agent_version", "Sensor version"),
    _keyword("asset.antivirusStatus", "antivirus_status", "Antivirus state"),
    _date("asset.firstSeenDate", "first_seen_at", "First report", "asset.firstSeen"),
    _date("asset.lastSeenDate", "last_seen_at", "Last report", "asset.lastSeen"),
)

TOKENS: dict[Subject, tuple[Token, ...]] = {"findings": FINDING_TOKENS + ASSET_TOKENS, "assets": ASSET_TOKENS}


@cache
def tokens_by_name(subject: Subject) -> dict[str, Token]:
    """Every name a query about `subject` may use, in lower case, with its token.

    Besides the published names, `finding.` or `asset.` may be left out where what is left means one thing only.
    """
    named = {n.lower(): t for t in TOKENS[subject] for n in (t.name, *t.aliases)}
    short: dict[str, set[Token]] = {}
    for name, token in named.items():
        prefix, _, rest = name.partition(".")
        if prefix in ("finding", "asset") and rest not in named:
            short.setdefault(rest, set()).add(token)
    return named | {name: next(iter(tokens)) for name, tokens in short.items() if len(tokens) == 1}


def published_names(subject: Subject) -> Iterable[str]:
    """The names to suggest, as they are spelled, aliases included."""
    return (n for t in TOKENS[subject] for n in (t.name, *t.aliases))
