"""Logging in: passwords (Argon2id), sessions, API tokens, and the one-time link that makes the first account.

What a browser or script holds is random and kept here as a hash alone, so that a stolen copy of the store opens nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from riskbridge.errors import InputError
from riskbridge.model.account import Account, ApiToken, Session, TokenScope

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
SESSION_LIFE = timedelta(hours=12)
LONGEST_TOKEN_DAYS = 366
TOKEN_PREFIX = "rb_"  # noqa: S105 - how tokens begin, so that a leaked one is recognised
MOST_TOKENS = 100
"""Tokens of one account."""
MOST_FAILURES = 5
"""Wrong passwords for one name before it must wait."""
WAIT = timedelta(minutes=1)


class AccountBook(Protocol):
    """Where accounts, sessions and tokens are kept."""

    def count_accounts(self) -> int:
        """How many there are."""

    def add_account(self, account: Account) -> None:
        """Keep one; raises `InputError` `account.exists` when the name is taken."""

    def find_account(self, name: str) -> Account | None:
        """By name in any letter case."""

    def get_account(self, account_id: str) -> Account | None:
        """By id."""

    def add_session(self, session: Session) -> None:
        """Keep one, and forget those that have ended."""

    def find_session(self, session_hash: str) -> Session | None:
        """By the hash of its cookie."""

    def delete_session(self, session_hash: str) -> None:
        """Forget one."""

    def add_token(self, token: ApiToken) -> None:
        """Keep one."""

    def find_token(self, token_hash: str) -> ApiToken | None:
        """By its hash."""

    def list_tokens(self, account_id: str) -> list[ApiToken]:
        """An account's, newest first."""

    def list_accounts(self) -> list[Account]:
        """Every account, by name."""

    def delete_token(self, account_id: str, token_id: str) -> bool:
        """Forget an account's token; False when it has none of that id."""


