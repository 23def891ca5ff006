"""Feeds carried to a home without internet, and archives that somebody tampered with."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from riskbridge.app import App
from riskbridge.bundles import import_bundle, make_bundle, trust_key
from riskbridge.config import load_settings
from riskbridge.errors import InputError
from riskbridge.feeds import import_feed

EPSS = "#model_version:v1,score_date:{day}T00:00:00Z\ncve,epss,percentile\nCVE-2024-3094,0.9,0.99\n"
MODULES = "cve,module,name\nCVE-2024-3094,exploit/linux/xz,xz\n"


def opened(folder: Path, name: str) -> App:
    return App(load_settings(home=folder / name, environment={}))


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[App]:
    """A home with two feeds."""
    (tmp_path / "epss.csv").write_text(EPSS.format(day="2026-11-20"))
    (tmp_path / "modules.csv").write_text(MODULES)
    with opened(tmp_path, "maker") as app:
        import_feed(app, "epss", str(tmp_path / "epss.csv"))
        import_feed(app, "exploits", str(tmp_path / "modules.csv"))
        yield app


def test_feeds_travel_in_a_signed_archive(maker: App, tmp_path: Path) -> None:
    path = tmp_path / "feeds.zip"
    made = make_bundle(maker, path)
    assert make_bundle(maker, path)["key"] == made["key"]
    with opened(tmp_path, "taker") as taker:
        with pytest.raises(InputError, match="does not trust") as caught:
            import_bundle(taker, path)
        assert caught.value.code == "feeds.untrusted"
        trust_key(taker, made["key"])
        assert {r["feed"]: r["state"] for r in import_bundle(taker, path)} == {"epss": "new", "exploits": "new"}
        taken, sent = taker.feeds.current("epss"), maker.feeds.current("epss")
        assert taken is not None
        assert sent is not None
        assert (taken.released_on, taken.sha256, taken.cves) == (sent.released_on, sent.sha256, sent.cves)
        assert taker.feeds.path(taken).read_bytes()
        assert {r["state"] for r in import_bundle(taker, path)} == {"kept"}
        (tmp_path / "newer.csv").write_text(EPSS.format(day="2026-11-23").replace("0.9,", "0.5,"))
        import_feed(taker, "epss", str(tmp_path / "newer.csv"))
        assert {r["state"] for r in import_bundle(taker, path)} == {"kept"}


@pytest.mark.parametrize("part", ["manifest.json", "manifest.sig", "epss.parquet"])
def test_an_archive_that_was_changed_is_refused_whole(maker: App, tmp_path: Path, part: str) -> None:
    path, changed = tmp_path / "feeds.zip", tmp_path / "changed.zip"
    key = make_bundle(maker, path)["key"]
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == part:
                body = body.replace(b"2026-11-20", b"2026-11-29") if name == "manifest.json" else b"A" + body[1:]
            new.writestr(name, body)
    with opened(tmp_path, "taker") as taker:
        trust_key(taker, key)
        with pytest.raises(InputError, match=r"signature is wrong|not what was signed") as caught:
            import_bundle(taker, changed)
        assert caught.value.code == "feeds.broken"
        assert taker.feeds.current("epss") is taker.feeds.current("exploits") is None


@pytest.mark.parametrize(
    ("body", "code"),
    [pytest.param(b"", "feeds.broken", id="empty"), pytest.param(b"PK\x03\x04 cut off", "feeds.broken", id="cut off")],
)
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, body: bytes, code: str) -> None:
    (tmp_path / "feeds.zip").write_bytes(body)
    with opened(tmp_path, "taker") as taker, pytest.raises(InputError) as caught:
        import_bundle(taker, tmp_path / "feeds.zip")
    assert caught.value.code == code


def test_what_cannot_be_bundled_or_trusted_is_said(tmp_path: Path) -> None:
    with opened(tmp_path, "taker") as taker:
        with pytest.raises(InputError, match="nothing to bundle"):
            make_bundle(taker, tmp_path / "feeds.zip")
        with pytest.raises(InputError, match="cannot be read"):
            import_bundle(taker, tmp_path / "nowhere.zip")
        for key in ("", "ed25519:", "rsa:AAAA", "ed25519:!!"):
            with pytest.raises(InputError, match="no public key"):
                trust_key(taker, key)


def test_the_signing_key_is_sealed_and_its_owners_alone(maker: App, tmp_path: Path) -> None:
    make_bundle(maker, tmp_path / "feeds.zip")
    key = maker.settings.feeds_path / "signing.key"
    assert key.stat().st_mode & 0o077 == 0
    assert maker.secrets.open(key.read_text()) != key.read_text()
