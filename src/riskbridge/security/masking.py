"""Secrets out of text: values we know, and whatever stands where a secret usually stands."""

from __future__ import annotations

import re
import threading

MASK = "***"

SECRET_NAMES = (
    "access_token",
    "api_key",
    "authorization",
    "client_assertion",
    "client_secret",
    "cookie",
    "id_token",
    "password",
    "proxy_authorization",
    "refresh_token",
    "secret",
    "set_cookie",
    "sig",
    "signature",
)
"""Names whose value is a secret, in any letter case and with `_`, `-` or nothing between the words."""

_NAME = "|".join(sorted((re.escape(n).replace("_", "[_-]?") for n in SECRET_NAMES), key=len, reverse=True))
_IS_SECRET_NAME = re.compile(rf"(?:.*[_-])?(?:{_NAME})", re.IGNORECASE)
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    # name=value of a query or form, name: value of a header, "name": "value" of JSON or a repr
    (
        re.compile(
            rf"(?i)((?<![a-z0-9])(?:[a-z]+[_-])?(?:{_NAME})(?:\\?[\"'])?\s*[=:]\s*)"
            r"(\\?\"(?:[^\"\\]|\\[^\"])*\\?\"|'[^']*'|(?:bearer|basic)\s+\S+|[^\s&,;}\"']+)"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), MASK),
    (re.compile(r"(://[^/\s:@]*):[^/\s@]+@"), rf"\1:{MASK}@"),
)

_SHORTEST = 6
"""Characters below which a registered value is no secret worth the noise: it would mask ordinary words."""

_known: set[str] = set()
_lock = threading.Lock()


def register_secret(value: str) -> None:
    """From now on `mask` hides this value wherever it stands in a text. Values under six characters are let be."""
    if len(value) >= _SHORTEST:
        with _lock:
            _known.add(value)


def mask(text: str) -> str:
    """The text with every secret in it replaced by `***`: registered values, tokens, and values of secret names."""
    with _lock:
        known = sorted(_known, key=len, reverse=True)
    for value in known:
        text = text.replace(value, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def is_secret_name(name: str) -> bool:
    """Whether a value of that name is a secret: `client_secret`, `X-Api-Key`, `sig`."""
    return _IS_SECRET_NAME.fullmatch(name) is not None