class Accounts:
    """Logs people and scripts in. Threads may share it.

    Args:
        book: Where accounts are kept.
        now: The clock, aware UTC.
    """

    def __init__(self, book: AccountBook, now: Callable[[], datetime]) -> None:
        self._book = book
        self._now = now
        self._hasher = PasswordHasher()
        # A name that is none takes as long as one that is.
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._failures: dict[str, tuple[int, datetime]] = {}
        self._link = secrets.token_urlsafe(32)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has an account yet."""
        return self._book.count_accounts() == 0

    @property
    def link_token(self) -> str:
        """What the one-time link carries; worth something until the first account is made, or this process ends."""
        return self._link

    def is_link(self, token: str) -> bool:
        """Whether that is the one-time link's token, and still worth something."""
        return self.is_empty and hmac.compare_digest(token.encode(), self._link.encode())

    def make_first(self, token: str, name: str, password: str) -> Account:
        """Make the first account.

        Raises:
            InputError: `account.bad-link`, `account.bad-name`, `account.bad-password`.
        """
        if not self.is_link(token):
            raise InputError(
                "This link has been used, or belongs to a server that has been stopped.",
                code="account.bad-link",
                remedy="Log in, or take the link that riskbridge serve printed when it started.",
            )
        return self.make(name, password)

    def make(self, name: str, password: str) -> Account:
        """Make an account.

        Raises:
            InputError: `account.bad-name`, `account.bad-password`, `account.exists`.
        """
        name = name.strip()
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise InputError(
                "That is no account name.", code="account.bad-name", remedy="Give 1 to 100 printable characters."
            )
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InputError(
                f"The password has {len(password)} characters.",
                code="account.bad-password",
                remedy=f"Give {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}; a few words are easier than many signs.",
            )
        account = Account(uuid.uuid4().hex, name, self._hasher.hash(password), self._now())
        self._book.add_account(account)
        return account

    def log_in(self, name: str, password: str) -> str:
        """Begin a session; gives the text for its cookie.

        Raises:
            InputError: `account.wrong-login`, `account.wait`: too many wrong passwords for the name.
        """
        key = name.strip().casefold()
        self._require_patience(key)
        account = self._book.find_account(name)
        if not self._fits(account, password[:LONGEST_PASSWORD]) or account is None:
            count, _ = self._failures.get(key, (0, self._now()))
            self._failures[key] = (count + 1, self._now())
            raise InputError(
                "Name and password do not fit.", code="account.wrong-login", remedy="Check both and try again."
            )
        self._failures.pop(key, None)
        return self.begin_session(account)

    def begin_session(self, account: Account) -> str:
        """A session for an account that has proven itself; gives the text for its cookie."""
        cookie, now = secrets.token_urlsafe(32), self._now()
        self._book.add_session(
            Session(_hash(cookie), account.account_id, secrets.token_urlsafe(24), now, now + SESSION_LIFE)
        )
        return cookie

    def find_session(self, cookie: str) -> tuple[Account, Session] | None:
        """Whose session the cookie is of, unless it has ended."""
        session = self._book.find_session(_hash(cookie))
        if session is None or session.expires_at <= self._now():
            return None
        account = self._book.get_account(session.account_id)
        return None if account is None else (account, session)

    def log_out(self, session: Session) -> None:
        """End a session."""
        self._book.delete_session(session.session_hash)

    def make_token(
        self, account: Account, name: str, days: int, scope: TokenScope = TokenScope.READ
    ) -> tuple[ApiToken, str]:
        """A token for scripts, and its text, which nothing can show again.

        Raises:
            InputError: `account.bad-token`, `token.too-many`.
        """
        name = name.strip()
        if not 1 <= len(name) <= 100 or not name.isprintable() or not 1 <= days <= LONGEST_TOKEN_DAYS:
            raise InputError(
                "A token needs a name of up to 100 printable characters and a number of days.",
                code="account.bad-token",
                remedy=f"Give a name, and 1 to {LONGEST_TOKEN_DAYS} days.",
            )
        if len(self._book.list_tokens(account.account_id)) >= MOST_TOKENS:
            raise InputError(
                f"'{account.name}' has {MOST_TOKENS} tokens already.",
                code="token.too-many",
                remedy="Revoke one first: riskbridge token revoke ID",
            )
        text, now = TOKEN_PREFIX + secrets.token_urlsafe(32), self._now()
        token = ApiToken(
            uuid.uuid4().hex, account.account_id, name, _hash(text), now, now + timedelta(days=days), scope.value
        )
        self._book.add_token(token)
        return token, text

    def find_token(self, text: str) -> tuple[Account, ApiToken] | None:
        """Whose token that is, unless it has ended."""
        token = self._book.find_token(_hash(text))
        if token is None or token.expires_at <= self._now():
            return None
        account = self._book.get_account(token.account_id)
        return None if account is None else (account, token)

    def get_account(self, name: str | None) -> Account:
        """The account of that name in any letter case; without a name, the only one there is.

        Raises:
            InputError: `account.unknown`, `account.none`: nobody has one yet.
        """
        names = [a.name for a in self._book.list_accounts()]
        if not names:
            raise InputError(
                "Nobody has an account yet.",
                code="account.none",
                remedy="Start riskbridge serve, and make the first account by the link it prints.",
            )
        found = self._book.find_account(name or names[0]) if name or len(names) == 1 else None
        if found is None:
            raise InputError(
                f"There is no account '{name}'." if name else "There are several accounts.",
                code="account.unknown",
                remedy=f"Choose one with --account: {', '.join(names[:10])}.",
            )
        return found

    def list_tokens(self, account: Account) -> list[ApiToken]:
        """An account's tokens, newest first."""
        return self._book.list_tokens(account.account_id)

    def revoke_token(self, account: Account, token_id: str) -> ApiToken:
        """End a token at once; its id may be given by its beginning.

        Raises:
            InputError: `token.unknown`: no token of the account has an id that begins so, or several have.
        """
        found = [t for t in self._book.list_tokens(account.account_id) if token_id and t.token_id.startswith(token_id)]
        if len(found) != 1 or not self._book.delete_token(account.account_id, found[0].token_id):
            raise InputError(
                f"'{token_id}' is no token of this account.",
                code="token.unknown",
                remedy="List them with: riskbridge token list",
            )
        return found[0]

    def _require_patience(self, key: str) -> None:
        count, last_at = self._failures.get(key, (0, self._now()))
        if count >= MOST_FAILURES and self._now() < last_at + WAIT:
            raise InputError(
                "Too many wrong passwords for this name.", code="account.wait", remedy="Wait a minute, then try again."
            )

    def _fits(self, account: Account | None, password: str) -> bool:
        try:
            return self._hasher.verify(self._nobody if account is None else account.password_hash, password)
        except VerifyMismatchError:
            return False


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
