"""ETags of what is kept, and edits that need them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskbridge.api.etag import StaleEditError, require_match, tag_of
from riskbridge.errors import InputError
from riskbridge.store.config.store import AuditEntry

KEPT = {"name": "Contoso", "description": "all"}
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(kept=st.dictionaries(st.text(), plain, max_size=5))
def test_a_tag_is_of_values_whatever_their_order(kept: dict[str, Any]) -> None:
    turned = dict(reversed(kept.items()))
    assert tag_of(turned) == tag_of(kept)
    assert tag_of(kept | {"one more": 1}) != tag_of(kept) or kept.get("one more") == 1
    assert tag_of(kept).startswith('"')


@pytest.mark.parametrize(
    "if_match",
    [tag_of(KEPT), "*", f'"another", {tag_of(KEPT)}', f"{tag_of(KEPT)} "],
    ids=["its own", "any", "one of several", "with a blank"],
)
def test_an_edit_of_what_is_kept_now_may_go_on(if_match: str) -> None:
    require_match(if_match, KEPT, "The connector 'Contoso'")


@pytest.mark.parametrize("if_match", [None, "", "  "], ids=["none", "empty", "blank"])
def test_an_edit_without_a_tag_is_refused(if_match: str | None) -> None:
    with pytest.raises(InputError) as refused:
        require_match(if_match, KEPT, "The connector 'Contoso'")
    assert refused.value.code == "edit.no-tag"


@pytest.mark.parametrize(
    "if_match",
    [tag_of(KEPT | {"description": "some"}), f"W/{tag_of(KEPT)}", "x"],
    ids=["older", "weak", "none of ours"],
)
def test_a_stale_edit_tells_who_changed_it_and_brings_it_along(if_match: str) -> None:
    change = AuditEntry(datetime(2027, 1, 31, 8, 30, tzinfo=UTC), "ben", "connector.changed", "Contoso", {})
    with pytest.raises(StaleEditError) as refused:
        require_match(if_match, KEPT, "The connector 'Contoso'", change=change)
    error = refused.value
    assert (error.code, error.current, error.tag) == ("edit.stale", KEPT, tag_of(KEPT))
    assert error.context == {"changed_by": "ben", "changed_at": "2027-01-31T08:30:00+00:00"}
    assert "changed by ben at 2027-01-31 08:30:00 UTC" in error.message
