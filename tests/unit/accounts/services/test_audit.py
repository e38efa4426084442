from __future__ import annotations

import pytest

from accounts.models import AuditEntry, Membership, User
from accounts.services import audit, teams
from tests.factories.cast import Cast
from tests.factories.people import make_token
from tpi_site.kit import request_context
from tpi_site.kit.request_context import RequestContext

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_who_what_and_where_from(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    from accounts.services import tokens

    actor = tokens.recognise(text)
    assert actor is not None
    audit.record(actor=actor.at(address="192.0.2.9", request_id="abc"), action="look", subject=row, colour="red")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.actor_id, entry.actor_name, entry.token_key_id) == (cast.reader.pk, "reader", row.key_id)
    assert (entry.method, entry.address, entry.request_id) == ("token", "192.0.2.9", "abc")
    assert (entry.object_type, entry.object_id, entry.object_name) == ("token", row.pk, str(row))
    assert (entry.outcome, entry.detail) == ("done", {"colour": "red"})


def test_the_request_is_taken_from_the_context_where_the_actor_does_not_know_it(cast: Cast) -> None:
    token = request_context.current.set(RequestContext("req-1", "192.0.2.3"))
    try:
        audit.record(actor=cast.actor("reader"), action="look", subject=cast.index)
    finally:
        request_context.current.reset(token)
    entry = AuditEntry.objects.latest("pk")
    assert (entry.address, entry.request_id) == ("192.0.2.3", "req-1")


def test_a_long_name_is_cut_and_not_refused(cast: Cast) -> None:
    audit.record(actor=cast.actor("reader"), action="look", object_type="thing", object_name="x" * 1000)
    assert AuditEntry.objects.latest("pk").object_name == "x" * 400


def test_a_list_that_may_be_long_is_cut_and_counted(cast: Cast) -> None:
    User.objects.bulk_create(User(username=f"m-{number:03}", password="!") for number in range(250))
    members = User.objects.filter(username__startswith="m-").order_by("pk")
    Membership.objects.bulk_create(Membership(team=cast.team, user=user) for user in members)
    teams.delete(actor=cast.actor("administrator"), team=cast.team)
    detail = AuditEntry.objects.get(action="team.delete").detail
    assert detail["number_of_members"] == 253
    assert len(detail["members"]) == 200
    assert detail["members"][:2] == ["member", "team_admin"]


def test_tokens_and_control_characters_are_struck_out_of_all_of_the_detail(cast: Cast) -> None:
    _, text = make_token(cast.reader)
    audit.record(
        actor=cast.actor("reader"),
        action="look",
        subject=cast.index,
        after={text: [f"a\r\nb {text}", {"deep": (text, 1, None, True)}]},
    )
    entry = AuditEntry.objects.latest("pk")
    assert entry.detail == {"after": {"[redacted]": ["a b [redacted]", {"deep": ["[redacted]", 1, None, True]}]}}
