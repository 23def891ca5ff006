"""Writes a tenant's answers as files, so that serving them costs next to nothing.

`python pages.py FOLDER BASE_URL ROWS DEVICES FIRST_ROWS` writes gzip bodies of up to 10,000 records, each with the
link to the next, as Defender sends them. Every value follows from its number: two runs write the same bytes.
"""

import gzip
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

PAGE_ROWS = 10_000
PATHS = {
    "machines": "/api/machines",
    "machinesVulnerabilities": "/api/vulnerabilities/machinesVulnerabilities",
    "vulnerabilities": "/api/vulnerabilities",
    "first": "/api/vulnerabilities/first",
}
"""Stream to path; `first` is the beginning of machinesVulnerabilities, for programs that are too slow for all of it."""

CVES = 5003
"""A prime, so that the CVEs of one device never repeat."""
PRODUCTS = 600
SEVERITIES = ("Low", "Medium", "High", "Critical")


def machine_id(device: int) -> str:
    return hashlib.sha1(str(device).encode()).hexdigest()


def cve_id(cve: int) -> str:
    return f"CVE-{2015 + cve % 11}-{10_000 + cve}"


def findings(rows: int, devices: int) -> Iterator[str]:
    per_device = -(-rows // devices)
    for row in range(rows):
        device, place = divmod(row, per_device)
        if place == 0:
            machine = machine_id(device)
        cve = (device * 31 + place * 977) % CVES
        product = cve % PRODUCTS
        vendor, name, version = (
            f"vendor{product % 40}",
            f"product_{product}",
            f"{product % 30}.{cve % 7}.{product % 11}",
        )
        kb, quoted_kb = ("5051989", '"5051989"') if cve % 5 == 0 else ("", "null")
        yield (
            f'{{"id":"{machine}-_-{cve_id(cve)}-_-{vendor}-_-{name}-_-{version}-_-{kb}","cveId":"{cve_id(cve)}",'
            f'"machineId":"{machine}","fixingKbId":{quoted_kb},"productName":"{name}",'
            f'"productVendor":"{vendor}","productVersion":"{version}","severity":"{SEVERITIES[cve % 4]}"}}'
        )


def machines(devices: int) -> Iterator[str]:
    for device in range(devices):
        address = f"10.{device >> 16 & 255}.{device >> 8 & 255}.{device & 255}"
        yield json.dumps(
            {
                "id": machine_id(device),
                "mergedIntoMachineId": None,
                "isPotentialDuplication": False,
                "isExcluded": False,
                "exclusionReason": None,
                "computerDnsName": f"wks-{device:06d}.example.test",
                "firstSeen": "2026-01-12T08:14:03.1618923Z",
                "lastSeen": "2026-11-20T17:40:05.684607Z",
                "osPlatform": "Windows11",
                "osVersion": None,
                "osProcessor": "x64",
                "version": "24H2",
                "lastIpAddress": address,
                "lastExternalIpAddress": "203.0.113.10",
                "agentVersion": "10.8792.26100.4061",
                "osBuild": 26100,
                "healthStatus": "Active",
                "deviceValue": "Normal",
                "rbacGroupId": device % 7,
                "rbacGroupName": f"group {device % 7}",
                "riskScore": "None",
                "exposureLevel": "Medium",
                "isAadJoined": True,
                "aadDeviceId": f"6f0c0f6e-0000-4000-8000-{device:012d}",
                "machineTags": ["finance"] if device % 10 == 0 else [],
                "defenderAvStatus": "Updated",
                "onboardingStatus": "Onboarded",
                "osArchitecture": "64-bit",
                "managedBy": "Intune",
                "managedByStatus": "Unknown",
                "ipAddresses": [
                    {
                        "ipAddress": address,
                        "macAddress": f"00155D{device:06X}",
                        "type": "Ethernet",
                        "operationalStatus": "Up",
                    }
                ],
                "vmMetadata": None,
            },
            separators=(",", ":"),
        )


def catalogue() -> Iterator[str]:
    for cve in range(CVES):
        yield json.dumps(
            {
                "id": cve_id(cve),
                "name": cve_id(cve),
                "description": f"A weakness of product_{cve % PRODUCTS}.",
                "severity": SEVERITIES[cve % 4],
                "cvssV3": round(1 + cve % 90 / 10, 1),
                "cvssVector": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
                "exposedMachines": 7,
                "publishedOn": "2025-05-13T00:00:00Z",
                "updatedOn": "2026-01-13T00:00:00Z",
                "firstDetected": "2026-02-01T10:00:00Z",
                "patchFirstAvailable": None,
                "publicExploit": cve % 9 == 0,
                "exploitVerified": cve % 18 == 0,
                "exploitInKit": cve % 90 == 0,
                "exploitTypes": [],
                "exploitUris": [],
                "cveSupportability": "Supported",
                "tags": [],
                "epss": round(cve % 1000 / 1000, 3),
            },
            separators=(",", ":"),
        )


def write_stream(folder: Path, stream: str, records: Iterable[str], base_url: str) -> None:
    target = folder / stream
    target.mkdir(parents=True)
    rest, number = iter(records), 0
    page = list(islice(rest, PAGE_ROWS))
    while page or number == 0:
        following = list(islice(rest, PAGE_ROWS))
        link = f',"@odata.nextLink":"{base_url}{PATHS[stream]}?$skip={(number + 1) * PAGE_ROWS}"' if following else ""
        body = f'{{"@odata.context":"{base_url}/api/$metadata#{stream}","value":[{",".join(page)}]{link}}}'
        (target / f"{number}.json.gz").write_bytes(gzip.compress(body.encode(), 1, mtime=0))
        page, number = following, number + 1


def main() -> None:
    folder, base_url, rows, devices, first_rows = sys.argv[1:]
    into = Path(folder)
    write_stream(into, "machines", machines(int(devices)), base_url)
    write_stream(into, "vulnerabilities", catalogue(), base_url)
    write_stream(into, "machinesVulnerabilities", findings(int(rows), int(devices)), base_url)
    write_stream(into, "first", islice(findings(int(rows), int(devices)), int(first_rows)), base_url)


if __name__ == "__main__":
    main()
