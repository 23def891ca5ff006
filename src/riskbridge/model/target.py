"""The riskbridge target model: what a transform map fills, and what the warehouse holds.

Target fields are written in camelCase in maps, QQL and the API (`externalAssetId`); the column of a table is the same
name in snake case (`external_asset_id`).
"""

from __future__ import annotations

from riskbridge.model.judgement import DECISION, HELD, HOLD
from riskbridge.model.schema import AT, TEXTS, VALIDITY, Column, Table

_ASSET_ATTRIBUTES = (
    Column("asset_name", "string", description="Host name as the source spells it", example="wks-0042.example.test"),
    Column("operating_system_name", "string", description="Operating system", example="Windows11"),
    Column("operating_system_version", "string", description="Release", example="24H2"),
    Column("operating_system_build", "string", description="Build number", example="26100"),
    Column("operating_system_architecture", "string", description="Word size", example="64-bit"),
    Column("ip_address", "string", description="Last internal address", example="10.20.30.42"),
    Column("ip_addresses", TEXTS, description="Every usable address, sorted"),
    Column("external_ip_address", "string", description="Last external address", example="203.0.113.10"),
    Column("mac_addresses", TEXTS, description="Hardware addresses, 12 lower-case hexadecimal digits, sorted"),
    Column("domain", "string", description="Directory or DNS domain, where a source states one"),
    Column("netbios_name", "string", description="NetBIOS name, where a source states one"),
    Column("entra_device_id", "string", description="Entra device id"),
    Column("cloud_provider", "string", description="Cloud", example="Azure"),
    Column("cloud_instance_id", "string", description="Instance id in that cloud"),
    Column("cloud_resource_id", "string", description="Resource path in that cloud"),
    Column("hardware_uuid", "string", description="BIOS UUID, where a source states one"),
    Column("serial_number", "string", description="Hardware serial number, where a source states one"),
    Column("tags", TEXTS, description="Tags of the source, sorted"),
    Column("device_group_id", "string", description="Device group id; null when ungrouped"),
    Column("device_group", "string", description="Device group name"),
    Column("device_value", "string", description="Value a person gave the device in the source", example="Normal"),
    Column("risk_level", "string", description="The source's own risk word", example="High"),
    Column("exposure_level", "string", description="The source's own exposure word", example="Medium"),
    Column("health_status", "string", description="Sensor health", example="Active"),
    Column("onboarding_status", "string", description="Onboarded or merely discovered", example="Onboarded"),
    Column("is_excluded", "boolean", description="Excluded from vulnerability management in the source"),
    Column("exclusion_reason", "string", description="Why it is excluded"),
    Column("is_potential_duplicate", "boolean", description="The source suspects a duplicate"),
    Column("merged_into_external_id", "string", description="External id of the record that survives a merge there"),
    Column("is_entra_joined", "boolean", description="Joined to Entra"),
    Column("managed_by", "string", description="Management authority", example="Intune"),
    Column("managed_by_status", "string", description="State of that management"),
    Column("agent_version", "string", description="Sensor version"),
    Column("antivirus_status", "string", description="Antivirus state"),
    Column("first_seen_at", AT, description="First report, UTC"),
    Column("last_seen_at", AT, description="Last report, UTC"),
)

ASSET_DRAFT = Table(
    "asset_draft",
    "One source's device after mapping, before identification.",
    (
        Column("external_asset_id", "string", nullable=False, description="The source's own id of the device"),
        *_ASSET_ATTRIBUTES,
        Column("raw_page", "int64", description="Staged page of the raw row"),
        Column("raw_row", "int64", description="Row in that page"),
    ),
    key=("external_asset_id",),
)

DETECTION_DRAFT = Table(
    "detection_draft",
    "One source's claim after mapping, before it is compared with what is stored.",
    (
        Column("external_finding_id", "string", nullable=False, description="The source's own id of the row"),
        Column("external_asset_id", "string", nullable=False, description="The source's own id of the device"),
        Column(
            "cve_id", "string", description="CVE id in upper case; null when the id is none", example="CVE-2024-3094"
        ),
        Column(
            "vendor_finding_id", "string", description="The source's id where it is no CVE", example="TVM-2020-0002"
        ),
        Column("category", "string", nullable=False, description="Kind of finding", example="vulnerability"),
        Column(
            "finding_name", "string", description="Title", example="microsoft windows_11 10.0.26100.4061 vulnerability"
        ),
        Column("product_vendor", "string", description="Vendor", example="microsoft"),
        Column("product_name", "string", description="Product", example="windows_11"),
        Column("product_version", "string", description="Installed version", example="10.0.26100.4061"),
        Column("finding_severity", "string", description="Severity in the source's word", example="High"),
        Column("fixing_kb", "string", description="KB that fixes it, digits only", example="5055523"),
        Column("raw_page", "int64", description="Staged page of the raw row"),
        Column("raw_row", "int64", description="Row in that page"),
    ),
    key=("external_finding_id",),
)

