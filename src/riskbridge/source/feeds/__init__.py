"""Facts of CVEs from public feeds: CISA KEV and FIRST EPSS, from a path or a URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskbridge.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from riskbridge.source.http import HttpSettings

FEED_TYPES: dict[str, dict[str, str]] = {
    "kev": {"cve_id": "string", "kev_added_on": "date", "kev_due_on": "date", "is_ransomware": "boolean"},
    "epss": {"cve_id": "string", "epss": "float64", "epss_percentile": "float64"},
}
"""Column name to Ibis type of each feed's table."""


def read_feed(kind: str, location: str, *, http: HttpSettings | None = None) -> pa.Table:
    """A feed's rows with the columns of `FEED_TYPES`, one a CVE, ids in upper case.

    Args:
        kind: `kev` (CISA's JSON) or `epss` (FIRST's CSV, with or without its comment line).
        location: A path or an http(s) URL; gzip is recognised by content.
        http: How to reach a URL; None takes the defaults.

    Raises:
        InputError: `feeds.unknown`, `feeds.unreadable`, `feeds.broken`: not the feed it should be; none of it is kept.
        RetryableError: The URL cannot be reached just now.
        ConfigError: The URL's certificate is not trusted, or it is no web address.
    """
    from riskbridge.source.feeds.epss import parse_epss  # noqa: PLC0415 - loads Arrow
    from riskbridge.source.feeds.fetch import fetch  # noqa: PLC0415
    from riskbridge.source.feeds.kev import parse_kev  # noqa: PLC0415

    parsers = {"kev": parse_kev, "epss": parse_epss}
    if kind not in parsers:
        raise InputError(f"'{kind}' is no feed.", code="feeds.unknown", remedy=f"Feeds are: {', '.join(parsers)}.")
    return parsers[kind](fetch(location, http), location)
