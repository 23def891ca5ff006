"""Bodies as sent to bodies as meant: gzip, zlib and raw deflate undone, never beyond a bound, never half."""

from __future__ import annotations

import zlib

from isal import isal_zlib

LARGEST_KEPT_BYTES = 1 << 30
_BROKEN: type[Exception] = isal_zlib.error  # type: ignore[assignment] # its stub takes the class for an instance
GZIP_WBITS, ZLIB_WBITS, RAW_WBITS = 31, 15, -15


class DamagedBodyError(ValueError):
    """The compressed bytes are broken or end too early; asking again may help."""


class OversizedBodyError(ValueError):
    """The body is larger than the bound, decoded or not."""


class UnknownEncodingError(ValueError):
    """The body is in an encoding that was not asked for."""


def decode_body(raw: bytes, content_encoding: str, *, limit_bytes: int) -> bytes:
    """The decoded body.

    The form is told by the first bytes rather than by the header alone: Defender sends `deflate` without its zlib
    header (raw deflate, recorded 2024), and proxies unpack a body while they keep its header.

    Args:
        raw: The bytes as sent.
        content_encoding: The `Content-Encoding` header, empty when there was none.
        limit_bytes: The most that is decoded.

    Raises:
        DamagedBodyError: Broken or cut off.
        OversizedBodyError: More than `limit_bytes`.
        UnknownEncodingError: Neither identity, gzip nor deflate.
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return raw
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnknownEncodingError(encoding)
    if raw[:2] == b"\x1f\x8b":
        return gunzip(raw, limit_bytes=limit_bytes)
    if raw[:1] in (b"", b"{", b"["):
        return raw
    is_zlib = len(raw) > 1 and raw[0] & 0x0F == zlib.DEFLATED and (raw[0] << 8 | raw[1]) % 31 == 0
    body, _ = _inflate(raw, ZLIB_WBITS if is_zlib else RAW_WBITS, limit_bytes)
    return body


def decode_kept(raw: bytes) -> bytes:
    """The text of a JSON body that was kept as sent, whatever its encoding was; errors as in `decode_body`."""
    return decode_body(raw, "gzip", limit_bytes=LARGEST_KEPT_BYTES)


def gunzip(raw: bytes, *, limit_bytes: int) -> bytes:
    """All members of a gzip body; errors as in `decode_body`."""
    parts: list[bytes] = []
    left = limit_bytes
    while raw[:2] == b"\x1f\x8b":
        part, raw = _inflate(raw, GZIP_WBITS, left)
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflate(raw: bytes, wbits: int, limit_bytes: int) -> tuple[bytes, bytes]:
    decoder = isal_zlib.decompressobj(wbits)  # a quarter of what zlib takes
    try:
        body = decoder.decompress(raw, limit_bytes + 1)
    except _BROKEN as error:
        raise DamagedBodyError(f"its compression is damaged ({error})") from error
    if len(body) > limit_bytes:
        raise OversizedBodyError
    if not decoder.eof:
        raise DamagedBodyError("it is cut off")
    return body, decoder.unused_data
