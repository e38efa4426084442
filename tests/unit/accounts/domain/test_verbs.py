from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.domain.verbs import ALL_VERBS, NO_VERBS, Verb, as_words, from_mask, granted, parse_verbs, to_mask
from tpi_site.kit.errors import Invalid

sets_of_verbs = st.frozensets(st.sampled_from(list(Verb)))


def test_the_stored_bits_never_change() -> None:
    assert {verb.value: verb.bit for verb in Verb} == {
        "read": 1,
        "upload": 2,
        "yank": 4,
        "delete": 8,
        "promote": 16,
        "administer": 32,
    }


@given(sets_of_verbs)
def test_a_mask_gives_back_its_verbs(verbs: frozenset[Verb]) -> None:
    assert from_mask(to_mask(verbs)) == verbs


@given(sets_of_verbs)
def test_words_give_back_their_verbs(verbs: frozenset[Verb]) -> None:
    assert parse_verbs(as_words(verbs)) == verbs


def test_a_verb_that_is_named_twice_counts_once() -> None:
    assert to_mask([Verb.READ, Verb.READ]) == Verb.READ.bit


def test_bits_of_a_later_version_grant_nothing() -> None:
    assert from_mask(1 << 12) == NO_VERBS


def test_an_unknown_word_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="'publish' is not a verb; use one of read, upload") as caught:
        parse_verbs(["read", "publish"])
    assert caught.value.code == "verb-unknown"


@given(sets_of_verbs)
def test_whatever_is_granted_includes_reading(verbs: frozenset[Verb]) -> None:
    assert granted(verbs) >= verbs
    assert (Verb.READ in granted(verbs)) is bool(verbs)


def test_administering_includes_all() -> None:
    assert granted([Verb.ADMINISTER]) == ALL_VERBS
