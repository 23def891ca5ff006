"""Microsoft's clouds and regions: login host, API host and audience belong together.

Source: gov.md and improve-request-performance in Microsoft's documentation (January 2026); the audiences of the
government clouds are those that two independent clients use.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from riskbridge.errors import InputError

_LOGIN = "https://login.microsoftonline.com/"
_AUDIENCE = "https://api.securitycenter.microsoft.com"
_GOVERNMENT = "https://api-gov.securitycenter.microsoft.us"
_GCC = "https://api-gcc.securitycenter.microsoft.us"


@dataclass(frozen=True, slots=True)
class Cloud:
    """Where a tenant logs in, where its Defender API is, and what its tokens are for."""

    login_url: str
    api_url: str
    audience: str


def _region(name: str) -> Cloud:
    return Cloud(_LOGIN, f"https://{name}.api.security.microsoft.com", _AUDIENCE)


CLOUDS = {
    "commercial": Cloud(_LOGIN, "https://api.security.microsoft.com", _AUDIENCE),
    **{name: _region(name) for name in ("us", "eu", "uk", "au", "swa", "ina", "aea")},
    "gcc": Cloud(_LOGIN, _GCC, _GCC),
    "gcc-high": Cloud("https://login.microsoftonline.us/", _GOVERNMENT, _GOVERNMENT),
    "dod": Cloud("https://login.microsoftonline.us/", _GOVERNMENT, _GOVERNMENT),
}
"""By name: the commercial cloud, its regions (nearer, the same audience), and the US government's clouds."""


def find_cloud(name: str) -> Cloud:
    """The cloud of that name, in any letter case.

    Raises:
        InputError: `cloud.unknown`, with the nearest name.
    """
    found = CLOUDS.get(name.strip().lower())
    if found is None:
        nearest = get_close_matches(name.strip().lower(), CLOUDS, n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        raise InputError(
            f"There is no cloud named '{name}'.",
            code="cloud.unknown",
            remedy=f"{hint}Give one of {', '.join(CLOUDS)}, or the hosts themselves.",
        )
    return found
