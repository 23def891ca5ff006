"""Log lines on standard error, ours and the libraries', with every secret masked before it is written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

from riskbridge.security.masking import MASK, is_secret_name, mask

_QUIET = ("alembic", "asyncio", "httpcore", "httpx", "msal", "urllib3", "uvicorn")
"""Libraries that tell every call; their warnings still come through."""


def set_up_logging(level: str, *, as_json: bool = False, stream: TextIO | None = None) -> None:
    """Log lines of `level` and above go to `stream` (None: standard error), as text or as one JSON object a line.

    Calling it again replaces what the call before set up. At `debug` the libraries speak too, masked like ourselves.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        as_json: One JSON object a line: `timestamp` (UTC), `level`, `event`, and the event's own names.
        stream: Where lines go.
    """
    target = stream or sys.stderr
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(target, as_json=as_json)],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "_is_riskbridge", False):
            root.removeHandler(old)
    handler._is_riskbridge = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark on our own handler
    root.addHandler(handler)
    root.setLevel(least)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.DEBUG if least <= logging.DEBUG else logging.WARNING)


def mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the event with every secret masked, in names, in texts and in what they contain."""
    # `_record` and its like are structlog's own; the renderer drops them.
    return {k: v if k.startswith("_") else _masked(k, v) for k, v in event.items()}


def _masked(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if is_secret_name(name):
        return MASK
    if isinstance(value, Mapping):
        return {str(k): _masked(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", v) for v in value]
    return mask(value if isinstance(value, str) else str(value))


def _renderer(stream: TextIO, *, as_json: bool) -> Any:
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
