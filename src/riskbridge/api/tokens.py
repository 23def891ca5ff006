"""API tokens over REST: a person makes them for scripts, and ends them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, status

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import TokenShape
from riskbridge.model.account import ApiToken

router = APIRouter(tags=["api tokens"])


@router.get("/api-tokens")
def list_tokens(caller: Asked, service: Served) -> dict[str, Any]:
    """The caller's tokens, newest first; never their text."""
    rows = [_shown(t) for t in service.accounts.list_tokens(caller.account)]
    return {"count": len(rows), "rows": rows}


@router.post("/api-tokens", status_code=status.HTTP_201_CREATED)
def make_token(caller: Asked, service: Served, shape: TokenShape) -> dict[str, Any]:
    """A token; its text is in this answer and nowhere else."""
    token, text = service.accounts.make_token(caller.account, shape.name, shape.days)
    return {**_shown(token), "token": text}


@router.delete("/api-tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT)
def revoke_token(caller: Asked, service: Served, token_id: str) -> None:
    """End a token at once."""
    service.accounts.revoke_token(caller.account, token_id)


def _shown(token: ApiToken) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "name": token.name,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
    }
