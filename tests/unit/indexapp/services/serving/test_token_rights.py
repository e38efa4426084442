"""A token is never worth more than its owner is at that moment, at the doors that write as at those that read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from accounts.domain.verbs import Verb
from accounts.models import User
from accounts.services import teams, tokens, users
from indexapp.models import Role
from indexapp.services import roles
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM, make_service_account, make_team, make_token, make_user
from tests.factories.publishing import multipart, published
from tests.wsgi_client import WsgiClient, bearer

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def _another() -> User:
    """The last administrator is not taken away."""
    return make_user(is_superuser=True)


@dataclass(frozen=True)
class Loss:
    """What takes something from the owner, and what their token is answered then: reading, uploading, managing people."""

    role: str
    deed: Callable[[Cast], object]
    before: tuple[int, int, int]
    after: tuple[int, int, int]


LOSSES = {
    "role withdrawn": Loss(
        "uploader",
        lambda cast: roles.revoke(actor=SYSTEM, role=Role.objects.get(user=cast.uploader)),
        (200, 200, 403),
        (403, 403, 403),
    ),
    "role narrowed": Loss(
        "uploader",
        lambda cast: (
            roles.revoke(actor=SYSTEM, role=Role.objects.get(user=cast.uploader)),
            roles.grant(actor=SYSTEM, index=cast.index, holder=cast.uploader, verbs=[Verb.READ]),
        ),
        (200, 200, 403),
        (200, 403, 403),
    ),
    "team left": Loss(
        "member",
        lambda cast: teams.remove_member(actor=SYSTEM, team=cast.team, user=cast.member),
        (200, 200, 403),
        (403, 403, 403),
    ),
    "demoted": Loss(
        "administrator",
        lambda cast: _another() and users.change(actor=SYSTEM, user=cast.administrator, is_superuser=False),
        (200, 200, 201),
        (403, 403, 403),
    ),
    "disabled": Loss(
        "administrator",
        lambda cast: _another() and users.change(actor=SYSTEM, user=cast.administrator, is_active=False),
        (200, 200, 201),
        (401, 401, 401),
    ),
}


def _ask(client: WsgiClient, number: int) -> tuple[int, int, int]:
    """The statuses of a page, an upload and a new account."""
    body, content_type = multipart(build_wheel(version=f"{number}.5"))
    account = json.dumps({"username": f"new-{number}"}).encode()
    return (
        client.get("/simple/acme-tool/").status,
        client.post("/legacy/", body, Content_Type=content_type).status,
        client.post("/api/v1/users/", account, Content_Type="application/json").status,
    )


@pytest.mark.parametrize("made_with", ["by its owner", "with another token"])
@pytest.mark.parametrize("door", ["machine", "plain_django"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
def test_what_the_owner_loses_the_token_loses(
    cast: Cast, request: pytest.FixtureRequest, loss: Loss, door: str, made_with: str
) -> None:
    published(cast.index)
    text = cast.token(loss.role)
    if made_with == "with another token":
        actor = tokens.recognise(text)
        assert actor is not None
        assert actor.token is not None
        _, text = tokens.issue(actor=actor, owner=cast.user(loss.role), name="child", verbs=actor.token.verbs)
    asker: WsgiClient = request.getfixturevalue(door).signed(bearer(text))
    assert [_ask(asker, number) for number in (1, 2)] == [loss.before] * 2
    loss.deed(cast)
    assert [_ask(asker, number) for number in (3, 4)] == [loss.after] * 2


def test_a_service_accounts_token_has_the_rights_of_the_account_alone(cast: Cast, machine: WsgiClient) -> None:
    robot = make_service_account(make_team())
    asker = machine.signed(bearer(make_token(robot)[1]))
    published(cast.index)
    assert _ask(asker, 1) == (403, 403, 403)
    roles.grant(actor=SYSTEM, index=cast.index, holder=robot, verbs=[Verb.READ])
    assert _ask(asker, 2) == (200, 403, 403)
