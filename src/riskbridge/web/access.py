"""Who looks at a page: somebody logged in, whose forms carry the token of their session."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from riskbridge.api.access import CSRF_FIELD, Caller, check_csrf, find_caller


class LoginNeededError(Exception):
    """A page was asked for by nobody; it is answered with the login."""


def require_person(request: Request) -> Caller:
    """Who looks.

    Raises:
        LoginNeededError: Nobody is logged in.
    """
    caller = find_caller(request)
    if caller is None or caller.session is None:
        raise LoginNeededError
    return caller


async def require_changing_person(request: Request) -> Caller:
    """Who sends a form.

    Raises:
        LoginNeededError: Nobody is logged in.
        InputError: `account.bad-csrf`: the form is of another session.
    """
    caller = require_person(request)
    assert caller.session is not None
    check_csrf(caller.session, str((await request.form()).get(CSRF_FIELD, "")))
    return caller


Person: TypeAlias = Annotated[Caller, Depends(require_person)]
ChangingPerson: TypeAlias = Annotated[Caller, Depends(require_changing_person)]
