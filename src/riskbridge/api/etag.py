"""Edits of two people never overwrite each other: the ETag of what is kept, and `If-Match` on every edit of it."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, TypeAlias

from fastapi import Header, Response
from fastapi.encoders import jsonable_encoder

from riskbridge.errors import Context, InputError
from riskbridge.store.config.store import AuditEntry

IfMatch: TypeAlias = Annotated[
    str | None,
    Header(alias="If-Match", description="The `ETag` of what was read; `*` edits whatever there is", max_length=2_000),
]
ANY = "*"


class StaleEditError(InputError):
    """Somebody changed it since it was read; nothing was saved.

    Args:
        message: What was changed, by whom and when.
        code: Always `edit.stale`.
        remedy: What to do.
        current: The resource as it is now, as the API shows it.
        tag: Its ETag.
        context: `changed_by` and `changed_at` where they are known.
    """

    def __init__(self, message: str, *, code: str, remedy: str, current: object, tag: str, **context: Context) -> None:
        super().__init__(message, code=code, remedy=remedy, **context)
        self.current = current
        self.tag = tag


def tag_of(kept: object) -> str:
    """The strong ETag of what is kept: the same for equal values, whatever their order of names.

    Args:
        kept: A shape or plain data: what people edit, without a state that changes by itself.
    """
    text = json.dumps(jsonable_encoder(kept), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def set_tag(response: Response, kept: object) -> None:
    """Let an answer carry the ETag of what is kept."""
    response.headers["ETag"] = tag_of(kept)


def require_match(
    if_match: str | None, kept: object, noun: str, *, shown: object = None, change: AuditEntry | None = None
) -> None:
    """Raise unless an edit is of what is kept now; call it within `Service.editing`.

    Args:
        if_match: The `If-Match` header, or a form's hidden field: one or several ETags, or `*`.
        kept: What `tag_of` was given when the resource was read.
        noun: Such as `The connector 'Contoso'`, for the message.
        shown: The resource as the API shows it, where that is more than what is kept.
        change: The newest change of it, from `ConfigStore.find_change`.

    Raises:
        InputError: `edit.no-tag` (428): no `If-Match` came along; `edit.stale` (412): somebody changed it meanwhile.
    """
    if if_match is None or not if_match.strip():
        raise InputError(
            f"{noun} can only be edited by who has read it.",
            code="edit.no-tag",
            remedy="Read it, then send the edit with its ETag as If-Match; `If-Match: *` edits whatever there is.",
        )
    tag = tag_of(kept)
    if tag not in (wanted := {t.strip() for t in if_match.split(",")}) and ANY not in wanted:
        raise StaleEditError(
            f"{noun} was changed{_by(change)} after it was read; nothing was saved.",
            code="edit.stale",
            remedy="Put your changes into what it is now, which comes with this answer, and send them with its ETag.",
            current=kept if shown is None else shown,
            tag=tag,
            **({} if change is None else {"changed_by": change.actor, "changed_at": change.at.isoformat()}),
        )


def _by(change: AuditEntry | None) -> str:
    return "" if change is None else f" by {change.actor} at {change.at:%Y-%m-%d %H:%M:%S} UTC"
