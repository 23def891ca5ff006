"""Every failure riskbridge raises on purpose, arranged by remedy.

```
RiskbridgeError
├── ConfigError      what a person set up is wrong: mend it, start again          exit 3
├── RetryableError   the outside is busy or away: the same call may work later    exit 4   (carries retry_at)
├── FatalError       this run cannot go on: access refused, a source broke its
│                    contract, the disk is full; what is stored stays as it was    exit 5
└── InputError       the caller asked for something that cannot be                exit 2
```

Anything else that escapes is a bug and is not caught. `code` is stable, lower-case and dotted
(`defender.missing-role`); `remedy` says what to do next; `context` holds ids, never secrets. Exit codes, problem
bodies, log events and the documentation page all come from the classes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

Context: TypeAlias = str | float | Sequence[Mapping[str, object]] | None
"""What tools may read of a failure: an id, a number, or a row for each of several faults."""


class RiskbridgeError(Exception):
    """A failure with a stable code, the object it happened to, and what to do next.

    Args:
        message: What happened, to which object, and what was tried. One or two sentences, no secret.
        code: Stable identifier such as `defender.wrong-secret`.
        remedy: What to do next, in the imperative.
        context: Ids and small values that tools may read; `faults` for rows of several mistakes, each with its own
            `message` and `remedy`.
    """

    exit_code = 1
    kind = "error"

    def __init__(self, message: str, *, code: str, remedy: str, **context: Context) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.remedy = remedy
        self.context = context

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def as_dict(self) -> dict[str, object]:
        """The failure as plain data: `kind`, `code`, `message`, `remedy` and the context's own names."""
        return {"kind": self.kind, "code": self.code, "message": self.message, "remedy": self.remedy, **self.context}


class ConfigError(RiskbridgeError):
    """What a person set up is wrong; nothing was changed."""

    exit_code = 3
    kind = "config"


class RetryableError(RiskbridgeError):
    """The outside is busy or unreachable; the same call may succeed at `retry_at` or later (UTC, None: any time)."""

    exit_code = 4
    kind = "retryable"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        remedy: str,
        retry_at: datetime | None = None,
        **context: Context,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, **context)
        self.retry_at = retry_at


class FatalError(RiskbridgeError):
    """This run cannot go on; nothing that was stored before is changed."""

    exit_code = 5
    kind = "fatal"


class InputError(RiskbridgeError):
    """The caller asked for something that cannot be; nothing was changed."""

    exit_code = 2
    kind = "input"
