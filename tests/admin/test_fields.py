from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts.admin.rights import RightsField
from accounts.domain.verbs import Verb
from accounts.models import User
from tests.factories.people import make_user
from tpi_site.kit.admin import marks
from tpi_site.kit.admin.fields import LinesField, NamedField, SizeField, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", None),
        ("  ", None),
        ("1", 1),
        ("500 MB", 500_000_000),
        ("500mb", 500_000_000),
        ("4 GiB", 4 * 2**30),
        ("1.5 GiB", 3 * 2**29),
        ("0.125 KiB", 128),
        ("2 TiB", 2**41),
    ],
)
def test_sizes_are_read_with_their_units(text: str, size: int | None) -> None:
    assert SizeField(required=False).clean(text) == size


@pytest.mark.parametrize(
    "text", ["0", "-1", "1 XB", "GiB", "1e9", "1,5 GB", "9" * 16, "999999999 TiB", "0.0001 KB", "٣"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        SizeField(required=False).clean(text)


@given(st.integers(1, 2**60))
def test_a_size_is_written_so_that_it_can_be_read_back(size: int) -> None:
    if len(size_text(size).split()[0]) <= 15:
        assert SizeField().clean(size_text(size)) == size


def test_a_size_has_changed_when_it_means_another() -> None:
    field = SizeField(required=False)
    assert not field.has_changed(2**30, "1024 MiB")
    assert not field.has_changed(None, "")
    assert field.has_changed(2**30, "")
    assert field.has_changed(2**30, "nonsense")


@pytest.mark.parametrize(("text", "words"), [("", []), ("a\nb", ["a", "b"]), (" a ,\r\n\r\n b,c ", ["a", "b", "c"])])
def test_lines_are_words_in_their_order(text: str, words: list[str]) -> None:
    field = LinesField(required=False)
    assert field.clean(text) == words
    assert field.has_changed(["a", "b"], text) == (words != ["a", "b"])


@pytest.mark.parametrize("text", ["ann", " Ann ", "ANN"])
def test_a_row_is_told_by_its_name(db: None, text: str) -> None:
    ann = make_user("ann")
    assert NamedField(User.objects.all(), name_field="username", what="account").clean(text) == ann


@pytest.mark.parametrize("text", ["an", "ann%", "_nn", "a\x00", "ann or 1=1"])
def test_a_name_that_nobody_has_is_no_row(db: None, text: str) -> None:
    make_user("ann")
    with pytest.raises(ValidationError):
        NamedField(User.objects.all(), name_field="username", what="account").clean(text)


def test_a_name_may_be_needed(db: None) -> None:
    field: Any = NamedField(User.objects.all(), name_field="username", what="account")
    with pytest.raises(ValidationError):
        field.clean("")
    field.required = False
    assert field.clean("") is None


def test_rights_are_verbs() -> None:
    field = RightsField()
    assert field.clean(["read", "yank"]) == {Verb.READ, Verb.YANK}
    assert field.prepare_value(frozenset({Verb.UPLOAD, Verb.READ})) == ["read", "upload"]
    assert not field.has_changed(frozenset({Verb.READ}), ["read"])
    assert field.has_changed(frozenset({Verb.READ}), ["read", "yank"])
    with pytest.raises(ValidationError):
        field.clean(["rule"])


def test_marks_escape_what_they_show() -> None:
    evil = "<b>"
    for shown in (
        marks.badge(evil),
        marks.mono(evil),
        marks.block({"a": evil}),
        marks.text_block(evil),
        marks.link(evil, evil),
    ):
        assert evil not in shown


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**40, "5.0 TiB")])
def test_bytes_are_rounded_for_people(count: int, text: str) -> None:
    assert f">{text}<" in marks.size(count)
