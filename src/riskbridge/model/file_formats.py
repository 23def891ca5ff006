"""Ready-made formats of files: which columns the exports of known products have, and what a file of each must have.

A column counts by its letters and digits, so `Plugin ID`, `plugin_id` and `PluginId` are one. Columns that a format does not
name are told of and left out. Sources: the vendors' documentation of their exports, as each format says.
"""

from __future__ import annotations

from dataclasses import dataclass

from riskbridge.errors import InputError
from riskbridge.model.source_model import Field, SourceModel

FINDINGS, ASSETS = "findings", "assets"
"""Streams of files: a row a finding, and a row a device."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of exported files.

    Attributes:
        name: As it is chosen, and the name of its built-in transform map.
        title: As it is shown.
        source_name: What its findings' source is called in the inventory.
        description: Which export it is, and what is assumed of it.
        findings: Data model of a row a finding.
        needs: Groups of its fields; of each one at least must be in a file.
        assets: Data model of a row a device; None where findings say all there is.
        assets_needs: The same for these.
    """

    name: str
    title: str
    source_name: str
    description: str
    findings: SourceModel
    needs: tuple[tuple[str, ...], ...]
    assets: SourceModel | None = None
    assets_needs: tuple[tuple[str, ...], ...] = ()


def find_format(name: str) -> FileFormat:
    """The format of that name.

    Raises:
        InputError: `file.unknown-format`.
    """
    for known in FILE_FORMATS:
        if known.name == name.strip().lower():
            return known
    raise InputError(
        f"There is no file format '{name}'.",
        code="file.unknown-format",
        remedy=f"The formats are: {', '.join(f.name for f in FILE_FORMATS)}. Others are read with a data model of your own.",
    )


def _model(name: str, stream: str, description: str, columns: dict[str, str]) -> SourceModel:
    """A data model of texts from column names and their descriptions, each perhaps with an example after a bar."""
    parts = [(name, *text.partition(" | ")) for name, text in columns.items()]
    return SourceModel(
        name, stream, description, tuple(Field(n, "string", told, example) for n, told, _, example in parts)
    )


_TENABLE_HOSTS = (
    "Host", "IP Address", "DNS Name", "NetBIOS Name", "Asset UUID", "Asset Name", "IPv4 Address", "asset.id",
    "asset.host_name", "asset.display_fqdn", "asset.display_ipv4_address", "FQDN",
)  # fmt: skip

TENABLE = FileFormat(
    "tenable",
    "Tenable CSV",
    "Tenable",
    "CSV of a Nessus scan, of Tenable Security Center's vulnerability detail list, or of findings or vulnerabilities of Tenable "
    "Vulnerability Management. A row is a plugin on a host and port, with its CVEs in one cell. Rows without a risk are "
    "information and are passed over; rows in the state Fixed close what they name.",
    _model(
        "tenable.findings",
        FINDINGS,
        "One row a plugin, host and port.",
        {
            "Plugin ID": "Id of the check | 182252",
            "Plugin": "The same in Security Center",
            "definition.id": "The same in Vulnerability Management",
            "CVE": "CVE ids, divided by commas | CVE-2023-44487, CVE-2023-38545",
            "definition.cve": "The same in Vulnerability Management",
            "Risk": "Critical, High, Medium, Low or None | High",
            "Severity": "The same; Info where there is no risk",
            "Risk Factor": "The same",
            "Host": "Address or name that was scanned | 10.20.30.42",
            "IP Address": "Address",
            "IPv4 Address": "Address",
            "asset.display_ipv4_address": "Address",
            "DNS Name": "Fully qualified name | wks-0042.example.test",
            "FQDN": "Fully qualified name",
            "asset.display_fqdn": "Fully qualified name",
            "asset.host_name": "Host name",
            "Asset Name": "Host name",
            "NetBIOS Name": r"NetBIOS name, with its domain before a backslash | EXAMPLE\WKS-0042",
            "asset.netbios_name": "NetBIOS name",
            "MAC Address": "Hardware addresses | 00:00:5e:00:53:01",
            "Asset UUID": "Tenable's id of the host",
            "asset.id": "Tenable's id of the host",
            "Host ID": "Tenable's id of the host",
            "OS": "Operating system",
            "Operating System": "Operating system",
            "asset.operating_system": "Operating system",
            "Protocol": "Protocol of the service | tcp",
            "Port": "Port of the service | 443",
            "Name": "Title of the check | Curl < 8.4.0 heap overflow",
            "Plugin Name": "The same",
            "definition.name": "The same",
            "Synopsis": "The check in one sentence",
            "Solution": "What to do",
            "definition.solution": "What to do",
            "State": "Active, New, Resurfaced or Fixed",
            "Vulnerability State": "The same",
            "First Discovered": "First seen by Tenable",
            "First Found": "First seen by Tenable",
            "first_observed": "First seen by Tenable",
            "Last Observed": "Last seen by Tenable",
            "Last Found": "Last seen by Tenable",
            "last_seen": "Last seen by Tenable",
            "Exploit?": "Yes where an exploit is known",
            "Exploit Ease": "What is known of exploits",
            "MSKB": "Microsoft KB that fixes it",
        },
    ),
    (("Plugin ID", "Plugin", "definition.id"), _TENABLE_HOSTS),
)