_DETAILS = (
    Column("security_update", "string", description="Update that fixes it", example="September 2025 Security Updates"),
    Column("security_update_id", "string", description="Its id", example="5065429"),
    Column("security_update_url", "string", description="Where it is described"),
    Column("is_update_available", "boolean", description="The source knows of an update"),
    Column("disk_paths", TEXTS, description="Files that prove the product is there, sorted"),
    Column("registry_paths", TEXTS, description="Registry keys that prove it, sorted"),
    Column("source_first_seen_at", AT, description="First seen by the source itself, UTC"),
    Column("exploitability", "string", description="What the source knows of exploits", example="ExploitIsPublic"),
    Column("recommendation", "string", description="The source's recommendation", example="va-_-openssl-_-openssl"),
    Column("mitigation_status", "string", description="Whether it is mitigated otherwise, in the source's word"),
    Column("end_of_support", "string", description="Whether the version is still supported, in the source's word"),
    Column("end_of_support_at", AT, description="Until when it is, UTC"),
)

DETECTION_DETAIL_DRAFT = Table(
    "detection_detail_draft",
    "What only some of a source's streams say of a detection, after mapping.",
    (
        Column("external_finding_id", "string", nullable=False, description="The source's own id of the row"),
        *_DETAILS,
        Column("raw_page", "int64", description="Staged page of the raw row"),
        Column("raw_row", "int64", description="Row in that page"),
    ),
    key=("external_finding_id",),
)

_SOFTWARE = (
    Column("product_vendor", "string", description="Vendor", example="openssl"),
    Column("product_name", "string", nullable=False, description="Product", example="openssl"),
    Column("product_version", "string", description="Installed version", example="3.3.1.0"),
    Column("cpe", "string", description="Common platform enumeration"),
    Column("weaknesses", "int64", description="Weaknesses of this version, by the source's count"),
    Column("disk_paths", TEXTS, description="Files that prove it is there, sorted"),
    Column("end_of_support", "string", description="Whether the version is still supported, in the source's word"),
    Column("end_of_support_at", AT, description="Until when it is, UTC"),
    Column("source_first_seen_at", AT, description="First seen by the source itself, UTC"),
)

SOFTWARE_DRAFT = Table(
    "software_draft",
    "A product on a device after mapping.",
    (
        Column("external_asset_id", "string", nullable=False, description="The source's own id of the device"),
        *_SOFTWARE,
        Column("raw_page", "int64", description="Staged page of the raw row"),
        Column("raw_row", "int64", description="Row in that page"),
    ),
    key=("external_asset_id",),
)

CVE_DRAFT = Table(
    "cve_draft",
    "What one source says of a CVE, after mapping.",
    (
        Column("cve_id", "string", nullable=False, description="CVE id in upper case, or the vendor's id"),
        Column("description", "string", description="Text"),
        Column("source_severity", "string", description="The source's word", example="High"),
        Column("cvss_score", "float64", description="Base score, 0 to 10"),
        Column("cvss_vector", "string", description="CVSS vector, null when empty"),
        Column("epss", "float64", description="EPSS probability, 0 to 1"),
        Column("public_exploit", "boolean", description="A public exploit is known"),
        Column("exploit_verified", "boolean", description="The exploit is verified"),
        Column("exploit_in_kit", "boolean", description="The exploit is part of a kit"),
        Column("exploit_types", TEXTS, description="Kinds of exploit"),
        Column("published_at", AT, description="Published, UTC"),
        Column("updated_at", AT, description="Last changed, UTC"),
        Column("patch_first_available_at", AT, description="First day a patch existed, UTC"),
    ),
    key=("cve_id",),
)

REJECT = Table(
    "reject",
    "A row that could not be used, with the reason; the run goes on without it.",
    (
        Column("stream", "string", nullable=False, description="Stream it came in"),
        Column("page", "int64", description="Staged page"),
        Column("row", "int64", description="Row in that page"),
        Column("reason", "string", nullable=False, description="Stable code", example="identity-missing"),
        Column("detail", "string", nullable=False, description="What was wrong, in words"),
        Column("raw", "string", description="The row as JSON, cut at 4,000 characters"),
    ),
)

