from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry, Authenticator
from tests.factories.factors import with_factor
from tests.factories.people import make_user

pytestmark = pytest.mark.django_db


def test_the_last_administrator_is_let_in_again() -> None:
    with_factor(make_user("root", is_superuser=True))
    printed = StringIO()
    call_command("remove_second_factor", "ROOT", stdout=printed)
    assert not Authenticator.objects.exists()
    assert "'root'" in printed.getvalue()
    assert AuditEntry.objects.get().action == "factor.remove"


@pytest.mark.parametrize(("name", "sentence"), [("nobody", "no account 'nobody'"), ("plain", "has no second factor")])
def test_what_is_not_there_is_said(name: str, sentence: str) -> None:
    make_user("plain")
    with pytest.raises(CommandError, match=sentence):
        call_command("remove_second_factor", name)
