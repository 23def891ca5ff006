"""What Microsoft Defender's streams carry: the built-in, read-only source data models.

A field's `path` is dotted from the record (`ipAddresses[].ipAddress`). `kind` is the JSON kind the source promises.
Source: the `machine`, `PublicAssetVulnerabilityDto` and `vulnerability` resources of the Defender for Endpoint API.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["string", "integer", "number", "boolean", "datetime", "strings", "objects", "object"]

IBIS_TYPE: dict[Kind, str] = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
    "datetime": "string",
    "strings": "array<string>",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a source record.

    `required` means that a record without it cannot be used and becomes a reject. `children` are the members of an
    object or of each element of `objects`. A `datetime` stays text in staging; the transform map parses it.
    """

    name: str
    kind: Kind
    description: str
    example: str = ""
    required: bool = False
    children: tuple[Field, ...] = ()

    @property
    def ibis_type(self) -> str:
        """The staged column's Ibis type."""
        if self.kind in ("object", "objects"):
            inner = ", ".join(f"{c.name}: {c.ibis_type}" for c in self.children)
            return f"array<struct<{inner}>>" if self.kind == "objects" else f"struct<{inner}>"
        return IBIS_TYPE[self.kind]


@dataclass(frozen=True, slots=True)
class SourceModel:
    """The data model of one stream: its name, the vendor's endpoint and its fields in payload order."""

    name: str
    stream: str
    description: str
    fields: tuple[Field, ...]

    @property
    def staged_types(self) -> dict[str, str]:
        """Column name to Ibis type of the stream's staged table: the fields, then where each row came from.

        `extra` holds, as a JSON object, members the model does not know (null when there are none). `page` and `row`
        count from 0 and point at the raw row.
        """
        return {f.name: f.ibis_type for f in self.fields} | {"extra": "string", "page": "int64", "row": "int64"}


MACHINES = SourceModel(
    "defender.machines",
    "machines",
    "One row a device, as GET /api/machines gives it.",
    (
        Field(
            "id",
            "string",
            "Device id: 40 hexadecimal digits",
            "0f3c1a5b7d9e2f4a6b8c0d1e3f5a7b9c1d3e5f70",
            required=True,
        ),
        Field("mergedIntoMachineId", "string", "Id of the record that survives where Defender merged two"),
        Field("isPotentialDuplication", "boolean", "Defender suspects a duplicate", "false"),
        Field("isExcluded", "boolean", "Excluded from vulnerability management", "false"),
        Field("exclusionReason", "string", "Why it is excluded"),
        Field(
            "computerDnsName", "string", "Host name, often fully qualified, in any letter case", "wks-0042.example.test"
        ),
        Field("firstSeen", "datetime", "First report", "2026-01-12T08:14:03.1618923Z"),
        Field("lastSeen", "datetime", "Last full device report", "2026-11-20T17:40:05.684607Z"),
        Field("osPlatform", "string", "Operating system", "Windows11"),
        Field("osVersion", "string", "Nearly always null; see version and osBuild"),
        Field("osProcessor", "string", "Processor", "x64"),
        Field("version", "string", "Release label", "24H2"),
        Field("lastIpAddress", "string", "Last internal address", "10.20.30.42"),
        Field("lastExternalIpAddress", "string", "Last external address", "203.0.113.10"),
        Field("agentVersion", "string", "Sensor version", "10.8792.26100.4061"),
        Field("osBuild", "integer", "Build number", "26100"),
        Field("healthStatus", "string", "Sensor health", "Active"),
        Field("deviceValue", "string", "Value a person gave the device", "Normal"),
        Field("rbacGroupId", "integer", "Device group; 0 is none", "0"),
        Field("rbacGroupName", "string", "Device group's name"),
        Field("riskScore", "string", "Defender's risk level from alerts", "None"),
        Field("exposureLevel", "string", "Defender's exposure level", "Medium"),
        Field("isAadJoined", "boolean", "Joined to Entra", "true"),
        Field("aadDeviceId", "string", "Entra device id", "6f0c0f6e-0000-4000-8000-000000000042"),
        Field("machineTags", "strings", "Tags", '["finance"]'),
        Field("defenderAvStatus", "string", "Antivirus state; not in every payload", "Updated"),
        Field("onboardingStatus", "string", "Onboarded or merely discovered", "Onboarded"),
        Field("osArchitecture", "string", "Word size", "64-bit"),
        Field("managedBy", "string", "Management authority", "Intune"),
        Field("managedByStatus", "string", "State of that management", "Unknown"),
        Field(
            "ipAddresses",
            "objects",
            "One entry an address",
            children=(
                Field("ipAddress", "string", "Address, version 4 or 6", "10.20.30.42"),
                Field("macAddress", "string", "Hardware address: 12 hexadecimal digits", "00005E005301"),
                Field("type", "string", "Interface type", "Ethernet"),
                Field("operationalStatus", "string", "Up or Down", "Up"),
            ),
        ),
        Field(
            "vmMetadata",
            "object",
            "Cloud instance, null outside a cloud",
            children=(
                Field("vmId", "string", "Instance id", "2ca81940-456f-4e56-b80a-68b4f3d3da23"),
                Field("cloudProvider", "string", "Cloud", "Azure"),
                Field("resourceId", "string", "Resource path"),
                Field("subscriptionId", "string", "Subscription"),
            ),
        ),
    ),
)