SOURCE_ASSET = Table(
    "source_asset",
    "A device as one connector last reported it.",
    (
        Column("source_asset_id", "string", nullable=False, description="Hash of connector and external asset id"),
        Column("connector_id", "string", nullable=False),
        *ASSET_DRAFT.columns,
        Column("content_hash", "string", nullable=False, description="Hash of the attributes; equal means unchanged"),
        *VALIDITY,
    ),
    key=("source_asset_id",),
)

ASSET_LINK = Table(
    "asset_link",
    "Which source record belongs to which asset, by which rule and on what evidence.",
    (
        Column("source_asset_id", "string", nullable=False),
        Column("asset_id", "string", nullable=False),
        Column("rule", "string", nullable=False, description="Identification rule, or `new` where none matched"),
        Column("matched_on", "string", description="The values that matched, as text"),
        Column("rejected", TEXTS, description="Matches refused, each `rule: values: why`, sorted; empty when none"),
        *VALIDITY,
    ),
    key=("source_asset_id",),
)

_SCORE_BANDS = tuple(
    column
    for band in ("critical", "high", "medium", "low")
    for column in (
        Column(f"{band}_count", "int64", description=f"Findings scored with a QDS in the {band} band"),
        Column(f"{band}_mean", "float64", description="Mean QDS of those; null when there are none"),
    )
)

ASSET_SCORE = Table(
    "asset_score",
    "TruRisk of an asset with every factor of its formula.",
    (
        Column("asset_id", "string", nullable=False),
        Column("trurisk", "int64", nullable=False, description="0 to 1000"),
        Column("trurisk_formula", "string", nullable=False, example="trurisk-1"),
        Column("acs", "int64", nullable=False, description="Asset criticality, 1 to 5"),
        Column("exposure", "float64", nullable=False, description="1.2 when internet-facing, else 1"),
        Column("multiplier", "float64", nullable=False, description="Product of the factors that rules set, else 1"),
        Column("score_rules", TEXTS, nullable=False, description="Rules that hold for it, in their order"),
        Column("max_qds", "int64", description="Highest QDS; null without findings"),
        *_SCORE_BANDS,
    ),
    key=("asset_id",),
)

ASSET = Table(
    "asset",
    "The one record of a real host, merged from the source records that identification put together.",
    (
        Column("asset_id", "string", nullable=False, description="Stable id of the asset"),
        *_ASSET_ATTRIBUTES,
        Column("sources", TEXTS, description="Inventory source names, sorted", example="MS Defender"),
        Column(
            "source_tags", TEXTS, description="Tags of its sources, sorted; `tags` has those of people and rules too"
        ),
        Column("source_count", "int64", nullable=False, description="Source records behind it"),
        Column("primary_source_asset_id", "string", nullable=False, description="Source record whose attributes won"),
        Column(
            "attribute_origins",
            TEXTS,
            nullable=False,
            description="`attribute=source record` of those that another record gave; sorted",
        ),
        *(c for c in ASSET_SCORE.columns if c.name != "asset_id"),
        *VALIDITY,
    ),
    key=("asset_id",),
)

DETECTION = Table(
    "detection",
    "One source's claim that a finding is on an asset, followed over time.",
    (
        Column(
            "detection_id",
            "string",
            nullable=False,
            description="Hash of connector, device, id, vendor, product, version",
        ),
        Column("finding_id", "string", nullable=False),
        Column("asset_id", "string", nullable=False),
        Column("source_asset_id", "string", nullable=False),
        Column("connector_id", "string", nullable=False),
        *(c for c in DETECTION_DRAFT.columns if c.name not in ("external_asset_id", "raw_page", "raw_row")),
        Column("state", "string", nullable=False, description="open or closed"),
        Column("first_found_at", AT, nullable=False, description="First sighting, UTC"),
        Column("first_run", "int64", nullable=False, description="Run number of the first sighting"),
        Column(
            "last_found_at", AT, description="Last sighting, UTC; null while the connector's last reading confirms it"
        ),
        Column("closed_at", AT, description="When it closed, UTC"),
        Column("close_reason", "string", description="Why it closed"),
        Column("reopened_at", AT, description="Last return after a closing, UTC"),
        Column("reopened_run", "int64", description="Run number of that return"),
        *VALIDITY,
    ),
    key=("detection_id",),
)

DETECTION_DETAIL = Table(
    "detection_detail",
    "What only some of a source's streams say of a detection; a stream that does not carry it leaves it as it was.",
    (
        Column("detection_id", "string", nullable=False),
        *_DETAILS,
        *VALIDITY,
    ),
    key=("detection_id",),
)

