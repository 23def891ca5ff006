"""The control API under `/_simulator/`: what the world is, changes to it, faults, and what was asked of it.

It is for whoever runs the simulator: no login, loopback alone.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from riskbridge.errors import InputError
from riskbridge.simulator.api import DefenderApi, World
from riskbridge.simulator.clock import TenantClock
from riskbridge.simulator.entra import Entra
from riskbridge.simulator.faults import Faults
from riskbridge.simulator.scenarios import play
from riskbridge.simulator.snapshots import Snapshot
from riskbridge.simulator.tenant import Tenant

_Values = dict[str, Any]


class Control:
    """Steers the world, the login host and the faults."""

    def __init__(self, world: World, api: DefenderApi, entra: Entra, faults: Faults, clock: TenantClock) -> None:
        self._world = world
        self._api = api
        self._entra = entra
        self._faults = faults
        self._clock = clock

    def routes(self) -> list[Route]:
        """The control API's paths."""
        posts: dict[str, Callable[[_Values], object]] = {
            "patch": lambda v: {"changed": self._world.patch(_text(v, "machineId"), v.get("productName"))},
            "upgrade": lambda v: {"changed": self._world.upgrade(_text(v, "machineId"), _text(v, "productName"))},
            "remove-device": lambda v: {"changed": self._world.remove_device(_text(v, "machineId"))},
            "seen": lambda v: {"changed": self._world.let_days_pass(_whole(v, "days"))},
            "step": self._step,
            "scenario": self._play,
            "reimage": lambda v: {"machineId": self._tenant().reimage(_text(v, "machineId"))},
            "remove-rows": lambda v: {"changed": self._tenant().remove_rows(_text(v, "machineId"))},
            "change-device": self._change_device,
            "expire-addresses": self._expire_addresses,
            "faults": lambda v: {"armed": self._faults.arm(v)},
            "directory": self._change_directory,
        }
        posts = {name: self._in_order(do) for name, do in posts.items()}
        return [
            Route("/_simulator/truth", self._truth),
            Route("/_simulator/findings", self._findings),
            Route("/_simulator/requests", self._requests, methods=["GET", "DELETE"]),
            Route("/_simulator/faults", self._clear_faults, methods=["DELETE"]),
            *(Route(f"/_simulator/{name}", _posted(do), methods=["POST"]) for name, do in posts.items()),
        ]

    def _in_order(self, change: Callable[[_Values], object]) -> Callable[[_Values], object]:
        """Snapshots that are due show the world as it was before the change."""

        def changed(values: _Values) -> object:
            if self._api.exports is not None:
                self._api.exports.archive.catch_up()
            return change(values)

        return changed

    def _tenant(self) -> Tenant:
        if not isinstance(self._world, Tenant):
            raise InputError(
                "A recorded tenant cannot be changed so.",
                code="simulator.recorded",
                remedy="Use a made tenant: leave --from out.",
            )
        return self._world

    def _step(self, values: _Values) -> object:
        """Move the clock; for whole days devices that report do so again."""
        hours = values.get("hours", 0) + 24 * values.get("days", 0)
        if not isinstance(hours, int | float) or hours <= 0:
            raise _bad_body("The body has no positive number of 'days' or 'hours'.")
        now = self._clock.step(timedelta(hours=hours))
        if hours >= 24:
            self._world.let_days_pass(int(hours // 24))
        return {"now": now.isoformat()}

    def _play(self, values: _Values) -> object:
        name = _text(values, "name")
        return play(name, {k: v for k, v in values.items() if k != "name"}, self._world, self._faults)

    def _change_device(self, values: _Values) -> object:
        members = values.get("members")
        if not isinstance(members, dict) or "id" in members:
            raise _bad_body("The body has no object 'members', or one with an id.")
        self._tenant().change_device(_text(values, "machineId"), **members)
        return {"changed": len(members)}

    def _expire_addresses(self, values: _Values) -> object:
        del values
        if self._api.exports is not None:
            self._api.exports.expire_addresses()
        return {"changed": 1}

    async def _findings(self, request: Request) -> Response:
        """Every detection that is true now (or was, `?snapshot=newest`), as lists of device, CVE, vendor, product, version."""
        snapshot = None if self._api.exports is None else self._api.exports.archive.catch_up()
        if "snapshot" not in request.query_params or not isinstance(snapshot, Snapshot):
            return JSONResponse(await run_in_threadpool(self._tenant().findings))
        rows = await run_in_threadpool(self._tenant().detections, snapshot.installed)
        return JSONResponse({"at": snapshot.at.isoformat(), "rows": rows})

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
