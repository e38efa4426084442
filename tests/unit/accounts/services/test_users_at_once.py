"""Changes of one account at the same moment, with real commits."""

from __future__ import annotations

import pytest

from accounts.domain.instance_roles import InstanceRole, roles_from_mask
from accounts.domain.verbs import Verb
from accounts.models import Token, User
from accounts.services import tokens, users
from tests.factories.people import SYSTEM, make_user
from tests.threads import together
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_a_change_is_made_to_the_row_as_it_is_and_not_as_it_was_read() -> None:
    user = make_user()
    make_user(is_superuser=True)
    stale = [User.objects.get(pk=user.pk) for _ in range(3)]
    users.change(actor=SYSTEM, user=stale[0], is_superuser=True)
    users.change(actor=SYSTEM, user=stale[1], is_break_glass=True)
    users.change(actor=SYSTEM, user=stale[2], email="a@tpi.example", instance_roles=[InstanceRole.BILLING])
    row = User.objects.get(pk=user.pk)
    assert (row.is_superuser, row.is_staff, row.is_break_glass) == (True, True, True)
    assert roles_from_mask(row.instance_roles) == {InstanceRole.BILLING}


def test_of_changes_at_once_none_undoes_another() -> None:
    user = make_user()
    make_user(is_superuser=True)
    for _ in range(5):
        User.objects.filter(pk=user.pk).update(is_superuser=False, is_staff=False, email="", instance_roles=0)
        rows = [User.objects.get(pk=user.pk) for _ in range(3)]
        together(
            [
                lambda: users.change(actor=SYSTEM, user=rows[0], is_superuser=True),
                lambda: users.change(actor=SYSTEM, user=rows[1], email="a@tpi.example"),
                lambda: users.change(actor=SYSTEM, user=rows[2], instance_roles=[InstanceRole.OPERATOR]),
            ]
        )
        row = User.objects.get(pk=user.pk)
        assert (row.is_superuser, row.is_staff, row.email) == (True, True, "a@tpi.example")
        assert roles_from_mask(row.instance_roles) == {InstanceRole.OPERATOR}


def test_tokens_made_while_the_account_is_disabled_do_not_outlive_it_or_stand_in_its_way() -> None:
    user = make_user()
    make_user(is_superuser=True)
    text = tokens.issue(actor=SYSTEM, owner=user, name="first", verbs=[Verb.READ])[1]
    actor = tokens.recognise(text)
    assert actor is not None

    def issue() -> None:
        tokens.issue(actor=actor, owner=User.objects.get(pk=user.pk), name="late", verbs=[Verb.READ])

    answers = together(
        [*[issue] * 4, lambda: users.change(actor=SYSTEM, user=User.objects.get(pk=user.pk), is_active=False)]
    )
    assert not isinstance(answers[-1], Refusal)
    assert not Token.objects.filter(user=user, revoked_at=None).exists()
