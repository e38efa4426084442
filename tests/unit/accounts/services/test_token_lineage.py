"""Who makes a token with a token, and what ends with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.domain.actors import Actor
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import Token
from accounts.services import token_rotation, tokens, users
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_token
from tests.threads import together
from tpi_site.kit.errors import Refusal, Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def known(text: str) -> Actor:
    actor = tokens.recognise(text)
    assert actor is not None
    return actor


def child_of(cast: Cast, text: str, name: str = "child") -> tuple[Token, str]:
    return tokens.issue(actor=known(text), owner=cast.reader, name=name, verbs=[Verb.READ])


def test_a_token_knows_what_it_was_made_with(cast: Cast) -> None:
    parent, text = make_token(cast.reader)
    child, _ = child_of(cast, text)
    assert (parent.parent, child.parent) == (None, parent)
    assert child.expires_at == parent.expires_at


def test_three_generations_end_together(cast: Cast) -> None:
    parent, first = make_token(cast.reader)
    texts = [first]
    for _ in range(2):
        texts += [child_of(cast, text)[1] for text in list(texts)]
    _, stranger = make_token(cast.reader)
    found = evidence.collecting()

    tokens.revoke(actor=cast.actor("reader"), token=parent)

    assert [tokens.recognise(text) for text in texts] == [None] * 4
    assert tokens.recognise(stranger) is not None
    [entry] = found.audit
    keys = Token.objects.filter(revoked_at__isnull=False).exclude(pk=parent.pk).order_by("pk")
    assert entry.detail["descendants"] == list(keys.values_list("key_id", flat=True))
    assert entry.detail["number_of_descendants"] == 3


def test_a_long_line_costs_no_more_than_a_short_one(cast: Cast) -> None:
    def count(generations: int) -> int:
        parent, text = make_token(cast.reader)
        for _ in range(generations):
            text = child_of(cast, text)[1]
        actor = cast.actor("reader")
        with CaptureQueriesContext(connection) as queries:
            tokens.revoke(actor=actor, token=parent)
        return len(queries)

    count(0)  # the first change of an installation writes the row of the generation
    assert count(2) == count(12)


def test_what_was_made_above_stays(cast: Cast) -> None:
    _, text = make_token(cast.reader)
    child, of_child = child_of(cast, text)
    tokens.revoke(actor=cast.actor("reader"), token=child)
    assert tokens.recognise(text) is not None
    assert tokens.recognise(of_child) is None


def test_a_token_that_has_ended_meanwhile_makes_none(cast: Cast) -> None:
    parent, text = make_token(cast.reader)
    actor = known(text)
    tokens.revoke(actor=SYSTEM, token=parent)
    with pytest.raises(Unauthenticated):
        tokens.issue(actor=actor, owner=cast.reader, name="late", verbs=[Verb.READ])
    assert Token.objects.count() == 1


def test_the_token_of_a_disabled_owner_makes_none_and_stays_revoked_when_revoked(cast: Cast) -> None:
    parent, text = make_token(cast.reader)
    _, kept = make_token(cast.reader)
    actor = known(text)
    users.change(actor=SYSTEM, user=cast.reader, is_active=False)
    assert tokens.recognise(text) is None
    cast.reader.is_active = True  # as a request that began before still has it
    with pytest.raises(Unauthenticated):
        tokens.issue(actor=actor, owner=cast.reader, name="late", verbs=[Verb.READ])
    tokens.revoke(actor=SYSTEM, token=parent)
    users.change(actor=SYSTEM, user=cast.reader, is_active=True)
    assert [tokens.recognise(one) for one in (text, kept)] == [None] * 2


def test_a_successor_that_the_token_asked_for_itself_ends_with_it(cast: Cast) -> None:
    """Whoever holds a leaked token may have rotated it before its owner revokes it."""
    old, text = make_token(cast.reader)
    _, second = token_rotation.rotate(actor=known(text), token=old)
    _, third = token_rotation.rotate(actor=known(second), token=known_row(second))
    tokens.revoke(actor=cast.actor("reader"), token=old)
    assert [tokens.recognise(one) for one in (text, second, third)] == [None] * 3


def test_a_thief_cannot_cut_the_line_by_ending_the_token_himself(cast: Cast) -> None:
    old, text = make_token(cast.reader)
    thief = known(text)
    _, second = token_rotation.rotate(actor=thief, token=old)
    tokens.revoke(actor=thief, token=old)
    assert tokens.recognise(second) is not None
    found = evidence.collecting()
    tokens.revoke(actor=cast.actor("reader"), token=old)
    assert tokens.recognise(second) is None
    assert found.actions == ["token.revoke"]


def test_a_successor_that_its_owner_asked_for_stays(cast: Cast) -> None:
    old, text = make_token(cast.reader)
    _, second = token_rotation.rotate(actor=cast.actor("reader"), token=old)
    tokens.revoke(actor=cast.actor("reader"), token=old)
    assert tokens.recognise(text) is None
    assert tokens.recognise(second) is not None


def test_the_successor_of_a_child_is_a_child(cast: Cast) -> None:
    parent, text = make_token(cast.reader, ALL_VERBS, expires_at=timezone.now() + timedelta(days=5))
    child, _ = child_of(cast, text)
    new, second = token_rotation.rotate(actor=cast.actor("reader"), token=child)
    assert new.parent == parent
    assert new.expires_at is not None
    assert parent.expires_at is not None
    assert new.expires_at <= parent.expires_at
    tokens.revoke(actor=cast.actor("reader"), token=parent)
    assert tokens.recognise(second) is None


def test_what_was_made_with_a_token_ends_with_its_overlap(cast: Cast) -> None:
    old, text = make_token(cast.reader)
    child, _ = child_of(cast, text)
    grandchild, _ = child_of(cast, child_of(cast, text)[1])
    token_rotation.rotate(actor=cast.actor("reader"), token=old, overlap=timedelta(hours=2))
    ends = set(Token.objects.filter(pk__in=[old.pk, child.pk, grandchild.pk]).values_list("expires_at", flat=True))
    [end] = ends
    assert end is not None
    assert timedelta(hours=1, minutes=59) < end - timezone.now() <= timedelta(hours=2)


def known_row(text: str) -> Token:
    scope = known(text).token
    assert scope is not None
    return Token.objects.get(key_id=scope.key_id)


@pytest.mark.django_db(transaction=True)
def test_no_child_slips_through_a_revocation(cast: Cast) -> None:
    """However the two fall, a child that was made is revoked, and one that comes later is refused."""
    parent, text = make_token(cast.reader)
    maker, owner = known(text), cast.actor("reader")

    def make() -> object:
        return tokens.issue(actor=maker, owner=cast.reader, name="child", verbs=[Verb.READ])

    def end() -> object:
        return tokens.revoke(actor=owner, token=parent)

    outcomes = together([make, make, end, make, make])
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert Token.objects.count() == 5 - len(refusals)
    assert Token.objects.filter(revoked_at=None).count() == 0
