"""Answers in the service's own form: headers, compression, and the two styles of error body."""

from __future__ import annotations

import gzip
import json
import uuid
import zlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

JSON_TYPE = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"
_HEADERS = {
    "OData-Version": "4.0",
    "Vary": "Accept-Encoding",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


class ChunkedResponse(Response):
    """An answer without a stated length, which goes out in chunks as the service's do."""

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(body, 200, headers)
        del self.headers["content-length"]


class SeveredResponse(Response):
    """Promises the whole body, sends half of it, and drops the connection."""

    def __init__(self, whole: Response) -> None:
        headers = {k: v for k, v in whole.headers.items() if k != "content-length"}
        super().__init__(bytes(whole.body), whole.status_code, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send half; a response that ends unfinished makes the server close the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class ResetResponse(Response):
    """Resets the TCP connection (RST) before a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Reset the connection; the server's protocol class puts the means into the scope."""
        scope["extensions"]["riskbridge.reset"]["reset"]()


def json_answer(request: Request, body: bytes) -> Response:
    """A JSON body in the coding that the caller likes best; deflate before gzip, as the service chooses.

    Deflate is raw, without the zlib header that the standard asks for: so it was recorded.
    """
    headers = {"Content-Type": JSON_TYPE} | _HEADERS
    coding = _coding(request.headers.get("accept-encoding", ""))
    if coding == "deflate":
        packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(body) + packer.flush()
    elif coding == "gzip":
        body = gzip.compress(body, compresslevel=1, mtime=0)
    return ChunkedResponse(body, headers | ({"Content-Encoding": coding} if coding else {}))


def service_error(status: int, code: str, message: str, *, target: str | None = None) -> Response:
    """An error of the service's own: code, message and a correlation id."""
    body = {"error": {"code": code, "message": message, "target": target or str(uuid.uuid4())}}
    return Response(json.dumps(body), status, media_type="application/json; charset=utf-8")


def framework_error(message: str) -> Response:
    """A 400 of the OData framework: empty code, no target, a list of details."""
    text = f"The query specified in the URI is not valid. {message}"
    body = {"error": {"code": "", "message": text, "details": []}}
    return Response(json.dumps(body), 400, media_type="application/json; charset=utf-8")


def throttled(wait_s: int, message: str, tenant_id: str) -> Response:
    """A 429 with seconds to wait; its code is the number and its target the tenant, as observed."""
    answer = service_error(429, "429", message, target=tenant_id)
    answer.headers["Retry-After"] = str(wait_s)
    return answer


def broken_answer(kind: str | None) -> Response | None:
    """The whole answer of a fault that leaves nothing of the real one; None for other kinds."""
    match kind:
        case "server-500":
            return service_error(500, "InternalServerError", "")
        case "html-502":
            return _html_page(502, "502 Bad Gateway")
        case "not-json":
            return _html_page(200, "Sign in to continue")
        case "connection-reset":
            return ResetResponse()
    return None


def _html_page(status: int, text: str) -> Response:
    page = f"<html><head><title>{text}</title></head><body><center><h1>{text}</h1></center></body></html>"
    return Response(page, status, media_type="text/html")


def _coding(accepted: str) -> str:
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, parameters = part.strip().partition(";")
        weight = parameters.strip().removeprefix("q=")
        weights[name.strip()] = float(weight) if weight.replace(".", "", 1).isdigit() else 1.0
    liked = [(weights[name], name) for name in ("gzip", "deflate") if weights.get(name, 0) > 0]
    return max(liked, key=lambda pair: (pair[0], pair[1] == "deflate"))[1] if liked else ""