SOFTWARE = Table(
    "software",
    "What is installed on an asset, as one connector last reported it.",
    (
        Column(
            "software_id", "string", nullable=False, description="Hash of source asset, vendor, product and version"
        ),
        Column("source_asset_id", "string", nullable=False),
        Column("asset_id", "string", nullable=False),
        Column("connector_id", "string", nullable=False),
        *_SOFTWARE,
        *VALIDITY,
    ),
    key=("software_id",),
)

FINDING = Table(
    "finding",
    "What a person works on: one per asset and CVE, or per asset and title where there is no CVE.",
    (
        Column("finding_id", "string", nullable=False, description="Hash of asset, category and CVE or title"),
        Column("asset_id", "string", nullable=False),
        Column("connector_id", "string", nullable=False, description="Connector of the oldest open detection"),
        Column("category", "string", nullable=False),
        Column("cve_id", "string"),
        Column("vendor_finding_id", "string"),
        Column("title", "string", description="Name of the oldest open detection"),
        Column("product_vendor", "string"),
        Column("product_name", "string"),
        Column("product_version", "string"),
        Column("source_severity", "string", description="Worst severity word among its detections"),
        Column("severity", "int64", nullable=False, description="1 lowest to 5 highest"),
        Column("fixing_kb", "string"),
        Column("open_detections", "int64", nullable=False),
        Column("state", "string", nullable=False, description="open or fixed"),
        Column("first_found_at", AT, nullable=False),
        Column("first_run", "int64", nullable=False),
        Column("last_found_at", AT, description="Null while the connector's last reading confirms it"),
        Column("fixed_at", AT),
        Column("fix_reason", "string"),
        Column("last_fixed_at", AT, description="Last closing, UTC; kept when it returns"),
        Column("reopened_at", AT),
        Column("reopened_run", "int64"),
        Column("reopened_count", "int64", nullable=False, description="Returns after a closing"),
        Column("qds", "int64", nullable=False, description="1 to 100"),
        Column("score_key", "string", nullable=False, description="Row of cve_score that explains the QDS"),
        *VALIDITY,
    ),
    key=("finding_id",),
)

EVENT = Table(
    "event",
    "A change of a finding or asset: what, when, in which run, from what evidence. Never updated, never deleted.",
    (
        Column("event_id", "string", nullable=False, description="Hash of run, kind and subject"),
        Column("run", "int64", nullable=False),
        Column("at", AT, nullable=False),
        Column(
            "kind",
            "string",
            nullable=False,
            description="found, reopened, fixed, changed, rescored, asset-added, asset-rescored, …",
        ),
        Column("subject_id", "string", nullable=False, description="Finding or asset"),
        Column("asset_id", "string", nullable=False),
        Column("reason", "string", description="Closing reason or what changed"),
        Column("detail", "string", description="Old and new values or evidence, as text"),
    ),
    key=("event_id",),
)

EVENT_COLUMNS = tuple(n for n in EVENT.names if n not in ("event_id", "run"))
"""Columns that stages give of an event: its run is added when it is published, and its id follows from those."""

CVE = Table(
    "cve",
    "Everything known of a CVE, with the source that won where several state the same.",
    (
        *CVE_DRAFT.columns,
        Column("cvss_version", "string", description="2.0, 3.0, 3.1 or 4.0; null when unknown"),
        Column("cvss_source", "string", description="Who said the score"),
        Column("epss_source", "string", description="Who said the EPSS"),
        Column("epss_percentile", "float64", description="0 to 1"),
        Column(
            "is_kev", "boolean", nullable=False, description="In CISA's catalogue of known exploited vulnerabilities"
        ),
        Column("kev_added_on", "date", description="Date it entered that catalogue"),
        Column("kev_due_on", "date", description="CISA's due date"),
        Column("is_ransomware", "boolean", nullable=False, description="Known use in ransomware campaigns"),
        Column("sources", TEXTS, nullable=False, description="Sources that know it, sorted; empty is not enriched"),
        Column("cvss_from_vector", "float64", description="The base score that the winning vector gives"),
        Column("is_cvss_disputed", "boolean", description="The stated score is not what its vector gives"),
        Column("epss_rise", "float64", description="EPSS less that of the oldest reading of the last 30 days"),
        Column("exploit_modules", TEXTS, description="Metasploit modules, exploits first; null without"),
        Column("has_exploit_module", "boolean", description="One of them is an exploit"),
        Column("ssvc_exploitation", "string", description="CISA's SSVC: none, poc or active"),
        Column("ssvc_automatable", "string", description="CISA's SSVC: yes or no"),
        Column("ssvc_technical_impact", "string", description="CISA's SSVC: partial or total"),
    ),
    key=("cve_id",),
)

