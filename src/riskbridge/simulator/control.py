"""The control API under `/_simulator/`: what the world is, changes to it, faults, and what was asked of it.

It is for whoever runs the simulator: no login, loopback alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.errors import InputError
from riskbridge.simulator.api import DefenderApi, World
from riskbridge.simulator.entra import Entra
from riskbridge.simulator.faults import Faults

_Values = dict[str, Any]


class Control:
    """Steers the world, the login host and the faults."""

    def __init__(self, world: World, api: DefenderApi, entra: Entra, faults: Faults) -> None:
        self._world = world
        self._api = api
        self._entra = entra
        self._faults = faults

    def routes(self) -> list[Route]:
        """The control API's paths."""
        posts: dict[str, Callable[[_Values], object]] = {
            "patch": lambda v: {"changed": self._world.patch(_text(v, "machineId"), v.get("productName"))},
            "upgrade": lambda v: {"changed": self._world.upgrade(_text(v, "machineId"), _text(v, "productName"))},
            "remove-device": lambda v: {"changed": self._world.remove_device(_text(v, "machineId"))},
            "seen": lambda v: {"changed": self._world.let_days_pass(_whole(v, "days"))},
            "faults": lambda v: {"armed": self._faults.arm(v)},
            "directory": self._change_directory,
        }
        return [
            Route("/_simulator/truth", self._truth),
            Route("/_simulator/requests", self._requests, methods=["GET", "DELETE"]),
            Route("/_simulator/faults", self._clear_faults, methods=["DELETE"]),
            *(Route(f"/_simulator/{name}", _posted(do), methods=["POST"]) for name, do in posts.items()),
        ]

    async def _truth(self, request: Request) -> Response:
        del request
        return JSONResponse(self._world.truth())

    async def _requests(self, request: Request) -> Response:
        answer = JSONResponse(list(self._api.requests))
        if request.method == "DELETE":
            self._api.requests.clear()
        return answer

    async def _clear_faults(self, request: Request) -> Response:
        del request
        self._faults.clear()
        return JSONResponse({"armed": 0})

    def _change_directory(self, values: _Values) -> object:
        """Set the application's roles, disable it, or let its secret expire; tokens issued before stay as they are."""
        self._entra.roles = tuple(values.get("roles", self._entra.roles))
        self._entra.is_disabled = bool(values.get("isDisabled", self._entra.is_disabled))
        self._entra.is_secret_expired = bool(values.get("isSecretExpired", self._entra.is_secret_expired))
        return {
            "roles": list(self._entra.roles),
            "isDisabled": self._entra.is_disabled,
            "isSecretExpired": self._entra.is_secret_expired,
        }


def _posted(change: Callable[[_Values], object]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            values = json.loads(await request.body())
            if not isinstance(values, dict):
                raise _bad_body("The body is no JSON object.")
            return JSONResponse(change(values))
        except ValueError:
            return JSONResponse(_bad_body("The body is no JSON.").as_dict(), 400)
        except InputError as error:
            return JSONResponse(error.as_dict(), 404 if error.code == "simulator.unknown-device" else 400)

    return answer


def _text(values: _Values, name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise _bad_body(f"The body has no text {name!r}.")
    return value


def _whole(values: _Values, name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int):
        raise _bad_body(f"The body has no whole number {name!r}.")
    return value


def _bad_body(text: str) -> InputError:
    return InputError(text, code="simulator.bad-body", remedy="Send the JSON object that the control API describes.")
