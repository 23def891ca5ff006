"""Certificates and federated tokens as files: what is read, and what is said of those that cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from riskbridge.errors import ConfigError, InputError
from riskbridge.source.defender.clouds import CLOUDS, find_cloud
from riskbridge.source.defender.credentials import read_certificate, read_federated_token
from riskbridge.source.defender.settings import DefenderSettings

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key: Any = KEY, days: int = 90) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "riskbridge")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(days=400))
    return builder.not_valid_after(now + timedelta(days=days)).sign(KEY, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(c.public_bytes(form.Encoding.PEM) for c in certificates)


def key_pem(key: Any = KEY, passphrase: bytes | None = None, style: Any = form.PrivateFormat.PKCS8) -> bytes:
    lock = form.BestAvailableEncryption(passphrase) if passphrase else form.NoEncryption()
    return bytes(key.private_bytes(form.Encoding.PEM, style, lock))


def pfx(passphrase: bytes) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"name", KEY, certificate(), [certificate(OTHER)], form.BestAvailableEncryption(passphrase)
    )


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        pytest.param(pem(certificate()) + key_pem(), "", id="certificate first"),
        pytest.param(key_pem() + pem(certificate()), "", id="key first"),
        pytest.param(
            key_pem(style=form.PrivateFormat.TraditionalOpenSSL) + pem(certificate()), "", id="older key form"
        ),
        pytest.param(key_pem(passphrase=b"open") + pem(certificate()), "open", id="encrypted key"),
        pytest.param(pem(certificate(OTHER), certificate()) + key_pem(), "", id="with its issuer"),
        pytest.param(pfx(b"open"), "open", id="pfx"),
    ],
)
def test_a_certificate_is_read_from_every_usual_file(tmp_path: Path, content: bytes, passphrase: str) -> None:
    file = tmp_path / "client"
    file.write_bytes(content)
    found = read_certificate(file, passphrase)
    assert x509.load_pem_x509_certificate(found.certificate_pem.encode()).public_key() == KEY.public_key()
    assert found.thumbprint == found.thumbprint.upper()
    assert found.expires_at > datetime.now(UTC)
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize(
    ("content", "passphrase", "code", "said"),
    [
        pytest.param(None, "", "defender.bad-certificate", "No such file", id="missing"),
        pytest.param(b"", "", "defender.bad-certificate", "cannot be read", id="empty"),
        pytest.param(b"\x00\x01garbage", "", "defender.bad-certificate", "cannot be read", id="garbage"),
        pytest.param(pem(certificate()), "", "defender.bad-certificate", "no private key", id="no key"),
        pytest.param(key_pem(), "", "defender.bad-certificate", "no certificate of its key", id="no certificate"),
        pytest.param(
            key_pem() + pem(certificate(OTHER)),
            "",
            "defender.bad-certificate",
            "no certificate of its key",
            id="other key",
        ),
        pytest.param(
            key_pem(passphrase=b"open") + pem(certificate()), "", "defender.bad-certificate", "passphrase", id="locked"
        ),
        pytest.param(pfx(b"open"), "shut", "defender.bad-certificate", "passphrase", id="wrong passphrase"),
        pytest.param(
            key_pem(ec.generate_private_key(ec.SECP256R1())) + pem(certificate()),
            "",
            "defender.bad-certificate",
            "not an RSA key",
            id="elliptic key",
        ),
        pytest.param(
            key_pem() + pem(certificate(days=-1)), "", "defender.expired-certificate", "expired on", id="expired"
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    tmp_path: Path, content: bytes | None, passphrase: str, code: str, said: str
) -> None:
    file = tmp_path / "client"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read_certificate(file, passphrase)
    assert caught.value.code == code
    assert caught.value.remedy


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"], ids=["missing", "empty", "blank", "no text"])
def test_a_federated_token_that_is_not_there_says_so(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_federated_token(file)
    assert caught.value.code == "defender.no-federated-token"


def test_a_federated_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a.b.c\n")
    assert read_federated_token(tmp_path / "token") == "a.b.c"


def test_clouds_are_usable_settings_and_found_in_any_letter_case() -> None:
    for name, cloud in CLOUDS.items():
        assert find_cloud(name.upper()) == cloud
        made = DefenderSettings(cloud.login_url, cloud.api_url, cloud.audience, "contoso.com", "id", "secret")
        assert made.api_url == cloud.api_url
    with pytest.raises(InputError, match="no cloud named 'gcc-hihg'") as caught:
        find_cloud("gcc-hihg")
    assert "gcc-high" in caught.value.remedy


def test_a_certificate_and_a_federated_token_together_are_refused(tmp_path: Path) -> None:
    cloud = CLOUDS["commercial"]
    with pytest.raises(ConfigError) as caught:
        DefenderSettings(
            cloud.login_url,
            cloud.api_url,
            cloud.audience,
            "contoso.com",
            "id",
            certificate=tmp_path / "a",
            federated_token_file=tmp_path / "b",
        )
    assert caught.value.code == "defender.two-credentials"
