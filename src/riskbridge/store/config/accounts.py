"""Accounts, sessions and API tokens in the config store."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from riskbridge.errors import InputError
from riskbridge.model.account import Account, ApiToken, Session
from riskbridge.store.config.database import Database
from riskbridge.store.config.tables import AccountRow, ApiTokenRow, SessionRow

T = TypeVar("T", Account, Session, ApiToken)


class ConfigAccounts:
    """Keeps what `riskbridge.security.accounts` needs kept. Threads may share it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count_accounts(self) -> int:
        """How many there are."""
        with self._database.reading() as session:
            return int(session.scalar(select(func.count()).select_from(AccountRow)) or 0)

    def add_account(self, account: Account) -> None:
        """Keep one.

        Raises:
            InputError: `account.exists`.
        """
        try:
            with self._database.writing() as session:
                session.add(AccountRow(**asdict(account), name_key=account.name.casefold()))
        except IntegrityError as error:
            raise InputError(
                f"There is an account named '{account.name}' already.",
                code="account.exists",
                remedy="Choose another name.",
            ) from error

    def find_account(self, name: str) -> Account | None:
        """By name in any letter case."""
        query = select(AccountRow).where(AccountRow.name_key == name.strip().casefold())
        with self._database.reading() as session:
            return _value(session.scalar(query), Account)

    def get_account(self, account_id: str) -> Account | None:
        """By id."""
        with self._database.reading() as session:
            return _value(session.get(AccountRow, account_id), Account)

    def list_accounts(self) -> list[Account]:
        """Every account, by name."""
        with self._database.reading() as session:
            rows = session.scalars(select(AccountRow).order_by(AccountRow.name_key))
            return [v for row in rows if (v := _value(row, Account)) is not None]

    def add_session(self, session: Session) -> None:
        """Keep one, and forget those that have ended."""
        with self._database.writing() as writing:
            writing.execute(delete(SessionRow).where(SessionRow.expires_at <= datetime.now(UTC)))
            writing.add(SessionRow(**asdict(session)))

    def find_session(self, session_hash: str) -> Session | None:
        """By the hash of its cookie."""
        with self._database.reading() as session:
            return _value(session.get(SessionRow, session_hash), Session)

    def delete_session(self, session_hash: str) -> None:
        """Forget one."""
        with self._database.writing() as session:
            session.execute(delete(SessionRow).where(SessionRow.session_hash == session_hash))

    def add_token(self, token: ApiToken) -> None:
        """Keep one."""
        with self._database.writing() as session:
            session.add(ApiTokenRow(**asdict(token)))

    def find_token(self, token_hash: str) -> ApiToken | None:
        """By its hash."""
        with self._database.reading() as session:
            return _value(session.scalar(select(ApiTokenRow).where(ApiTokenRow.token_hash == token_hash)), ApiToken)

    def list_tokens(self, account_id: str) -> list[ApiToken]:
        """An account's, newest first."""
        query = select(ApiTokenRow).where(ApiTokenRow.account_id == account_id).order_by(ApiTokenRow.created_at.desc())
        with self._database.reading() as session:
            return [v for row in session.scalars(query) if (v := _value(row, ApiToken)) is not None]

    def delete_token(self, account_id: str, token_id: str) -> bool:
        """Forget an account's token; False when it has none of that id."""
        with self._database.writing() as session:
            row = session.get(ApiTokenRow, token_id)
            if row is None or row.account_id != account_id:
                return False
            session.delete(row)
            return True


def _value(row: Any, kind: type[T]) -> T | None:
    return None if row is None else kind(**{f.name: getattr(row, f.name) for f in fields(kind)})