MACHINES_VULNERABILITIES = SourceModel(
    "defender.machinesVulnerabilities",
    "machinesVulnerabilities",
    "One row per device, CVE, product and fixing KB, as GET /api/vulnerabilities/machinesVulnerabilities gives it.",
    (
        Field("id", "string", "Row id: device, CVE, vendor, product, version and KB joined by -_-", required=True),
        Field("cveId", "string", "CVE id, or a temporary TVM id", "CVE-2024-3094"),
        Field("machineId", "string", "Device id", required=True),
        Field("fixingKbId", "string", "KB that fixes it, digits only", "5055523"),
        Field("productName", "string", "Product, normalised by Defender", "windows_11"),
        Field("productVendor", "string", "Vendor, normalised by Defender", "microsoft"),
        Field("productVersion", "string", "Installed version", "10.0.26100.4061"),
        Field("severity", "string", "Low, Medium, High or Critical", "High"),
    ),
)

VULNERABILITIES = SourceModel(
    "defender.vulnerabilities",
    "vulnerabilities",
    "Defender's CVE catalogue, as GET /api/vulnerabilities gives it.",
    (
        Field("id", "string", "CVE id or TVM id", "CVE-2024-3094", required=True),
        Field("name", "string", "Same as id"),
        Field("description", "string", "Text, often machine-written"),
        Field("severity", "string", "Low, Medium, High or Critical", "High"),
        Field("cvssV3", "number", "CVSS 3 base score, 0 to 10", "7.8"),
        Field("cvssVector", "string", "CVSS vector, may be empty", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"),
        Field("exposedMachines", "integer", "Devices exposed, by Defender's own count", "7"),
        Field("publishedOn", "datetime", "Published"),
        Field("updatedOn", "datetime", "Last changed"),
        Field("firstDetected", "datetime", "First detected in the tenant"),
        Field("patchFirstAvailable", "datetime", "First day a patch existed"),
        Field("publicExploit", "boolean", "A public exploit is known", "false"),
        Field("exploitVerified", "boolean", "The exploit is verified", "false"),
        Field("exploitInKit", "boolean", "The exploit is part of a kit", "false"),
        Field("exploitTypes", "strings", "Kinds of exploit", '["PrivilegeEscalation"]'),
        Field("exploitUris", "strings", "Where exploits are described"),
        Field("cveSupportability", "string", "Whether Defender detects it", "Supported"),
        Field("tags", "strings", "Tags"),
        Field("epss", "number", "EPSS probability, 0 to 1", "0.00073"),
    ),
)

_EXPORT_FIELDS = (
    Field("id", "string", "Row id; to be taken as opaque", required=True),
    Field("deviceId", "string", "Device id", required=True),
    Field("rbacGroupId", "integer", "Device group; 0 is none", "0"),
    Field("rbacGroupName", "string", "Device group's name", "Unassigned"),
    Field("deviceName", "string", "Host name", "wks-0042.example.test"),
    Field("osPlatform", "string", "Operating system; Linux for every distribution", "Windows11"),
    Field("osVersion", "string", "Release and build", "10.0.26100.6584"),
    Field("osArchitecture", "string", "Processor", "x64"),
    Field("softwareVendor", "string", "Vendor, normalised by Defender", "openssl"),
    Field("softwareName", "string", "Product, normalised by Defender", "openssl"),
    Field("softwareVersion", "string", "Installed version", "3.3.1.0"),
    Field("cveId", "string", "CVE id, or a temporary TVM id; null where a product has none", "CVE-2024-3094"),
    Field("vulnerabilitySeverityLevel", "string", "Low, Medium, High or Critical", "High"),
    Field("recommendedSecurityUpdate", "string", "Update that fixes it", "September 2025 Security Updates"),
    Field("recommendedSecurityUpdateId", "string", "Its id", "5065429"),
    Field("recommendedSecurityUpdateUrl", "string", "Where it is described"),
    Field("diskPaths", "strings", "Files that prove the product is there"),
    Field("registryPaths", "strings", "Registry keys that prove it"),
    Field("lastSeenTimestamp", "datetime", "Last seen, UTC without a zone", "2025-09-17 14:52:23"),
    Field("firstSeenTimestamp", "datetime", "First seen, UTC without a zone", "2025-09-10 11:18:18"),
    Field("endOfSupportStatus", "string", "Whether the version is still supported"),
    Field("endOfSupportDate", "datetime", "Until when it is"),
    Field("exploitabilityLevel", "string", "What is known of exploits", "ExploitIsPublic"),
    Field("recommendationReference", "string", "Defender's recommendation", "va-_-openssl-_-openssl"),
    Field("cvssScore", "number", "CVSS base score, 0 to 10", "7.5"),
    Field("securityUpdateAvailable", "boolean", "An update exists", "true"),
    Field("cveMitigationStatus", "string", "Whether it is mitigated otherwise"),
    Field("isOnboarded", "boolean", "The device is onboarded", "true"),
    Field("cveBatchTitle", "string", "Title of the update that the CVE came with"),
    Field("cveBatchUrl", "string", "Where that is described"),
)

_INVENTORY_FIELDS = (
    Field("deviceId", "string", "Device id", required=True),
    Field("rbacGroupId", "integer", "Device group; 0 is none", "0"),
    Field("rbacGroupName", "string", "Device group's name", "Unassigned"),
    Field("deviceName", "string", "Host name", "wks-0042.example.test"),
    Field("osPlatform", "string", "Operating system", "Windows11"),
    Field("softwareVendor", "string", "Vendor, normalised by Defender", "openssl", required=True),
    Field("softwareName", "string", "Product, normalised by Defender", "openssl", required=True),
    Field("softwareVersion", "string", "Installed version", "3.3.1.0"),
    Field("numberOfWeaknesses", "integer", "Weaknesses of this version", "3"),
    Field("diskPaths", "strings", "Files that prove the product is there"),
    Field("registryPaths", "strings", "Registry keys that prove it"),
    Field("softwareFirstSeenTimestamp", "datetime", "First seen, UTC without a zone", "2025-09-10 11:18:18"),
    Field("softwareLastSeenTimestamp", "datetime", "Last seen, UTC without a zone", "2025-09-17 14:52:23"),
    Field("endOfSupportStatus", "string", "Whether the version is still supported"),
    Field("endOfSupportDate", "datetime", "Until when it is"),
    Field("productCodeCpe", "string", "Common platform enumeration", "cpe:2.3:a:openssl:openssl:3.3.1:*:*:*:*:*:*:*"),
    Field("osVersion", "string", "Release of the operating system", "22H2"),
    Field("osArchitecture", "string", "Processor architecture", "x64"),
    Field("isOnboarded", "boolean", "Whether the device is onboarded, not merely discovered", "true"),
    Field("lastSeenTimestamp", "datetime", "When the device last reported", "2026-11-20 17:42:00"),
)


def _as_in_files(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The same fields as export files spell them: `softwareName` is `SoftwareName` there, `osPlatform` `OSPlatform`."""

    def spelled(name: str) -> str:
        return f"OS{name[2:]}" if name.startswith("os") else name[0].upper() + name[1:]

    return tuple(replace(field, name=spelled(field.name)) for field in fields)


VULNERABILITIES_BY_MACHINE = SourceModel(
    "defender.softwareVulnerabilitiesByMachine",
    "softwareVulnerabilitiesByMachine",
    "One row per device, product, version and CVE, as GET /api/machines/SoftwareVulnerabilitiesByMachine gives it.",
    _EXPORT_FIELDS,
)

VULNERABILITIES_EXPORT = SourceModel(
    "defender.softwareVulnerabilitiesExport",
    "softwareVulnerabilitiesExport",
    "The same rows from the files that GET /api/machines/SoftwareVulnerabilitiesExport names.",
    _as_in_files(_EXPORT_FIELDS),
)

VULNERABILITY_CHANGES = SourceModel(
    "defender.softwareVulnerabilityChangesByMachine",
    "softwareVulnerabilityChangesByMachine",
    "The same rows as far as they changed, as GET /api/machines/SoftwareVulnerabilityChangesByMachine gives them.",
    (
        *_EXPORT_FIELDS,
        Field("status", "string", "New, Fixed or Updated", "Fixed"),
        Field("eventTimestamp", "datetime", "When it changed, UTC without a zone", "2026-11-20 12:00:00"),
    ),
)

SOFTWARE_INVENTORY = SourceModel(
    "defender.softwareInventoryByMachine",
    "softwareInventoryByMachine",
    "One row per device and installed product, as GET /api/machines/SoftwareInventoryByMachine gives it.",
    _INVENTORY_FIELDS,
)

SOURCE_MODELS = (
    MACHINES,
    MACHINES_VULNERABILITIES,
    VULNERABILITIES_BY_MACHINE,
    VULNERABILITIES_EXPORT,
    VULNERABILITY_CHANGES,
    VULNERABILITIES,
    SOFTWARE_INVENTORY,
)
