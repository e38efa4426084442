"""A right that is taken away ends with the next request, on the fast path too, whatever is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.domain.actors import Method
from accounts.domain.verbs import NO_VERBS, Verb
from accounts.models import Membership, Team, Token, User
from accounts.services import service_accounts, teams, tokens, users
from indexapp.models import File, Index, Role
from indexapp.services import indexes, projects, roles
from indexapp.services.serving import gate, index_map, watermarks
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tests.factories.publishing import give, published, upload
from tests.wsgi_client import WsgiClient, bearer
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

Deed = Callable[[Cast], object]
TOKEN_WAYS = ("bearer",)
ALL_WAYS = ("bearer", "basic")


def _delete_team(cast: Cast) -> None:
    teams.delete(actor=SYSTEM, team=Team.objects.get(name="below"))
    teams.delete(actor=SYSTEM, team=cast.team)


def _another() -> User:
    """The last administrator is not taken away."""
    return make_user(is_superuser=True)


REVOCATIONS: dict[str, tuple[str, tuple[str, ...], int, Deed]] = {
    "token": (
        "reader",
        ("bearer",),
        401,
        lambda cast: [tokens.revoke(actor=SYSTEM, token=row) for row in Token.objects.filter(user=cast.reader)],
    ),
    "role": (
        "reader",
        ALL_WAYS,
        403,
        lambda cast: roles.revoke(actor=SYSTEM, role=Role.objects.get(user=cast.reader)),
    ),
    "role of the team": (
        "member",
        ALL_WAYS,
        403,
        lambda cast: roles.revoke(actor=SYSTEM, role=Role.objects.get(team=cast.team)),
    ),
    "membership": (
        "member",
        ALL_WAYS,
        403,
        lambda cast: teams.remove_member(actor=SYSTEM, team=cast.team, user=cast.member),
    ),
    "membership of a team below": (
        "outsider",
        ALL_WAYS,
        403,
        lambda cast: teams.remove_member(actor=SYSTEM, team=Team.objects.get(name="below"), user=cast.outsider),
    ),
    "place of the team below": (
        "outsider",
        ALL_WAYS,
        403,
        lambda cast: teams.change(actor=SYSTEM, team=Team.objects.get(name="below"), parent=None),
    ),
    "role of the team above": (
        "outsider",
        ALL_WAYS,
        403,
        lambda cast: roles.revoke(actor=SYSTEM, role=Role.objects.get(team=cast.team)),
    ),
    "part for the instance": (
        "security_officer",
        ALL_WAYS,
        403,
        lambda cast: users.change(actor=SYSTEM, user=cast.security_officer, instance_roles=[]),
    ),
    "auditor disabled": (
        "auditor",
        ALL_WAYS,
        401,
        lambda cast: users.change(actor=cast.actor("security_officer"), user=cast.auditor, is_active=False),
    ),
    "team": ("member", ALL_WAYS, 403, _delete_team),
    "account disabled": (
        "reader",
        ALL_WAYS,
        401,
        lambda cast: users.change(actor=SYSTEM, user=cast.reader, is_active=False),
    ),
    "account deleted": ("reader", ALL_WAYS, 401, lambda cast: users.delete(actor=SYSTEM, user=cast.reader)),
    "password changed": (
        "reader",
        ("basic",),
        401,
        lambda cast: users.set_password(actor=SYSTEM, user=cast.reader, password="quite another one"),
    ),
    "administration": (
        "administrator",
        ALL_WAYS,
        403,
        lambda cast: _another() and users.change(actor=SYSTEM, user=cast.administrator, is_superuser=False),
    ),
    "passwords of the index": (
        "reader",
        ("basic",),
        403,
        lambda cast: indexes.change(actor=SYSTEM, index=cast.index, allow_passwords=False),
    ),
}
CASES = [
    pytest.param(role, way, status, deed, id=f"{name}-{way}")
    for name, (role, ways, status, deed) in REVOCATIONS.items()
    for way in ways
]


def addresses(file: File) -> list[str]:
    path = f"{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}"
    return ["/simple/acme-tool/", "/simple/", f"/main/files/{path}", "/main/pypi/acme-tool/json"]


@pytest.mark.parametrize(("role", "way", "status", "deed"), CASES)
@pytest.mark.parametrize("client", ["machine", "plain_django"])
def test_the_next_read_is_refused(
    cast: Cast, request: pytest.FixtureRequest, role: str, way: str, status: int, deed: Deed, client: str
) -> None:
    file = published(cast.index)
    make_team("below", cast.outsider, parent=cast.team)
    asker: WsgiClient = request.getfixturevalue(client).signed(getattr(cast, way)(role))
    for _ in range(2):
        assert [asker.get(url).status for url in addresses(file)] == [200] * 4
    deed(cast)
    assert [asker.get(url).status for url in addresses(file)] == [status] * 4


def test_closing_an_index_shuts_nobody_in_particular_out(cast: Cast, machine: WsgiClient) -> None:
    Index.objects.filter(pk=cast.index.pk).update(anonymous_read=True)
    file = published(cast.index)
    for _ in range(2):
        assert [machine.get(url).status for url in addresses(file)] == [200] * 4
    indexes.change(actor=SYSTEM, index=Index.objects.get(pk=cast.index.pk), anonymous_read=False)
    assert [machine.get(url).status for url in addresses(file)] == [401] * 4


def test_an_upload_that_began_before_the_index_was_closed_opens_nothing(cast: Cast, machine: WsgiClient) -> None:
    """It still holds the row of an open index when it asks what its sender may."""
    Index.objects.filter(pk=cast.index.pk).update(anonymous_read=True, project_creation="members")
    file = published(cast.index)
    asker = machine.signed(cast.bearer("outsider"))
    asker.get("/simple/")
    begun = index_map.read(watermarks.read()).rows[cast.index.pk]
    indexes.change(actor=SYSTEM, index=Index.objects.get(pk=cast.index.pk), anonymous_read=False)
    sender = tokens.recognise(asker.headers["Authorization"].removeprefix("Bearer "))
    assert sender is not None
    with pytest.raises(Refusal):
        upload(begun, build_wheel(version="2.0"), actor=sender)
    assert [asker.get(url).status for url in addresses(file)] == [403] * 4


@pytest.mark.parametrize("way", ALL_WAYS)
def test_a_new_right_is_there_with_the_next_read(cast: Cast, machine: WsgiClient, way: str) -> None:
    file = published(cast.index)
    asker = machine.signed(getattr(cast, way)("outsider"))
    assert {asker.get(url).status for url in addresses(file)} == {403}
    teams.set_member(actor=SYSTEM, team=cast.team, user=cast.outsider, role=Membership.Place.MEMBER)
    assert {asker.get(url).status for url in addresses(file)} == {200}


def test_a_program_is_shut_out_with_the_account_and_with_the_teams_role(cast: Cast, machine: WsgiClient) -> None:
    file = published(cast.index)
    program = make_service_account(cast.team)
    asker = machine.signed(bearer(make_token(program)[1]))
    assert {asker.get(url).status for url in addresses(file)} == {200}
    service_accounts.change(actor=cast.actor("team_admin"), user=program, is_active=False)
    assert {asker.get(url).status for url in addresses(file)} == {401}
    service_accounts.change(actor=cast.actor("team_admin"), user=program, is_active=True)
    roles.revoke(actor=SYSTEM, role=Role.objects.get(team=cast.team))
    assert {asker.get(url).status for url in addresses(file)} == {403}


def test_rights_on_a_project_end_with_it_and_do_not_wake_with_another_of_its_name(
    cast: Cast, machine: WsgiClient, settings: Any
) -> None:
    """Whoever held the old one holds nothing on the new one, as after a transfer."""
    settings.TPI_TRASH_DAYS = 0
    file = published(cast.index, build_wheel("acme-tool"))
    give(cast.outsider, [Verb.ADMINISTER], cast.index, file.project)
    asker = machine.signed(cast.bearer("outsider"))
    assert {asker.get(url).status for url in addresses(file)} == {200}
    projects.delete(actor=SYSTEM, project=file.project)
    assert {asker.get(url).status for url in addresses(file)} == {403}
    published(cast.index, build_wheel("acme-tool", "2.0"))
    assert {asker.get(url).status for url in addresses(file)} == {403}


def test_what_was_remembered_of_an_officer_is_not_taken_for_what_they_are_now(cast: Cast) -> None:
    """A request that began before the change still holds the old actor when it asks after it."""
    file = published(cast.index)
    old = cast.actor("security_officer")
    users.change(actor=SYSTEM, user=cast.security_officer, instance_roles=[])
    watermark = watermarks.read()
    assert Verb.READ in gate.verbs_on(old, cast.index, file.project, watermark)
    new = User.objects.get(pk=cast.security_officer.pk).actor(Method.TOKEN)
    assert gate.verbs_on(new, cast.index, file.project, watermark) == NO_VERBS
