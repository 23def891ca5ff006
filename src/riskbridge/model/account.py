"""Who may look and act: accounts, their sessions and their API tokens. Values only; the config store keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TokenScope(StrEnum):
    """What a script may do with a token: look at everything, or change what its account may change, too."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may log in. `password_hash` is Argon2id's own text, never the password."""

    account_id: str
    name: str
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A login in one browser, known by the hash of its cookie; `csrf` goes with every form it sends."""

    session_hash: str
    account_id: str
    csrf: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token of a script, known by its hash; its text is shown once, when it is made. `scope` is a word of `TokenScope`."""

    token_id: str
    account_id: str
    name: str
    token_hash: str
    created_at: datetime
    expires_at: datetime
    scope: str = TokenScope.WRITE.value
