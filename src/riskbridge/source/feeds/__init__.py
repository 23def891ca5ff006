"""Facts of CVEs from public feeds: CISA KEV, FIRST EPSS, exploit modules, CVSS and SSVC; from a path or a URL."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from riskbridge.errors import InputError
from riskbridge.source.feeds.parsed import Feed

if TYPE_CHECKING:
    from riskbridge.source.http import HttpSettings

FEED_TYPES: dict[str, dict[str, str]] = {
    "kev": {"cve_id": "string", "kev_added_on": "date", "kev_due_on": "date", "is_ransomware": "boolean"},
    "epss": {"cve_id": "string", "epss": "float64", "epss_percentile": "float64"},
    "exploits": {"cve_id": "string", "exploit_modules": "array<string>", "has_exploit_module": "boolean"},
    "cvss": {
        "cve_id": "string",
        "source": "string",
        "cvss_version": "string",
        "cvss_score": "float64",
        "cvss_vector": "string",
        "ssvc_exploitation": "string",
        "ssvc_automatable": "string",
        "ssvc_technical_impact": "string",
    },
}
"""Column name to Ibis type of each feed's table; `cvss` has a row a CVE, source and CVSS version, the others one a CVE."""


def read_feed(
    kind: str,
    location: str,
    *,
    http: HttpSettings | None = None,
    etag: str | None = None,
    last_modified: str | None = None,
) -> Feed | None:
    """A feed's rows with the columns of `FEED_TYPES`, ids in upper case; None when the server says it is unchanged.

    Args:
        kind: `kev` (CISA's JSON or CSV), `epss` (FIRST's CSV, with or without its comment line), `exploits`
            (Metasploit's module metadata, or CSV of cve, module, name) or `cvss` (CVE records with CISA's additions:
            JSON, JSON lines, a ZIP archive of them, or the flat CSV form).
        location: A path or an http(s) URL; gzip is recognised by content.
        http: How to reach a URL; None takes the defaults.
        etag: The server's name for what was read last.
        last_modified: The server's date of what was read last.

    Raises:
        InputError: `feeds.unknown`, `feeds.unreadable`, `feeds.broken`: not the feed it should be; none of it is kept.
        RetryableError: The URL cannot be reached just now.
        ConfigError: The URL's certificate is not trusted, or it is no web address.
    """
    from riskbridge.source.feeds.cvss import parse_cvss  # noqa: PLC0415 - loads Arrow
    from riskbridge.source.feeds.epss import parse_epss  # noqa: PLC0415
    from riskbridge.source.feeds.exploits import parse_exploits  # noqa: PLC0415
    from riskbridge.source.feeds.fetch import fetch  # noqa: PLC0415
    from riskbridge.source.feeds.kev import parse_kev  # noqa: PLC0415

    parsers = {"kev": parse_kev, "epss": parse_epss, "exploits": parse_exploits, "cvss": parse_cvss}
    if kind not in parsers:
        raise InputError(f"'{kind}' is no feed.", code="feeds.unknown", remedy=f"Feeds are: {', '.join(parsers)}.")
    fetched = fetch(location, http, etag=etag, last_modified=last_modified)
    if fetched is None:
        return None
    rows, released_on = parsers[kind](fetched.body, location)
    return Feed(rows, released_on, hashlib.sha256(fetched.body).hexdigest(), fetched.etag, fetched.last_modified)
