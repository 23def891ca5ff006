"""What Microsoft Defender's streams carry: the built-in, read-only source data models.

A field's `path` is dotted from the record (`ipAddresses[].ipAddress`). `kind` is the JSON kind the source promises.
Source: the `machine`, `PublicAssetVulnerabilityDto` and `vulnerability` resources of the Defender for Endpoint API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from riskbridge.errors import InputError

Kind = Literal[
    "string",
    "integer",
    "number",
    "boolean",
    "date",
    "datetime",
    "ip",
    "mac",
    "version",
    "strings",
    "objects",
    "object",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
MODEL_NAME = re.compile(r"[a-z0-9][A-Za-z0-9._-]{0,63}")
"""What a data model may be called."""
LONGEST_NAME = 200
"""Characters of a field's name. It may hold any that can be printed: headers of files do."""
MOST_FIELDS = 1000
"""Fields that a data model may have, members of objects included."""

IBIS_TYPE: dict[Kind, str] = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "boolean": "boolean",
    "date": "string",
    "datetime": "string",
    "ip": "string",
    "mac": "string",
    "version": "string",
    "strings": "array<string>",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a source record.

    `required` means that a record without it cannot be used and becomes a reject. `children` are the members of an
    object or of each element of `objects`. Dates, times, addresses and versions stay text in staging; the transform
    map parses them.
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
class RowId:
    """How a stream puts the ids of its rows together: fields, the device's id first, with a separator between them."""

    separator: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceModel:
    """The data model of one stream: its name, the vendor's endpoint and its fields in payload order.

    Built-in ones are below and cannot be changed; people make others at run time (`parse_model`), which travel as plain
    data (`as_dict`). `row_id` tells how ids of rows are put together, which saves storing them whole; rows that do not keep
    to it are right all the same.
    """

    name: str
    stream: str
    description: str
    fields: tuple[Field, ...]
    is_read_only: bool = True
    row_id: RowId | None = None

    def as_dict(self) -> dict[str, Any]:
        """The model as plain data that JSON can hold; `parse_model` reads it."""
        return {
            "name": self.name,
            "stream": self.stream,
            "description": self.description,
            "fields": [_field_as_dict(f) for f in self.fields],
        }

    @property
    def paths(self) -> dict[str, Field]:
        """Every single value by its dotted path, such as `ipAddresses[].ipAddress`, in payload order."""
        return {p: m for f in self.fields for p, m in zip(_paths(f), f.children or (f,), strict=True)}

    @property
    def staged_types(self) -> dict[str, str]:
        """Column name to Ibis type of the stream's staged table: the fields, then where each row came from.

        `extra` holds, as a JSON object, members the model does not know (null when there are none). `page` and `row`
        count from 0 and point at the raw row.
        """
        return {f.name: f.ibis_type for f in self.fields} | {"extra": "string", "page": "int64", "row": "int64"}


def parse_model(values: Mapping[str, Any]) -> SourceModel:
    """A data model that a person made, from plain data; never read-only.

    Args:
        values: `name`, `stream` (else the name), `description`, and `fields` with `name`, `kind`, `description`, `example`,
            `required`, and `children` for an object or objects.

    Raises:
        InputError: `model.invalid`, with everything that is wrong.
    """
    name = str(values.get("name", ""))
    problems: list[str] = []
    if not MODEL_NAME.fullmatch(name):
        problems.append(f"'{name}' is no name: a letter or digit, then letters, digits, '.', '-' and '_' make one")
    fields = _parse_fields(values.get("fields"), "", problems)
    stream = str(values.get("stream") or name)
    if not MODEL_NAME.fullmatch(stream):
        problems.append(f"'{stream}' is no name of a stream")
    paths = [path for f in fields for path in _paths(f)]
    problems += [f"the field '{path}' comes twice" for path in sorted({p for p in paths if paths.count(p) > 1})]
    number = sum(1 + len(f.children) for f in fields)
    if not number:
        problems.append("it has no field")
    if number > MOST_FIELDS:
        problems.append(f"it has {number:,} fields, and {MOST_FIELDS:,} are the most")
    if problems:
        raise InputError(
            f"The data model '{name}' cannot be used: {'; '.join(problems)}.",
            code="model.invalid",
            remedy="Mend what is named and save again.",
        )
    return SourceModel(name, stream, str(values.get("description") or ""), fields, is_read_only=False)


def _parse_fields(given: Any, within: str, problems: list[str]) -> tuple[Field, ...]:
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        problems.append(f"the fields of '{within}' are no list" if within else "its fields are no list")
        return ()
    fields = [_parse_field(part, within, problems) for part in given]
    return tuple(f for f in fields if f is not None)


def _paths(field: Field) -> list[str]:
    mark = "[]" if field.kind == "objects" else ""
    return [f"{field.name}{mark}.{child.name}" for child in field.children] or [field.name]


def _parse_field(part: Any, within: str, problems: list[str]) -> Field | None:
    if not isinstance(part, Mapping) or not str(part.get("name", "")).strip():
        problems.append("a field has no name")
        return None
    name, kind = str(part["name"]), part.get("kind", "string")
    if name in STAGED or len(name) > LONGEST_NAME or not name.isprintable():
        problems.append(f"'{within}{name[:80]}' cannot name a field")
    if kind not in KINDS or (within and kind in ("object", "objects")):
        known = [k for k in KINDS if not within or k not in ("object", "objects")]
        problems.append(f"'{within}{name}' is of no kind '{kind}'; there are {', '.join(known)}")
        return None
    is_object = kind in ("object", "objects")
    children = _parse_fields(part.get("children", ()), f"{name}.", problems) if is_object else ()
    if is_object and not children:
        problems.append(f"'{name}' is an object and has no members")
    description, example = (str(part.get(n) or "") for n in ("description", "example"))
    return Field(name, kind, description, example, part.get("required") is True, children)


def _field_as_dict(field: Field) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": field.name,
        "kind": field.kind,
        "description": field.description,
        "example": field.example,
        "required": field.required,
    }
    return values | ({"children": [_field_as_dict(c) for c in field.children]} if field.children else {})


STAGED = ("extra", "page", "row")
"""Columns that staging adds to every model's own."""

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
    row_id=RowId("-_-", ("machineId", "cveId", "productVendor", "productName", "productVersion", "fixingKbId")),
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


_EXPORT_ROW_ID = RowId("_", ("deviceId", "softwareVendor", "softwareName", "softwareVersion", "cveId"))

VULNERABILITIES_BY_MACHINE = SourceModel(
    "defender.softwareVulnerabilitiesByMachine",
    "softwareVulnerabilitiesByMachine",
    "One row per device, product, version and CVE, as GET /api/machines/SoftwareVulnerabilitiesByMachine gives it.",
    _EXPORT_FIELDS,
    row_id=_EXPORT_ROW_ID,
)

VULNERABILITIES_EXPORT = SourceModel(
    "defender.softwareVulnerabilitiesExport",
    "softwareVulnerabilitiesExport",
    "The same rows from the files that GET /api/machines/SoftwareVulnerabilitiesExport names.",
    _as_in_files(_EXPORT_FIELDS),
    row_id=_EXPORT_ROW_ID,
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
