"""Commands for the API tokens of scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskbridge.cli.commands import app, open_app
from riskbridge.cli.options import Home, Json
from riskbridge.model.account import TokenScope

if TYPE_CHECKING:
    from riskbridge.app import App
    from riskbridge.model.account import ApiToken
    from riskbridge.security.accounts import Accounts

token_app = typer.Typer(help="API tokens, with which scripts use the REST API.", no_args_is_help=True)
app.add_typer(token_app, name="token")

AccountName = Annotated[str | None, typer.Option("--account", help="Whose; left out: the only account's")]


@token_app.command("make")
def token_make(
    name: Annotated[str, typer.Argument(help="What it is for")],
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until it ends")] = 90,
    scope: Annotated[
        TokenScope, typer.Option(help="read looks; write may change what its account may")
    ] = TokenScope.READ,
    account: AccountName = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """Make a token; its text is printed once, and nothing can show it again."""
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        accounts = _accounts(opened)
        token, text = accounts.make_token(accounts.get_account(account), name, days, scope)
        opened.store.record("token.made", token.name, {"token_id": token.token_id, "scope": scope.value, "days": days})
    say(_shown(token) | {"token": text}, text, as_json=as_json)


@token_app.command("list")
def token_list(account: AccountName = None, home: Home = None, *, as_json: Json = False) -> None:
    """List an account's tokens, newest first; never their text."""
    from riskbridge.cli.render import render_rows, say_json  # noqa: PLC0415

    with open_app(home) as opened:
        accounts = _accounts(opened)
        rows = [_shown(t) for t in accounts.list_tokens(accounts.get_account(account))]
    if as_json:
        say_json({"count": len(rows), "rows": rows})
    else:
        render_rows(rows, empty="There is none. Make one with: riskbridge token make NAME")


@token_app.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the beginning of it")],
    account: AccountName = None,
    home: Home = None,
    *,
    as_json: Json = False,
) -> None:
    """End a token at once."""
    from riskbridge.cli.render import say  # noqa: PLC0415

    with open_app(home) as opened:
        accounts = _accounts(opened)
        ended = accounts.revoke_token(accounts.get_account(account), token_id)
        opened.store.record("token.revoked", ended.name, {"token_id": ended.token_id})
    say({"revoked": ended.token_id, "name": ended.name}, f"'{ended.name}' opens nothing any more.", as_json=as_json)


def _accounts(opened: App) -> Accounts:
    from riskbridge.security.accounts import Accounts as Book  # noqa: PLC0415 - loads Argon2

    return Book(opened.store.accounts, opened.now)


def _shown(token: ApiToken) -> dict[str, Any]:
    return {
        "token_id": token.token_id,
        "name": token.name,
        "scope": token.scope,
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
    }