_QUALYS_HOSTS = (
    "IP", "Host IP", "DNS", "DNS Name", "NetBIOS", "QG Host ID", "Qualys Host ID", "Host ID", "Asset ID", "Asset Name",
)  # fmt: skip

QUALYS = FileFormat(
    "qualys",
    "Qualys CSV",
    "Qualys",
    "CSV of a Qualys scan report with vulnerability details, or of host detections. The report's title and summary before "
    "the header are passed over. Severities 1 to 5 become Informational, Low, Medium, High and Critical. Rows of the type Ig "
    "or Info are passed over; rows with the status Fixed close what they name. Days are written month first.",
    _model(
        "qualys.findings",
        FINDINGS,
        "One row a QID, host and port.",
        {
            "IP": "Address | 10.20.30.42",
            "Host IP": "Address",
            "DNS": "Name in DNS | wks-0042.example.test",
            "DNS Name": "Name in DNS",
            "FQDN": "Fully qualified name of the service",
            "NetBIOS": "NetBIOS name | WKS-0042",
            "QG Host ID": "Id of the agent on the host",
            "Qualys Host ID": "Id of the host",
            "Host ID": "Id of the host",
            "Asset ID": "Id of the asset",
            "Asset Name": "Name of the asset",
            "Tracking Method": "By what the host is followed | AGENT",
            "OS": "Operating system",
            "Operating System": "Operating system",
            "EC2 Instance ID": "Instance in AWS",
            "MAC Address": "Hardware address",
            "QID": "Id of the check | 38739",
            "Title": "Title of the check",
            "Vuln Status": "New, Active, Re-Opened or Fixed | Active",
            "Status": "The same",
            "Type": "Vuln, Practice, or Ig and Info for information | Vuln",
            "Type Detected": "Confirmed, Potential or Information",
            "Severity": "1 lowest to 5 highest | 4",
            "Port": "Port of the service",
            "Protocol": "Protocol of the service",
            "First Detected": "First seen by Qualys | 10/31/2026 08:15:00",
            "Last Detected": "Last seen by Qualys",
            "CVE ID": "CVE ids, divided by commas | CVE-2023-44487,CVE-2023-38545",
            "CVE": "The same",
            "Solution": "What to do",
            "Exploitability": "What is known of exploits",
            "Results": "What the check saw",
        },
    ),
    (("QID",), _QUALYS_HOSTS),
)

