"""One request for a list: its OData options, checked as the service checks them, and the link to the next page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote_plus

from starlette.requests import Request

from riskbridge.simulator.odata import Filter, FilterError, Order, known_names, parse_filter, parse_order

CAPS = {"machines": 10_000, "machinesVulnerabilities": 10_000, "vulnerabilities": 8_000}
_OPTIONS = frozenset({"$filter", "$top", "$skip", "$orderby", "$select", "$count"})
_NOT_ALLOWED = {
    "$expand": "Expand",
    "$search": "Search",
    "$apply": "Apply",
    "$format": "Format",
    "$skiptoken": "SkipToken",
}


class OptionError(ValueError):
    """An option that the OData framework refuses; the message is the framework's."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a request for a list asks for.

    Attributes:
        top: Rows wanted at most, None when not said: only then there are next links.
        skip: Rows to leave out.
        filter: Its filter.
        order: Its order.
        select: Properties wanted, None for all.
        has_count: Whether the number of rows is asked for.
        query: The filter's and the order's text: equal texts select the same rows.
    """

    top: int | None
    skip: int
    filter: Filter | None
    order: Order | None
    select: tuple[str, ...] | None
    has_count: bool
    query: str


def read_listing(request: Request, stream: str) -> Listing:
    """The options of a request; options without a `$` are ignored, as the service ignores them.

    Raises:
        OptionError: An option is unknown, not allowed, or no number; `$top` is above the cap.
        FilterError: The filter, order or selection cannot be understood.
    """
    options = {k: v for k, v in request.query_params.multi_items() if k.startswith("$")}
    _check_names(options)
    top, skip = _number(options, "$top"), _number(options, "$skip")
    if top is not None and top > CAPS[stream]:
        raise OptionError(
            f"The limit of '{CAPS[stream]}' for Top query has been exceeded. "
            f"The value from the incoming request is '{top}'."
        )
    wanted, order = options.get("$filter"), options.get("$orderby")
    return Listing(
        top=top,
        skip=skip or 0,
        filter=parse_filter(wanted, stream) if wanted else None,
        order=parse_order(order, stream) if order else None,
        select=_selected(options["$select"], stream) if options.get("$select") else None,
        has_count=options.get("$count", "").lower() == "true",
        query="\n".join((wanted or "", order or "")) if wanted or order else "",
    )


def next_link(request: Request, skip: int) -> str:
    """The address of the page at `skip`: the request's own with `$skip` set, its other options as they were sent."""
    kept = [p for p in request.url.query.split("&") if p and unquote_plus(p.partition("=")[0]) != "$skip"]
    return f"{origin(request)}{request.url.path}?{'&'.join([*kept, f'$skip={skip}'])}"


def origin(request: Request) -> str:
    """Scheme, host and port that the caller used."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _check_names(options: dict[str, str]) -> None:
    for name in options:
        if name in _NOT_ALLOWED:
            raise OptionError(
                f"Query option '{_NOT_ALLOWED[name]}' is not allowed. To allow it, set the 'AllowedQueryOptions' "
                "property on EnableQueryAttribute or QueryValidationSettings."
            )
        if name not in _OPTIONS:
            raise OptionError(f"Custom query option '{name}' that starts with '$' is not supported.")


def _number(options: dict[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise OptionError(
            f"Invalid value '{text}' for {name} query option found. "
            f"The {name} query option requires a non-negative integer value."
        )
    return int(text)


def _selected(text: str, stream: str) -> tuple[str, ...]:
    names = known_names(stream)
    wanted = [part.strip() for part in text.split(",")]
    for name in wanted:
        if name.lower() not in names:
            raise FilterError(f"Could not find a property named '{name}' on this type.")
    return tuple(names[name.lower()] for name in wanted)
