"""The first sign-ins of a person at the same moment, as several processes see them; real commits."""

from __future__ import annotations

import pytest

from accounts.domain.directory_entries import DirectoryEntry
from accounts.models import AuditEntry, Membership, User
from accounts.services import teams
from accounts.services.directories import people
from tests.factories.directories import map_group, silent_directory
from tests.factories.people import SYSTEM, make_user
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]
_AT_ONCE = 16


@pytest.mark.parametrize("role", ["operator", "auditor", "administrator"])
def test_they_make_one_account_with_all_that_its_groups_give(role: str) -> None:
    make_user("root", is_superuser=True)
    corp = silent_directory()
    team = teams.create(actor=SYSTEM, name="devs")
    mappings = [
        map_group(corp, "cn=devs,dc=tpi", team, "member"),
        map_group(corp, "cn=staff,dc=tpi", None, instance_role=role),
    ]
    for name in ("alice", "bob", "carol"):
        entry = DirectoryEntry(
            dn=f"uid={name},dc=tpi",
            key=f"key {name}",
            username=name,
            email=f"{name}@tpi.example",
            first_name=name.title(),
            last_name="",
            disabled=False,
        )
        answers = together([lambda entry=entry: people.admit(corp, entry, mappings)] * _AT_ONCE)  # type: ignore[misc]
        row = User.objects.get(username=name)
        assert [getattr(each, "pk", each) for each in answers] == [row.pk] * _AT_ONCE
        assert row.directory_roles
        assert Membership.objects.filter(user=row, team=team).count() == 1
        assert AuditEntry.objects.filter(action="user.create", object_name=name).count() == 1