RAPID7 = FileFormat(
    "rapid7",
    "Rapid7 InsightVM CSV",
    "Rapid7",
    "CSV of InsightVM or Nexpose: the basic report of vulnerability check results, or an export template with its columns. "
    "Result codes that begin with v are vulnerable, all others are passed over. Severity levels 8 to 10 become Critical, 4 to "
    "7 High, 1 to 3 Medium, as the words Critical, Severe and Moderate do.",
    _model(
        "rapid7.findings",
        FINDINGS,
        "One row a vulnerability, asset and port.",
        {
            "Asset ID": "Id of the asset | 4711",
            "Asset IP Address": "Address | 10.20.30.42",
            "Asset Names": "Host names, divided by commas | wks-0042.example.test",
            "Asset Name": "Host name",
            "Hostname(s)": "Host names",
            "Host Name": "Host name",
            "Asset MAC Addresses": "Hardware addresses, divided by commas",
            "Asset MAC Address": "Hardware address",
            "Asset OS Name": "Operating system",
            "Asset OS Version": "Its version",
            "Service Port": "Port of the service | 443",
            "Protocol": "Protocol of the service",
            "Service Protocol": "Protocol of the service",
            "Vulnerability Test Result Code": "Outcome of the check | vv",
            "Vulnerability ID": "Rapid7's id of the vulnerability | http-openssl-cve-2023-0286",
            "Vulnerability CVE IDs": "CVE ids, divided by commas | CVE-2023-0286",
            "Vulnerability Severity Level": "1 to 10, or Moderate, Severe or Critical | 8",
            "Vulnerability Title": "Title",
            "Vulnerability Solution": "What to do",
            "Solution": "What to do",
            "Vulnerable Since": "First seen by Rapid7 | 2026-10-31 08:15:00",
            "Vulnerability Test Date": "Last seen by Rapid7",
            "Vulnerability Proof": "What the check saw",
        },
    ),
    (("Vulnerability ID",), ("Asset IP Address", "Asset Names", "Asset Name", "Hostname(s)", "Host Name", "Asset ID")),
)

WIZ = FileFormat(
    "wiz",
    "Wiz vulnerability CSV",
    "Wiz",
    "CSV of Wiz' vulnerability findings. Rows whose status is resolved close what they name, rejected ones are passed over.",
    _model(
        "wiz.findings",
        FINDINGS,
        "One row a vulnerability, asset and place.",
        {
            "ID": "Wiz' id of the finding",
            "Name": "CVE id, or the vulnerability's name | CVE-2023-44487",
            "Detailed Name": "Package | curl",
            "Version": "Installed version | 8.3.0",
            "Fixed Version": "Version that fixes it | 8.4.0",
            "Vendor Severity": "Severity by the vendor | HIGH",
            "CVSS Severity": "Severity by CVSS | HIGH",
            "Severity": "Wiz' severity | HIGH",
            "Status": "OPEN, RESOLVED or REJECTED | OPEN",
            "Finding Status": "The same",
            "Asset ID": "Wiz' id of the asset",
            "Asset Name": "Name of the machine | web-01",
            "Provider Unique ID": "Id in the cloud | i-0123456789abcdef0",
            "Asset External ID": "Id in the cloud",
            "Cloud Platform": "Cloud | AWS",
            "Asset Cloud Platform": "Cloud",
            "Operating System": "Operating system",
            "Asset Operating System": "Operating system",
            "IP Addresses": "Addresses",
            "Location Path": "Where the package is",
            "Remediation": "What to do",
            "First Detected": "First seen by Wiz | 2026-10-31T08:15:00Z",
            "First Detected At": "The same",
            "Last Detected": "Last seen by Wiz",
            "Last Detected At": "The same",
            "Has Exploit": "true where an exploit is known",
            "Link": "Where it is described",
        },
    ),
    (("Name",), ("Asset Name", "Asset ID", "Provider Unique ID", "Asset External ID")),
)

