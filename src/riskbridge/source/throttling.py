"""What a 429 says of patience, in its header or in its words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from riskbridge.source.http import Answer

_SENTENCE = re.compile(r"again in (\d+(?:\.\d+)?) seconds", re.IGNORECASE)


def retry_after_s(answer: Answer, now: datetime) -> float | None:
    """Seconds to wait: the `Retry-After` header (seconds or a date), else the number in the message, else None.

    Source: Defender's common errors page (seconds); the sentence as observed in the body since 2022.
    """
    header = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", header):
        return float(header)
    if header:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            at = None
        if at is not None:
            return max(0.0, (at.astimezone(UTC) - now).total_seconds())
    found = _SENTENCE.search(answer.text[:10_000]) if len(answer.body) < 100_000 else None
    return float(found[1]) if found else None
