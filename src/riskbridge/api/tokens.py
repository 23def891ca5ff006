"""API tokens over REST: a person makes them for scripts, and ends them."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, status

from riskbridge.api.access import Asked, Served
from riskbridge.api.shapes import Rows, TokenMade, TokenShape, TokenShown

router = APIRouter(tags=["api tokens"])


@router.get("/api-tokens")
def list_tokens(caller: Asked, service: Served) -> Rows[TokenShown]:
    """The caller's tokens, newest first; never their text."""
    return Rows.of([TokenShown.model_validate(asdict(t)) for t in service.accounts.list_tokens(caller.account)])


@router.post("/api-tokens", status_code=status.HTTP_201_CREATED)
def make_token(caller: Asked, service: Served, shape: TokenShape) -> TokenMade:
    """A token; its text is in this answer and nowhere else."""
    token, text = service.accounts.make_token(caller.account, shape.name, shape.days, shape.scope)
    store = service.app.store.acting_as(caller.account.name)
    store.record("token.made", token.name, {"token_id": token.token_id, "scope": token.scope, "days": shape.days})
    return TokenMade.model_validate(asdict(token) | {"token": text})


@router.delete("/api-tokens/{token_id}", status_code=status.HTTP_204_NO_CONTENT)
def revoke_token(caller: Asked, service: Served, token_id: str) -> None:
    """End a token at once."""
    ended = service.accounts.revoke_token(caller.account, token_id)
    store = service.app.store.acting_as(caller.account.name)
    store.record("token.revoked", ended.name, {"token_id": ended.token_id})
