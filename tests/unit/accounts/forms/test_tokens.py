from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.forms.tokens import TokenForm
from indexapp.domain.names import is_valid_name, normalize_name


def _form(**values: object) -> TokenForm:
    return TokenForm({"name": "x", "verbs": ["read"], "days": "7", **values}, indexes=[("main", "Main"), ("bare", "")])


def test_names_are_normalised_and_stand_once() -> None:
    form = _form(projects=" Acme_Tool,acme.tool  b ")

    assert form.is_valid()
    assert form.cleaned_data["projects"] == ["acme-tool", "b"]


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=120).filter(
        lambda text: text.split() == [text] and "," not in text
    )
)
def test_a_name_is_taken_when_it_is_that_of_a_project(name: str) -> None:
    form = _form(projects=name)

    assert form.is_valid() == (is_valid_name(name) and "\x00" not in name)
    if form.is_valid():
        assert form.cleaned_data["projects"] == [normalize_name(name)]


@pytest.mark.parametrize(("days", "life"), [("1", 1), ("365", 365), ("", None)])
def test_the_life_is_counted_from_now(days: str, life: int | None, settings: Any) -> None:
    settings.TPI_TOKEN_MAX_DAYS = 0
    form = _form(days=days)
    assert form.is_valid()
    expires = form.expires_at()

    if life is None:
        assert expires is None
    else:
        assert expires is not None
        assert timedelta(0) <= timezone.now() + timedelta(days=life) - expires < timedelta(minutes=1)


def test_indexes_are_offered_with_their_titles() -> None:
    assert _form().fields["indexes"].choices == [("main", "main: Main"), ("bare", "bare")]  # type: ignore[attr-defined]


def test_faults_lead_to_the_first_choice_of_a_group() -> None:
    form = TokenForm({"name": "", "days": "7"})

    assert dict(form.faults()).keys() == {"id_name", "id_verbs_0"}
