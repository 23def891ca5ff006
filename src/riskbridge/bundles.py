"""Feeds for places without internet: one signed archive with days and hashes, made in one home and taken by another."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from riskbridge.app import App
from riskbridge.errors import InputError
from riskbridge.model.feed import FEED_KINDS, FeedVersion
from riskbridge.security.signing import SigningKey, is_signed, require_key

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "riskbridge-feeds-1"
TRUSTED = "feeds.trusted-keys"
LARGEST_BUNDLE_BYTES = 512 << 20
_MANIFEST, _SIGNATURE = "manifest.json", "manifest.sig"
_DAY = (1980, 1, 1, 0, 0, 0)


class _Entry(msgspec.Struct):
    file: str
    sha256: str
    version: FeedVersion


class _Manifest(msgspec.Struct):
    format: str
    made_at: datetime
    key: str
    feeds: list[_Entry]


def make_bundle(app: App, path: Path) -> dict[str, Any]:
    """Write the feeds in use to a signed archive; gives its path, the public key to trust, and what it holds.

    Raises:
        InputError: `feeds.nothing`: no feed was ever read; `feeds.unreadable`: the file cannot be written.
    """
    versions = [v for kind in FEED_KINDS if (v := app.feeds.current(kind)) is not None]
    if not versions:
        raise InputError(
            "No feed was read yet, so there is nothing to bundle.",
            code="feeds.nothing",
            remedy="Read them first with: riskbridge feeds refresh",
        )
    key = SigningKey(app.settings.feeds_path / "signing.key", app.secrets)
    bodies = {f"{v.kind}.parquet": app.feeds.path(v).read_bytes() for v in versions}
    entries = [
        _Entry(f"{v.kind}.parquet", hashlib.sha256(bodies[f"{v.kind}.parquet"]).hexdigest(), v) for v in versions
    ]
    manifest = msgspec.json.encode(_Manifest(FORMAT, app.now(), key.public, entries))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in {_MANIFEST: manifest, _SIGNATURE: key.sign(manifest).encode(), **bodies}.items():
            archive.writestr(zipfile.ZipInfo(name, _DAY), body)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_bytes(packed.getvalue())
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"The bundle {path} cannot be written: {error.strerror}.",
            code="feeds.unreadable",
            remedy="Name a file in a folder that this user may write.",
        ) from error
    app.store.record("feeds.bundled", str(path), {"feeds": [v.kind for v in versions]})
    return {"path": str(path), "key": key.public, "feeds": [_told(v) for v in versions]}


def trust_key(app: App, public: str) -> list[str]:
    """Take bundles signed with a key from now on; gives all trusted keys.

    Raises:
        InputError: `feeds.bad-key`.
    """
    keys = sorted({*(app.store.find_setting(TRUSTED) or []), require_key(public)})
    app.store.save_setting(TRUSTED, keys)
    return keys


def import_bundle(app: App, path: Path) -> list[dict[str, Any]]:
    """Take the feeds of a bundle whose signature and hashes are right; gives for each whether it is `new` or `kept`.

    Everything is checked before the first feed is taken. Feeds no newer than those in use are left as they are.

    Raises:
        InputError: `feeds.unreadable`, `feeds.broken` (damaged or changed), `feeds.untrusted` (signed with a key that this
            home does not trust).
    """
    manifest, bodies = _checked(app, path)
    tables = [(entry.version, _rows(entry, bodies[entry.file], path)) for entry in manifest.feeds]
    done = []
    for version, rows in tables:
        used = app.feeds.current(version.kind)
        is_new = used is None or (version.day > used.day and version.sha256 != used.sha256)
        if is_new:
            app.feeds.add(replace(version, location=str(path), etag=None, last_modified=None), rows)
        done.append(_told(version) | {"state": "new" if is_new else "kept"})
    app.store.record("feeds.unbundled", str(path), {"feeds": done, "key": manifest.key})
    return done


def _checked(app: App, path: Path) -> tuple[_Manifest, dict[str, bytes]]:
    manifest, bodies = _unpacked(path)
    _require_trusted(app, manifest.key, path)
    if not is_signed(bodies[_MANIFEST], bodies[_SIGNATURE].decode("ascii", "replace"), manifest.key):
        raise _broken(path, "its signature is wrong")
    if manifest.format != FORMAT:
        raise _broken(path, f"it is of the form {manifest.format[:40]!r}, which this release does not know")
    for entry in manifest.feeds:
        body = bodies.get(entry.file)
        if body is None or hashlib.sha256(body).hexdigest() != entry.sha256:
            raise _broken(path, f"{entry.file[:80]} is not what was signed")
    return manifest, bodies


def _unpacked(path: Path) -> tuple[_Manifest, dict[str, bytes]]:
    try:
        if path.stat().st_size > LARGEST_BUNDLE_BYTES:
            raise _broken(path, f"it is larger than {LARGEST_BUNDLE_BYTES >> 20} MiB")
        with zipfile.ZipFile(path) as archive:
            if sum(f.file_size for f in archive.infolist()) > LARGEST_BUNDLE_BYTES:
                raise _broken(path, f"it unpacks to more than {LARGEST_BUNDLE_BYTES >> 20} MiB")
            bodies = {name: archive.read(name) for name in archive.namelist()}
        if _SIGNATURE not in bodies:
            raise _broken(path, "it is not signed")
        return msgspec.json.decode(bodies[_MANIFEST], type=_Manifest), bodies
    except OSError as error:
        raise InputError(
            f"The bundle {path} cannot be read: {error.strerror}.",
            code="feeds.unreadable",
            remedy="Give the path of a file that `riskbridge feeds bundle` wrote.",
        ) from error
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _broken(path, "it is no bundle, or it is damaged") from error


def _require_trusted(app: App, key: str, path: Path) -> None:
    trusted = app.store.find_setting(TRUSTED) or []
    own = app.settings.feeds_path / "signing.key"
    if own.exists():
        trusted = [*trusted, SigningKey(own, app.secrets).public]
    if key not in trusted:
        raise InputError(
            f"The bundle {path} is signed with the key {key[:80]}, which this home does not trust.",
            code="feeds.untrusted",
            remedy="Compare the key with the one its maker printed; if it is the same: riskbridge feeds trust KEY",
        )


def _rows(entry: _Entry, body: bytes, path: Path) -> pa.Table:
    import ibis  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from riskbridge.source.feeds import FEED_TYPES  # noqa: PLC0415

    if entry.version.kind not in FEED_TYPES:
        raise _broken(path, f"it holds '{entry.version.kind[:40]}', which is no feed of this release")
    schema = ibis.schema(FEED_TYPES[entry.version.kind]).to_pyarrow()
    try:
        return pq.read_table(io.BytesIO(body)).select(schema.names).cast(schema)
    except (pa.ArrowInvalid, KeyError, ValueError, OSError) as error:
        raise _broken(path, f"{entry.file} holds other columns") from error


def _told(version: FeedVersion) -> dict[str, Any]:
    return {"feed": version.kind, "cves": version.cves, "released_on": str(version.day)}


def _broken(path: Path, why: str) -> InputError:
    return InputError(
        f"The bundle {path} cannot be used: {why}.",
        code="feeds.broken",
        remedy="Fetch it again from who made it. The facts kept before stay in use.",
    )
