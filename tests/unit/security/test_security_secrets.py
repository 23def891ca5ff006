import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from riskbridge.errors import ConfigError, FatalError, InputError
from riskbridge.security.masking import mask
from riskbridge.security.secrets import SecretStore

CLEAR = "S3cret~value with äöü"


@pytest.fixture
def secrets(tmp_path: Path) -> SecretStore:
    return SecretStore(tmp_path)


def test_what_is_sealed_opens_again_and_does_not_show(secrets: SecretStore) -> None:
    sealed = secrets.seal(CLEAR)
    assert secrets.open(sealed) == CLEAR
    assert sealed.startswith("sealed:")
    assert CLEAR not in sealed


def test_sealing_twice_gives_two_texts(secrets: SecretStore) -> None:
    assert secrets.seal(CLEAR) != secrets.seal(CLEAR)


def test_another_store_on_the_home_opens_it(secrets: SecretStore, tmp_path: Path) -> None:
    assert SecretStore(tmp_path).open(secrets.seal(CLEAR)) == CLEAR


@pytest.mark.parametrize("reference", ["env:NAME", "file:/run/secrets/defender"], ids=["env", "file"])
def test_a_reference_stays_a_reference(secrets: SecretStore, tmp_path: Path, reference: str) -> None:
    assert secrets.seal(reference) == reference
    assert list(tmp_path.iterdir()) == []


def test_what_is_sealed_already_stays(secrets: SecretStore) -> None:
    sealed = secrets.seal(CLEAR)
    assert secrets.seal(sealed) == sealed


@pytest.mark.parametrize("clear", ["", "  ", "\n"], ids=["empty", "blank", "newline"])
def test_nothing_cannot_be_sealed(secrets: SecretStore, clear: str) -> None:
    with pytest.raises(InputError, match="The secret is empty"):
        secrets.seal(clear)


def test_the_key_is_private_and_made_when_first_needed(secrets: SecretStore, tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []
    secrets.seal(CLEAR)
    (key,) = tmp_path.iterdir()
    assert (key.name, stat.S_IMODE(key.stat().st_mode)) == ("secret.key", 0o600)


def test_opening_makes_no_key(secrets: SecretStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        secrets.open("sealed:gAAAAA")
    assert (caught.value.code, list(tmp_path.iterdir())) == ("secret.undecryptable", [])


def test_an_environment_reference_is_looked_up_when_used(secrets: SecretStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFENDER_SECRET", CLEAR)
    assert secrets.open("env:DEFENDER_SECRET") == CLEAR


def test_a_file_reference_is_read_without_its_line_end(secrets: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "mounted").write_text(CLEAR + "\r\n")
    assert secrets.open(f"file:{tmp_path / 'mounted'}") == CLEAR


def test_a_reference_that_leads_nowhere_is_named(
    secrets: SecretStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY", " ")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for where in (
        "env:NOT_SET",
        "env:EMPTY",
        f"file:{tmp_path / 'gone'}",
        f"file:{tmp_path}",
        f"file:{tmp_path / 'empty'}",
    ):
        with pytest.raises(ConfigError) as caught:
            secrets.open(where)
        assert caught.value.code == "secret.missing"
        assert where.split(":", 1)[1] in caught.value.message


def test_another_key_is_told_with_the_remedy(secrets: SecretStore, tmp_path: Path) -> None:
    sealed = secrets.seal(CLEAR)
    (tmp_path / "secret.key").write_bytes(Fernet.generate_key())
    with pytest.raises(ConfigError, match="enter the secret again") as caught:
        secrets.open(sealed)
    assert caught.value.code == "secret.undecryptable"
    assert CLEAR not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a key", b"\xff\xff"], ids=["empty", "text", "bytes"])
def test_a_damaged_key_file_is_told(secrets: SecretStore, tmp_path: Path, content: bytes) -> None:
    secrets.seal(CLEAR)
    (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        secrets.seal(CLEAR)
    assert (caught.value.code, (tmp_path / "secret.key").read_bytes()) == ("secret.bad-key", content)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o777], ids=oct)
def test_a_key_that_others_can_read_is_refused(secrets: SecretStore, tmp_path: Path, mode: int) -> None:
    sealed = secrets.seal(CLEAR)
    (tmp_path / "secret.key").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        secrets.open(sealed)
    assert caught.value.code == "secret.key-exposed"


def test_a_home_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FatalError) as caught:
        SecretStore(tmp_path / "gone").seal(CLEAR)
    assert caught.value.code == "secret.disk"


def test_keys_rotate_without_losing_a_secret(secrets: SecretStore, tmp_path: Path) -> None:
    old = secrets.seal(CLEAR)
    secrets.add_key()
    assert secrets.open(old) == CLEAR
    new = secrets.reseal(old)
    secrets.drop_old_keys()
    assert secrets.open(new) == CLEAR
    with pytest.raises(ConfigError, match="cannot be decrypted"):
        secrets.open(old)
    assert len((tmp_path / "secret.key").read_bytes().split()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["secret.key"]


def test_a_reference_is_resealed_as_it_is(secrets: SecretStore) -> None:
    assert secrets.reseal("env:NAME") == "env:NAME"


def test_the_store_shows_where_its_key_is_and_nothing_else(secrets: SecretStore, tmp_path: Path) -> None:
    secrets.seal(CLEAR)
    assert repr(secrets) == f"SecretStore('{tmp_path}/secret.key')"


def test_an_opened_secret_is_masked_from_then_on(secrets: SecretStore, tmp_path: Path) -> None:
    (tmp_path / "mounted").write_text("opened-Xy7.value")
    secrets.open(f"file:{tmp_path / 'mounted'}")
    assert mask("POST with opened-Xy7.value failed") == "POST with *** failed"
