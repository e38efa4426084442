"""Who leaves a team, gives a project away or is disabled has nothing left of it with the next request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.domain.actors import Actor
from accounts.domain.verbs import ALL_VERBS, Verb
from accounts.models import AuditEntry, BrowserSession, Membership, Token, User
from accounts.services import sessions, teams, tokens, users
from indexapp import permissions
from indexapp.models import Role
from indexapp.services import roles
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tests.factories.publishing import give, published
from tests.wsgi_client import Answer, WsgiClient, bearer

pytestmark = [pytest.mark.database, pytest.mark.django_db]

SIMPLE = "/simple/acme-tool/"
API = "/api/v1/"


def known(text: str) -> Actor:
    actor = tokens.recognise(text)
    assert actor is not None
    return actor


def post(client: WsgiClient, path: str, body: dict[str, Any]) -> Answer:
    return client.post(API + path, json.dumps(body).encode(), Content_Type="application/json")


@pytest.fixture
def lent(cast: Cast) -> dict[str, str]:
    """What a maintainer of the team has made: with their own token for a program, and at the console."""
    program = make_service_account(cast.team, "svc-build")
    own = cast.token("maintainer")
    by_token = tokens.issue(actor=known(own), owner=program, name="job", verbs=[Verb.READ])[1]
    by_hand = tokens.issue(actor=cast.actor("maintainer"), owner=program, name="team's", verbs=[Verb.READ])[1]
    return {"own": own, "by token": by_token, "by hand": by_hand}


def statuses(machine: WsgiClient, lent: dict[str, str]) -> dict[str, int]:
    return {name: machine.signed(bearer(text)).get(SIMPLE).status for name, text in lent.items()}


@pytest.mark.parametrize("way", ["removed", "leaves", "demoted", "disabled"])
def test_who_goes_out_of_a_team_keeps_nothing_that_came_of_it(
    cast: Cast, machine: WsgiClient, lent: dict[str, str], way: str
) -> None:
    published(cast.index)
    before = statuses(machine, lent)
    assert before == dict.fromkeys(lent, 200)
    maintainer, team = cast.maintainer, cast.team
    if way == "disabled":
        users.change(actor=SYSTEM, user=maintainer, is_active=False)
    elif way == "demoted":
        teams.set_member(actor=cast.actor("team_admin"), team=team, user=maintainer, role=Membership.Place.MEMBER)
    else:
        actor = cast.actor("maintainer" if way == "leaves" else "team_admin")
        teams.remove_member(actor=actor, team=team, user=maintainer)
    own = {"removed": 403, "leaves": 403, "demoted": 200, "disabled": 401}[way]
    assert statuses(machine, lent) == {"own": own, "by token": 401, "by hand": 200}
    asked = post(machine.signed(bearer(lent["own"])), "tokens/", {"name": "t", "verbs": ["read"], "user": "svc-build"})
    assert asked.status in (401, 403)
    action = {"disabled": "user.change", "demoted": "team.set-member"}.get(way, "team.remove-member")
    entry = AuditEntry.objects.filter(action=action).latest("pk")
    assert entry.detail["number_of_tokens_revoked"] == (2 if way == "disabled" else 1)


def test_who_still_looks_after_the_program_by_a_team_above_keeps_what_they_lent(
    cast: Cast, machine: WsgiClient
) -> None:
    published(cast.index)
    below = make_team("below", parent=cast.team)
    Membership.objects.create(team=below, user=cast.maintainer, role=Membership.Place.ADMIN)
    program = make_service_account(below)
    text = tokens.issue(actor=known(cast.token("maintainer")), owner=program, name="job", verbs=[Verb.READ])[1]
    teams.remove_member(actor=SYSTEM, team=below, user=cast.maintainer)
    assert machine.signed(bearer(text)).get(SIMPLE).status == 200
    teams.remove_member(actor=SYSTEM, team=cast.team, user=cast.maintainer)
    assert machine.signed(bearer(text)).get(SIMPLE).status == 401


def test_who_goes_out_of_a_team_takes_nobody_in_any_more(cast: Cast, machine: WsgiClient) -> None:
    make_user("friend")
    client = machine.signed(cast.bearer("team_admin"))
    assert post(client, "teams/tools/members/", {"user": "friend"}).status == 201
    second = make_user("second")
    Membership.objects.create(team=cast.team, user=second, role=Membership.Place.ADMIN)
    teams.remove_member(actor=SYSTEM, team=cast.team, user=cast.team_admin)
    assert post(client, "teams/tools/members/", {"user": "outsider"}).status == 403
    assert client.request("DELETE", f"{API}teams/tools/members/friend/").status == 403
    assert Membership.objects.filter(team=cast.team, user__username="friend").exists()


def test_what_somebody_took_for_themselves_by_a_teams_right_goes_with_their_place(cast: Cast) -> None:
    roles.grant(actor=SYSTEM, index=cast.index, holder=cast.team, verbs=[Verb.ADMINISTER])
    roles.grant(actor=cast.actor("member"), index=cast.index, holder=cast.member, verbs=ALL_VERBS)
    asker = cast.token("member")
    published(cast.index)
    teams.remove_member(actor=SYSTEM, team=cast.team, user=cast.member)
    assert permissions.verbs_on(known(asker), cast.index) == frozenset()


def test_a_project_that_goes_to_another_team_shuts_the_old_one_out_tokens_included(
    cast: Cast, machine: WsgiClient
) -> None:
    project = published(cast.index).project
    old, new = make_team("old", make_user("before")), make_team("new", make_user("after"))
    handed = give(old, [Verb.UPLOAD], cast.index, project)
    program = make_service_account(old, "svc-old")
    clients = [
        machine.signed(bearer(make_token(owner, [Verb.READ, Verb.UPLOAD], projects=["acme-tool"])[1]))
        for owner in (User.objects.get(username="before"), program, User.objects.get(username="after"))
    ]
    assert [client.get(SIMPLE).status for client in clients] == [200, 200, 403]
    admin = cast.actor("team_admin")
    roles.grant(actor=admin, index=cast.index, project=project, holder=new, verbs=[Verb.UPLOAD])
    roles.revoke(actor=admin, role=handed)
    assert [client.get(SIMPLE).status for client in clients] == [403, 403, 200]
    assert not Role.objects.filter(team=old).exists()
    actions = AuditEntry.objects.filter(action__startswith="role.").order_by("pk")
    assert [(entry.action, entry.detail["holder"]) for entry in actions] == [
        ("role.grant", "new"),
        ("role.revoke", "old"),
    ]


@pytest.mark.parametrize("way", ["disabled", "deleted"])
def test_the_owner_of_a_token_who_is_disabled_or_deleted_is_out_everywhere(
    cast: Cast, machine: WsgiClient, way: str
) -> None:
    published(cast.index)
    sessions.begin(user=cast.team_admin, address="", browser="")
    clients = [machine.signed(cast.bearer("team_admin")), machine.signed(cast.basic("team_admin"))]
    for client in clients:
        assert client.get(SIMPLE).status == 200
        assert client.get(f"{API}teams/tools/").status == 200
    if way == "disabled":
        users.change(actor=SYSTEM, user=cast.team_admin, is_active=False)
    else:
        users.delete(actor=SYSTEM, user=cast.team_admin)
    for client in clients:
        assert [client.get(SIMPLE).status, client.get(f"{API}teams/tools/").status] == [401, 401]
        assert post(client, "teams/tools/members/", {"user": "outsider"}).status == 401
    assert not BrowserSession.objects.exists()
    assert not Token.objects.filter(user__username="team_admin", revoked_at=None).exists()
    assert not Membership.objects.filter(user=cast.outsider).exists()
    assert AuditEntry.objects.filter(object_name="team_admin", action__in=["user.change", "user.delete"]).exists()
