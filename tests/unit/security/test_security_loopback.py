"""The secret by which commands and the server that works for them know each other."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from riskbridge.errors import RetryableError
from riskbridge.security.loopback import FILE_NAME, forget_secret, is_proven, make_secret, prove, read_secret

NONCES = ("a" * 64, "b" * 64)


def test_each_start_has_a_secret_of_its_own_for_its_user_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("old")
    (tmp_path / FILE_NAME).chmod(0o644)
    first = make_secret(tmp_path)
    assert (read_secret(tmp_path), stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode)) == (first, 0o600)
    assert make_secret(tmp_path) != first
    forget_secret(tmp_path)
    forget_secret(tmp_path)
    with pytest.raises(RetryableError) as caught:
        read_secret(tmp_path)
    assert caught.value.code == "home.no-token"


def test_a_link_in_the_secrets_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")
    make_secret(tmp_path)
    assert ((tmp_path / "elsewhere").read_text(), (tmp_path / FILE_NAME).is_symlink()) == ("kept", False)


@pytest.mark.parametrize(
    ("side", "nonces", "proof"),
    [
        pytest.param("server", NONCES, prove("s", "client", NONCES), id="the other side's"),
        pytest.param("client", ("c" * 64, NONCES[1]), prove("s", "client", NONCES), id="of another greeting"),
        pytest.param("client", NONCES, prove("t", "client", NONCES), id="by another secret"),
        pytest.param("client", NONCES, None, id="none"),
        pytest.param("client", NONCES, "ü", id="no ascii"),
        pytest.param("client", NONCES, "\ud800", id="half a letter"),
    ],
)
def test_what_proves_nothing_is_no_proof(side: str, nonces: tuple[str, str], proof: object) -> None:
    assert not is_proven("s", side, nonces, proof)


def test_who_knows_the_secret_proves_it() -> None:
    assert is_proven("s", "client", NONCES, prove("s", "client", NONCES))
