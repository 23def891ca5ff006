"""Templates, and what every page is rendered with."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, select_autoescape

from riskbridge import __version__
from riskbridge.web.lists import query_for
from riskbridge.web.navigation import MENU
from riskbridge.web.words import FILTERS, TESTS

STATIC = Path(str(resources.files("riskbridge.web") / "static"))


@cache
def static(name: str) -> str:
    """The address of a static file, other for other contents, so that a browser may keep it."""
    return f"/static/{name}?{hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


_environment = Environment(
    loader=PackageLoader("riskbridge.web"),
    autoescape=select_autoescape(default=True),
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= FILTERS
_environment.tests |= TESTS
_environment.globals |= {"version": __version__, "query_for": query_for, "static": static, "menu": MENU}
_templates = Jinja2Templates(env=_environment)


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page; `caller` among the values says who looks, None for nobody."""
    return _templates.TemplateResponse(request, template, {"caller": None, **values}, status_code=status)