MDE_PORTAL = FileFormat(
    "mde-portal",
    "Microsoft Defender portal CSV",
    "MS Defender portal",
    "CSV of Defender's portal: the result of DeviceTvmSoftwareVulnerabilities in advanced hunting, or a device's or "
    "recommendation's list with the same columns. Needs no application in Entra; devices meet those of the API by device id.",
    _model(
        "mde-portal.findings",
        FINDINGS,
        "One row a device, product, version and CVE.",
        {
            "DeviceId": "Device id: 40 hexadecimal digits | 0f3c1a5b7d9e2f4a6b8c0d1e3f5a7b9c1d3e5f70",
            "DeviceName": "Host name | wks-0042.example.test",
            "OSPlatform": "Operating system | Windows11",
            "OSVersion": "Its version | 10.0.26100.6584",
            "OSArchitecture": "Processor | x64",
            "SoftwareVendor": "Vendor | openssl",
            "SoftwareName": "Product | openssl",
            "SoftwareVersion": "Installed version | 3.3.1.0",
            "CveId": "CVE id | CVE-2024-3094",
            "VulnerabilitySeverityLevel": "Low, Medium, High or Critical | High",
            "Severity": "The same",
            "RecommendedSecurityUpdate": "Update that fixes it | September 2026 Security Updates",
            "RecommendedSecurityUpdateId": "Its id | 5065429",
            "CveMitigationStatus": "Whether it is mitigated otherwise",
            "AadDeviceId": "Entra device id",
            "LastSeenTime": "Last seen | 2026-11-20T08:15:00Z",
        },
    ),
    (("CveId",), ("DeviceId", "DeviceName")),
)

CSV = FileFormat(
    "csv",
    "Generic CSV",
    "File",
    "A table of one's own with these columns, of which a name of the host and one of the finding must be there. Files of "
    "devices are optional.",
    _model(
        "csv.findings",
        FINDINGS,
        "One row a finding.",
        {
            "Asset ID": "The source's own id of the device",
            "Host Name": "Host name, fully qualified or not | wks-0042.example.test",
            "IP Address": "Addresses, divided by commas | 10.20.30.42",
            "MAC Address": "Hardware addresses, divided by commas | 00:00:5e:00:53:01",
            "Domain": "Directory domain",
            "NetBIOS Name": "NetBIOS name",
            "Operating System": "Operating system",
            "Operating System Version": "Its release",
            "Serial Number": "Hardware serial number",
            "Finding ID": "The source's own id of the row",
            "CVE": "CVE ids, in any form | CVE-2024-3094",
            "Vulnerability ID": "The source's id of the vulnerability, where it has no CVE",
            "Title": "Title",
            "Severity": "Critical, High, Medium, Low or Informational | High",
            "Vendor": "Vendor of the product",
            "Product": "Product",
            "Version": "Installed version",
            "Fixing KB": "Microsoft KB that fixes it",
            "Solution": "What to do",
            "Path": "Where it was found",
            "First Seen": "First seen by the source | 2026-10-31T08:15:00Z",
            "Status": "Rows with fixed, closed or resolved close what they name",
        },
    ),
    (("Host Name", "Asset ID", "NetBIOS Name", "IP Address"), ("CVE", "Vulnerability ID", "Title")),
    _model(
        "csv.assets",
        ASSETS,
        "One row a device.",
        {
            "Asset ID": "The source's own id of the device; the same as in the findings",
            "Host Name": "Host name | wks-0042.example.test",
            "IP Address": "Addresses, divided by commas | 10.20.30.42",
            "MAC Address": "Hardware addresses, divided by commas | 00:00:5e:00:53:01",
            "Domain": "Directory domain",
            "NetBIOS Name": "NetBIOS name",
            "Operating System": "Operating system",
            "Operating System Version": "Its release",
            "Serial Number": "Hardware serial number",
            "Hardware UUID": "BIOS UUID",
            "Entra Device ID": "Entra device id",
            "Tags": "Tags, divided by commas",
            "First Seen": "First report | 2026-10-31T08:15:00Z",
            "Last Seen": "Last report",
        },
    ),
    (("Host Name", "Asset ID", "NetBIOS Name", "IP Address"),),
)

FILE_FORMATS = (MDE_PORTAL, TENABLE, QUALYS, RAPID7, WIZ, CSV)
FILE_MODELS = tuple(m for f in FILE_FORMATS for m in (f.findings, f.assets) if m is not None)
"""Their data models, built in and read-only."""