CVE_CLAIM = Table(
    "cve_claim",
    "What one source says of a CVE, whether or not it won; a row a CVE, source and CVSS version.",
    (
        Column("cve_id", "string", nullable=False),
        Column("source", "string", nullable=False, example="defender"),
        Column("cvss_version", "string", description="Null where it states no CVSS"),
        Column("cvss_score", "float64", description="As stated, 0 to 10"),
        Column("cvss_vector", "string"),
        Column("cvss_from_vector", "float64", description="The base score that the vector gives; null for a bad one"),
        Column("is_cvss_disputed", "boolean", description="The stated score is not what the vector gives"),
        Column("epss", "float64", description="0 to 1"),
        Column("is_kev", "boolean"),
        Column("exploit_modules", TEXTS),
        Column("ssvc_exploitation", "string"),
        Column("is_cvss_winner", "boolean", nullable=False, description="Its CVSS is the one that counts"),
        Column("is_epss_winner", "boolean", nullable=False, description="Its EPSS is the one that counts"),
    ),
    key=("cve_id", "source"),
)

CVE_SCORE = Table(
    "cve_score",
    "A QDS with every factor of its formula, for one CVE (and severity word, where no CVSS is known).",
    (
        Column("score_key", "string", nullable=False),
        Column("cve_id", "string", description="Null for findings without a CVE"),
        Column("source_severity", "string", description="Severity word that stood in for a CVSS"),
        Column("formula", "string", nullable=False, example="qds-open-1"),
        Column("qds", "int64", nullable=False, description="1 to 100"),
        Column("basis", "string", nullable=False, description="evidence, cvss, severity or score-map"),
        Column("cvss", "float64", description="0 to 10"),
        Column("cvss_source", "string"),
        Column("maturity", "float64", nullable=False, description="0, 0.5 or 1"),
        Column("epss", "float64", nullable=False, description="0 to 1; 0 where unknown"),
        Column("trending", "float64", nullable=False, description="0 or 1"),
        Column("evidence", "string", description="kev, ransomware or exploit-kit joined by a comma; null for none"),
        Column("is_enriched", "boolean", nullable=False, description="False: nobody told us of this id"),
    ),
    key=("score_key",),
)

_REPLACED = Column("valid_to_run", "int64", nullable=False, description="Run number that replaced it")

CVE_PAST = Table(
    "cve_past", "What was known of a CVE before a run knew otherwise.", (*CVE.columns, _REPLACED), key=("cve_id",)
)

CVE_SCORE_PAST = Table(
    "cve_score_past", "A QDS before a run replaced it.", (*CVE_SCORE.columns, _REPLACED), key=("score_key",)
)

RUN = Table(
    "run",
    "A published run: what the warehouse knows of it.",
    (
        Column("run", "int64", nullable=False, description="Run number, rising by publish"),
        Column("run_id", "string", nullable=False),
        Column("connector_id", "string", nullable=False),
        Column("connector_name", "string", nullable=False),
        Column(
            "observed_at", AT, nullable=False, description="When the reading began, UTC: the time of all its sightings"
        ),
        Column("published_at", AT, nullable=False),
        Column("is_complete", "boolean", nullable=False, description="Findings were read completely"),
        Column(
            "scope_hash", "string", nullable=False, description="Hash of filters and stream: closings need the same"
        ),
        Column("map_version", "string", nullable=False),
        Column("strategy", "string", nullable=False, description="How findings were fetched", example="paged"),
        Column("reflects_at", AT, nullable=False, description="The moment whose findings it tells of, UTC"),
        Column("catalogue_at", AT, description="When the whole CVE catalogue was last read, UTC; null when never"),
    ),
    key=("run",),
)

RUN_REJECT = Table("run_reject", "Rejects by run.", (Column("run", "int64", nullable=False), *REJECT.columns))

WAREHOUSE = (
    SOURCE_ASSET,
    ASSET_LINK,
    ASSET,
    DETECTION,
    DETECTION_DETAIL,
    SOFTWARE,
    FINDING,
    DECISION,
    HOLD,
    HELD,
    EVENT,
    CVE,
    CVE_SCORE,
    CVE_PAST,
    CVE_SCORE_PAST,
    CVE_CLAIM,
    RUN,
    RUN_REJECT,
)
