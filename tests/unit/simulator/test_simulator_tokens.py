from __future__ import annotations

import base64
import json
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from riskbridge.errors import ConfigError
from riskbridge.simulator.authority import ensure_certificates
from riskbridge.simulator.tokens import Tokens

TENANT = "11111111-1111-4111-8111-111111111111"


@dataclass
class Clock:
    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_token_reads_like_the_real_one() -> None:
    clock = Clock()
    tokens = Tokens(TENANT, clock)
    claims = tokens.claims(tokens.issue("https://api", "app", ("Machine.Read.All",), 3599))
    assert claims is not None
    assert {k: v for k, v in claims.items() if k not in ("aio", "uti", "rh")} == {
        "aud": "https://api",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": 1_799_999_700,
        "nbf": 1_799_999_700,
        "exp": 1_800_003_600,
        "appid": "app",
        "appidacr": "1",
        "idp": f"https://sts.windows.net/{TENANT}/",
        "oid": "app",
        "roles": ["Machine.Read.All"],
        "sub": "app",
        "tid": TENANT,
        "ver": "1.0",
    }
    assert claims["exp"] - claims["iat"] == 3900


def test_an_application_without_permissions_gets_no_roles_claim() -> None:
    tokens = Tokens(TENANT, Clock())
    claims = tokens.claims(tokens.issue("https://api", "app", (), 60))
    assert claims is not None
    assert "roles" not in claims


def test_a_token_ends() -> None:
    clock = Clock()
    tokens = Tokens(TENANT, clock)
    token = tokens.issue("https://api", "app", (), 60)
    clock.now_s += 62
    assert tokens.claims(token) is None


def test_a_revoked_token_is_refused_and_a_later_one_is_not() -> None:
    tokens = Tokens(TENANT, Clock())
    old = tokens.issue("https://api", "app", (), 60)
    tokens.revoke_issued()
    assert tokens.claims(old) is None
    assert tokens.claims(tokens.issue("https://api", "app", (), 60)) is not None


def forged(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(claims | {"aud": "https://other"}).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


def test_what_was_not_signed_here_is_refused() -> None:
    tokens, others = Tokens(TENANT, Clock()), Tokens(TENANT, Clock())
    token = tokens.issue("https://api", "app", (), 60)
    wrong = ["", "x", "a.b.c", "é.é.é", forged(token), others.issue("https://api", "app", (), 60)]
    assert [tokens.claims(t) for t in wrong] == [None] * len(wrong)


def test_the_authority_is_kept_and_its_certificates_are_trusted(tmp_path: Path) -> None:
    bundle, server = ensure_certificates(tmp_path / "home")
    first = bundle.read_bytes()
    again, later = ensure_certificates(tmp_path / "home")
    assert (again, again.read_bytes()) == (bundle, first)
    ssl.create_default_context(cafile=str(bundle))
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(later)
    assert server.stat().st_mode & 0o077 == 0
    assert (tmp_path / "home" / "authority.pem").stat().st_mode & 0o077 == 0


def test_a_home_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ConfigError, match="home") as caught:
        ensure_certificates(tmp_path / "home")
    assert caught.value.code == "simulator.home"
