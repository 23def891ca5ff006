"""API tokens: they end on their day, do what their scope says, and are found by nothing but their text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from riskbridge.errors import InputError
from riskbridge.model.account import TokenScope
from riskbridge.security.accounts import MOST_TOKENS, Accounts
from riskbridge.store.config.store import ConfigStore

MADE = datetime(2027, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    at = MADE

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Iterator[Accounts]:
    store = ConfigStore(tmp_path / "config.db")
    made = Accounts(store.accounts, clock)
    made.make("Ana", "correct horse battery")
    yield made
    store.close()


@pytest.mark.parametrize(
    ("after", "is_good"),
    [(timedelta(0), True), (timedelta(days=3, microseconds=-1), True), (timedelta(days=3), False)],
    ids=["at once", "at the last moment", "when it has ended"],
)
def test_a_token_opens_until_it_ends(accounts: Accounts, clock: Clock, after: timedelta, is_good: bool) -> None:
    ana = accounts.get_account(None)
    token, text = accounts.make_token(ana, "nightly", 3, TokenScope.WRITE)
    clock.at = MADE + after
    assert accounts.find_token(text) == ((ana, token) if is_good else None)


def test_a_token_reads_unless_somebody_wanted_more(accounts: Accounts) -> None:
    ana = accounts.get_account("ana")
    assert accounts.make_token(ana, "looks", 1)[0].scope == "read"
    assert accounts.make_token(ana, "changes", 1, TokenScope.WRITE)[0].scope == "write"
    assert {(t.name, t.scope) for t in accounts.list_tokens(ana)} == {("looks", "read"), ("changes", "write")}


@pytest.mark.parametrize("text", ["", "rb_", "rb_of-nobody", "Ana"])
def test_another_text_is_nobodys(accounts: Accounts, text: str) -> None:
    accounts.make_token(accounts.get_account(None), "nightly", 3)
    assert accounts.find_token(text) is None


def test_a_token_is_ended_by_the_beginning_of_its_id(accounts: Accounts) -> None:
    ana = accounts.get_account(None)
    token, text = accounts.make_token(ana, "nightly", 3)
    ben = accounts.make("Ben", "correct horse battery")
    for account, given in ((ana, ""), (ana, "zz"), (ben, token.token_id)):
        with pytest.raises(InputError, match="no token"):
            accounts.revoke_token(account, given)
    assert accounts.revoke_token(ana, token.token_id[:8]) == token
    assert accounts.find_token(text) is None


@pytest.mark.parametrize(
    ("name", "days"), [("", 1), (" ", 1), ("a\x00b", 1), ("x" * 101, 1), ("x", 0), ("x", 367)], ids=repr
)
def test_a_token_that_cannot_be_is_refused(accounts: Accounts, name: str, days: int) -> None:
    with pytest.raises(InputError) as refused:
        accounts.make_token(accounts.get_account(None), name, days)
    assert refused.value.code == "account.bad-token"


def test_an_account_has_so_many_tokens_at_most(accounts: Accounts) -> None:
    ana = accounts.get_account(None)
    for number in range(MOST_TOKENS):
        accounts.make_token(ana, f"t{number}", 1)
    with pytest.raises(InputError) as refused:
        accounts.make_token(ana, "one more", 1)
    assert refused.value.code == "token.too-many"


def test_an_account_is_named_where_there_are_several(accounts: Accounts) -> None:
    accounts.make("Ben", "correct horse battery")
    for name in (None, "Cleo"):
        with pytest.raises(InputError) as refused:
            accounts.get_account(name)
        assert (refused.value.code, "Ana, Ben" in refused.value.remedy) == ("account.unknown", True)
    assert accounts.get_account("BEN").name == "Ben"
