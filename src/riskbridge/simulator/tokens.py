"""Access tokens: signed by the simulator's own key, checked as the API checks them, and revocable for tests."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_BACKDATED_S = 300


class Tokens:
    """Issues and checks JWTs (RS256); the key lives as long as the object.

    Args:
        tenant_id: The tenant named in them.
        clock: Seconds since 1970.
    """

    def __init__(self, tenant_id: str, clock: Callable[[], float]) -> None:
        self._tenant_id = tenant_id
        self._clock = clock
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = uuid.uuid4().hex
        self._alive: set[str] = set()

    def issue(self, audience: str, client_id: str, roles: tuple[str, ...], life_s: int) -> str:
        """A token that lives `life_s` seconds; its start is five minutes back, as the real one's is."""
        now, identity = int(self._clock()), uuid.uuid4().hex
        issuer = f"https://sts.windows.net/{self._tenant_id}/"
        claims: dict[str, object] = {
            "aud": audience,
            "iss": issuer,
            "iat": now - _BACKDATED_S,
            "nbf": now - _BACKDATED_S,
            "exp": now + life_s + 1,
            "aio": identity[:22],
            "appid": client_id,
            "appidacr": "1",
            "idp": issuer,
            "oid": client_id,
            "rh": "0.",
            **({"roles": list(roles)} if roles else {}),
            "sub": client_id,
            "tid": self._tenant_id,
            "uti": identity,
            "ver": "1.0",
        }
        self._alive.add(identity)
        signed = f"{_encoded({'typ': 'JWT', 'alg': 'RS256', 'kid': self._key_id})}.{_encoded(claims)}"
        return f"{signed}.{_unpadded(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """The claims of a token of this issuer, alive and not revoked; else None."""
        try:
            head, body, signature = token.split(".")
            signed = f"{head}.{body}".encode()
            self._key.public_key().verify(_decoded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            return None
        claims: dict[str, Any] = json.loads(_decoded(body))
        return claims if claims["exp"] > self._clock() and claims["uti"] in self._alive else None

    def revoke_issued(self) -> None:
        """Refuse every token issued until now."""
        self._alive.clear()

    def key_set(self) -> dict[str, object]:
        """The public key as a JSON web key set."""
        numbers = self._key.public_key().public_numbers()
        modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
        key = {"kty": "RSA", "use": "sig", "kid": self._key_id, "n": _unpadded(modulus), "e": "AQAB"}
        return {"keys": [key]}


def _encoded(values: dict[str, Any]) -> str:
    return _unpadded(json.dumps(values, separators=(",", ":")).encode())


def _unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
