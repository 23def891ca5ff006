from __future__ import annotations

import gzip
import zlib

import pytest

from riskbridge.source.body import (
    DamagedBodyError,
    OversizedBodyError,
    UnknownEncodingError,
    decode_body,
)

JSON = b'{"value":[' + b",".join(b'{"id":"%d"}' % n for n in range(500)) + b"]}"


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        pytest.param(JSON, "", id="no encoding"),
        pytest.param(JSON, "identity", id="identity"),
        pytest.param(gzip.compress(JSON), "gzip", id="gzip"),
        pytest.param(gzip.compress(JSON[:99]) + gzip.compress(JSON[99:]), "GZIP", id="gzip of two members"),
        pytest.param(zlib.compress(JSON), "deflate", id="deflate with a zlib header"),
        pytest.param(raw_deflate(JSON), "deflate", id="raw deflate, as Defender sends it"),
        pytest.param(gzip.compress(JSON), "deflate", id="gzip labelled deflate"),
        pytest.param(JSON, "gzip", id="unpacked by a proxy that kept the header"),
    ],
)
def test_body_is_decoded_whatever_its_form(raw: bytes, encoding: str) -> None:
    assert decode_body(raw, encoding, limit_bytes=len(JSON)) == JSON


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_a_compressed_body_that_is_cut_off_is_damaged(pack: object) -> None:
    raw = pack(JSON)  # type: ignore[operator]
    with pytest.raises(DamagedBodyError):
        decode_body(raw[: len(raw) // 2], "gzip", limit_bytes=10**6)


def test_a_body_is_never_unpacked_beyond_the_bound() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(OversizedBodyError):
        decode_body(bomb, "gzip", limit_bytes=1_000_000)


def test_members_of_a_gzip_body_share_the_bound() -> None:
    with pytest.raises(OversizedBodyError):
        decode_body(gzip.compress(bytes(600)) * 2, "gzip", limit_bytes=1000)


def test_an_encoding_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(UnknownEncodingError, match="br"):
        decode_body(b"\x00", "br", limit_bytes=10)
