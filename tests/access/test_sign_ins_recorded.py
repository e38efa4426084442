"""Every sign-in and every refusal of one says in the audit log who it was and by what, whichever door they came to."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, User
from accounts.services import refusals
from tests.factories.cast import Cast
from tests.factories.factors import with_factor
from tests.factories.people import PASSWORD, make_token, make_user
from tests.wsgi_client import WsgiClient, basic

pytestmark = [pytest.mark.database, pytest.mark.django_db]
PAGE = "/simple/"
SIGN_IN = "/account/sign-in/"


def written() -> list[tuple[str, str, str, str, str]]:
    """What was recorded: action, who, by which token, outcome and code."""
    refusals.write()
    rows = AuditEntry.objects.filter(action__in=["sign-in", "sign-in.password", "request.refuse"]).order_by("pk")
    return list(rows.values_list("action", "actor_name", "token_key_id", "outcome", "reason"))


def test_a_program_signs_in_once_for_as_long_as_its_password_is_remembered(machine: WsgiClient, cast: Cast) -> None:
    assert cast.reader
    for _ in range(5):
        assert machine.signed(cast.basic("reader")).get(PAGE).status == 200
    assert written() == [("sign-in", "reader", "", "done", "")]
    entry = AuditEntry.objects.get(action="sign-in")
    assert (entry.method, entry.actor_id, entry.object_name) == ("password", cast.reader.pk, "reader")


def test_a_password_that_is_not_enough_for_a_program_is_the_accounts(machine: WsgiClient, cast: Cast) -> None:
    with_factor(cast.reader)
    assert machine.signed(cast.basic("reader")).get(PAGE).status == 403
    assert written() == [("request.refuse", "reader", "", "refused", "second-factor-needed")]


def test_a_right_password_before_the_code_is_written(client: Client, db: None) -> None:
    user = make_user("mia")
    with_factor(user)
    assert client.post(SIGN_IN, {"username": "mia", "password": PASSWORD}).status_code == 302
    assert written() == [("sign-in.password", "mia", "", "done", "")]


def test_a_token_from_elsewhere_is_named(machine: WsgiClient, cast: Cast) -> None:
    row, text = make_token(cast.reader, networks=["198.51.100.0/24"])
    assert machine.signed(basic("__token__", text)).get(PAGE).status == 401
    assert written() == [("request.refuse", "reader", row.key_id, "refused", "token-network")]


def test_attempts_beyond_the_limit_are_written_for_pages_and_programs(
    client: Client, machine: WsgiClient, cast: Cast, settings: Any
) -> None:
    settings.TPI_SIGN_IN_FAILURES = 2
    assert cast.reader
    for _ in range(2):
        client.post(SIGN_IN, {"username": "reader", "password": "wrong"})
    assert client.post(SIGN_IN, {"username": "reader", "password": "wrong"}).status_code == 429
    assert ("request.refuse", "", "", "refused", "sign-in-throttled") in [
        (action, "" if name == "anonymous" else name, token, outcome, code)
        for action, name, token, outcome, code in written()
    ]


def test_codes_beyond_the_limit_are_the_persons(client: Client, db: None) -> None:
    user: User = make_user("mia")
    with_factor(user)
    client.post(SIGN_IN, {"username": "mia", "password": PASSWORD})
    statuses = [client.post("/account/sign-in/code/", {"code": "000000"}).status_code for _ in range(30)]
    assert statuses[-1] == 429
    assert ("request.refuse", "mia", "", "refused", "code-throttled") in written()
