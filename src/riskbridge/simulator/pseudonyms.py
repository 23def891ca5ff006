"""Pseudonyms by a key: the same value has the same one everywhere, each keeps its value's shape, none can be undone.

Numbers and addresses are permuted, so that two of them never become one; names and ids are shortened MACs of 50 bits and
more.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re

HEX_ID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{40}(?![0-9a-fA-F])")
GUID = re.compile(
    r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![0-9a-fA-F])"
)
MAC = re.compile(r"[0-9A-Fa-f]{2}(?P<sep>[:-]?)(?:[0-9A-Fa-f]{2}(?P=sep)){4}[0-9A-Fa-f]{2}")
_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    )
)  # fmt: skip
"""Blocks in which an address stays; another one goes to the block of `_V4_PUBLIC`."""
_V4_PUBLIC = ipaddress.IPv4Network("11.0.0.0/8")
_V6 = tuple(ipaddress.IPv6Network(text) for text in ("fe80::/64", "fc00::/7", "2001:db8::/32", "ff00::/8"))
_V6_PUBLIC = ipaddress.IPv6Network("2600::/16")
_ROUNDS = 8


class Pseudonyms:
    """Pseudonyms of one recording.

    Args:
        key: What they depend on; without it nothing leads back.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def word(self, purpose: str, value: str) -> str:
        """Ten letters and digits for a value, its letter case left out of account."""
        digest = self._digest(purpose, value.casefold())
        return base64.b32encode(digest[:8]).decode()[:10].lower()

    def hex_id(self, value: str) -> str:
        """As many hexadecimal digits, in the value's letter case."""
        digest = (self._digest("hex", value.lower()) + self._digest("hex2", value.lower())).hex()
        text = (digest * (len(value) // len(digest) + 1))[: len(value)]
        return text.upper() if value != value.lower() else text

    def guid(self, value: str) -> str:
        """A GUID; the one of zeros stays."""
        digits = value.replace("-", "")
        if not digits.strip("0"):
            return value
        made = self.hex_id(digits.lower())
        text = f"{made[:8]}-{made[8:12]}-4{made[13:16]}-8{made[17:20]}-{made[20:]}"
        return text.upper() if value != value.lower() else text

    def mac(self, value: str) -> str:
        """An address of the same maker in the same spelling; the ones of zeros and of ones stay."""
        digits = re.sub(r"[^0-9A-Fa-f]", "", value)
        if digits.upper() in ("0" * 12, "F" * 12):
            return value
        made = digits[:6] + f"{self.permuted('mac', int(digits[6:], 16), 24):06X}"
        made = made.lower() if value != value.upper() else made.upper()
        places = iter(made)
        return "".join(next(places) if c in "0123456789abcdefABCDEF" else c for c in value)

    def address(self, value: str) -> str | None:
        """An IP address of the same family and class (private, link-local, documentation, public); None for no address.

        Loopback and unspecified addresses stay. Several families of digits never meet in one pseudonym, unless a public
        address is mapped: its network is left behind.
        """
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return None
        if address.is_loopback or address.is_unspecified:
            return value
        if isinstance(address, ipaddress.IPv4Address):
            net4 = next((n for n in _V4 if address in n), _V4_PUBLIC)
            bits = 32 - net4.prefixlen
            made = self.permuted(f"v4/{net4}", int(address) & (2**bits - 1), bits)
            if net4 == _V4_PUBLIC:
                made = int.from_bytes(self._digest("v4", str(address))[:3], "big")
            return str(ipaddress.IPv4Address(int(net4.network_address) | made))
        net6 = next((n for n in _V6 if address in n), _V6_PUBLIC)
        bits = 128 - net6.prefixlen
        made = int.from_bytes(self._digest(f"v6/{net6}", str(address)), "big") & (2**bits - 1)
        return str(ipaddress.IPv6Address(int(net6.network_address) | made))

    def number(self, purpose: str, value: int) -> int:
        """Another whole number; zero stays."""
        if value <= 0:
            return value
        bits = max(24, value.bit_length() + value.bit_length() % 2)
        return 1 + self.permuted(purpose, value, bits)

    def permuted(self, purpose: str, value: int, bits: int) -> int:
        """The value's place in a keyed permutation of all numbers of so many bits."""
        high, low = bits // 2, bits - bits // 2
        left, right = value >> low, value & ((1 << low) - 1)
        for turn in range(_ROUNDS):
            # Halves of unequal size change places every turn, so each keeps its own number of bits.
            if turn % 2:
                right ^= self._mask(f"{purpose}/{bits}/{turn}", left, low)
            else:
                left ^= self._mask(f"{purpose}/{bits}/{turn}", right, high)
        return left << low | right

    def _mask(self, purpose: str, value: int, bits: int) -> int:
        return int.from_bytes(self._digest(purpose, str(value))[:8], "big") & ((1 << bits) - 1)

    def _digest(self, purpose: str, value: str) -> bytes:
        return hmac.new(self._key, f"{purpose}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
