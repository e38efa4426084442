"""What the parts for the instance see and do in the console."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.domain.instance_roles import InstanceRole
from accounts.models import Token, User
from indexapp.models import Index, Project, Role
from tests import evidence
from tests.admin.conftest import SignIn
from tests.admin.screens import INDEX, SCREENS, Side, address, do, errors, messages
from tests.factories.people import join, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def part(sign_in: SignIn, red: Side) -> dict[str, Client]:
    """A browser for each part; the auditor is an admin of the red team besides, which must make no difference."""
    browsers = {}
    for role in (InstanceRole.AUDITOR, InstanceRole.OPERATOR, InstanceRole.SECURITY_OFFICER):
        user = make_user(role.value)
        User.objects.filter(pk=user.pk).update(instance_roles=role.bit)
        browsers[role.value] = sign_in(user)
    join(User.objects.get(username="auditor"), red.team, role="admin")
    return browsers


@pytest.mark.parametrize("role", ["auditor", "security-officer"])
def test_who_reads_everything_sees_every_row_and_no_form_to_change_it(
    part: dict[str, Client], red: Side, role: str
) -> None:
    for screen in SCREENS:
        page = part[role].get(address(red.rows[screen]))
        assert page.status_code == 200, screen
        text = page.content.decode()
        assert 'name="_save"' not in text, screen
        add = part[role].get(address(type(red.rows[screen]), "changelist")).content.decode()
        assert address(type(red.rows[screen]), "changelist") + "add/" not in add, screen
    assert part[role].get(address(red.member)).status_code == 200


def test_an_auditor_posts_in_vain(part: dict[str, Client], red: Side) -> None:
    before = evidence.state()
    audit = part["auditor"]
    for row, action in (
        (red.team, "delete"),
        (red.project, "quarantine"),
        (red.token, "revoke"),
        (red.member, "disable"),
        (red.index, "make-default"),
        (red.role, "delete"),
        (red.membership, "delete"),
        (red.prefix, "delete"),
    ):
        do(audit, row, action, reason="a test", typed=str(row))
    audit.post(address(red.team), {"title": "New"})
    audit.post(address(red.member), {"email": "new@tpi.example"})
    audit.post(address(Role, "add"), {"index": red.index.pk, "user": "auditor", "rights": ["read"]})
    audit.post(address(Token, "add"), {"name": "t", "rights": ["read"]})
    assert evidence.state() == before


def test_a_security_officer_acts_on_what_is_in_danger(part: dict[str, Client], red: Side) -> None:
    officer = part["security-officer"]
    assert messages(do(officer, red.project, "quarantine", reason="stolen token"))[0].endswith("quarantined.")
    assert Project.objects.get(pk=red.project.pk).status == "quarantined"
    do(officer, red.project, "clear")
    assert Project.objects.get(pk=red.project.pk).status == "active"
    do(officer, red.token, "revoke")
    assert Token.objects.get(pk=red.token.pk).revoked_at is not None
    do(officer, red.member, "disable")
    assert not User.objects.get(pk=red.member.pk).is_active
    before = evidence.state()
    for row, action in (
        (red.project, "archive"),
        (red.project, "delete"),
        (red.member, "promote"),
        (red.member, "enable"),
    ):
        do(officer, row, action, reason="a test", typed=str(row))
    assert evidence.state() == before


def test_an_operator_sets_an_index_up_and_sees_nothing_in_it(part: dict[str, Client], red: Side) -> None:
    operator = part["operator"]
    assert address(Index, "changelist") in operator.get("/admin/").content.decode()
    for model in (Project, Role, Token):
        assert "red-" not in operator.get(address(model, "changelist")).content.decode()
    kept = {**INDEX, "project_creation": red.index.project_creation, "profile": red.index.profile}
    operator.post(address(red.index), {**kept, "title": "Red things"})
    assert Index.objects.get(pk=red.index.pk).title == "Red things"
    answer = operator.post(address(red.index), {**kept, "title": "Red things", "anonymous_read": "on"})
    assert "isn't allowed to administer" in errors(answer)
    assert operator.get(address(red.member)).status_code in (302, 403)
    assert operator.get(address(User, "changelist")).status_code == 403


def test_parts_are_ticked_on_the_account(administrator: User, sign_in: SignIn) -> None:
    root, person = sign_in(administrator), make_user("ann")
    fields = {"email": person.email, "is_active": "on", "parts": ["auditor", "billing"]}
    root.post(address(person), fields)
    mask = InstanceRole.AUDITOR.bit | InstanceRole.BILLING.bit
    assert User.objects.get(pk=person.pk).instance_roles == mask
    assert "auditor" in root.get(address(User, "changelist")).content.decode()
    root.post(address(person), {"email": person.email, "is_active": "on"})
    assert User.objects.get(pk=person.pk).instance_roles == 0
    answer = root.post(
        address(administrator), {"email": "", "is_active": "on", "is_superuser": "on", "parts": ["auditor"]}
    )
    assert "could not change this back" in errors(answer)
