from __future__ import annotations

from typing import Any

import pytest

from accounts.domain.actors import ANONYMOUS
from accounts.domain.token_format import make_token as make_text
from accounts.domain.verbs import Verb
from accounts.models import Alarm, AuditEntry, Token
from accounts.services import token_leaks, token_rotation, tokens
from tests import evidence
from tests.factories.cast import Cast
from tests.factories.people import make_token

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def report(*texts: str, **where: str) -> int:
    return token_leaks.report(actor=ANONYMOUS, texts=texts, **where)


def test_a_token_that_was_found_is_revoked_and_written_down_without_its_text(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    found = evidence.collecting()

    assert report(text, url="https://tpi.example/paste/1\x07", source="scanner") == 1

    row.refresh_from_db()
    assert (row.revoked_at is None, row.leaked_at is None) == (False, False)
    assert row.leak_source == "scanner https://tpi.example/paste/1"
    assert tokens.recognise(text) is None
    entry = found.audit[0]
    assert (entry.action, entry.actor_name, entry.object_name) == ("token.leaked", "anonymous", f"test ({row.key_id})")
    assert entry.detail["revoked"] == [row.key_id]
    alarm = Alarm.objects.get(code="token-leaked")
    assert "reader" in alarm.sentence
    assert text[16:56] not in "".join(str(vars(one)) for one in [*found.audit, alarm])


def test_tokens_are_found_inside_of_lines(cast: Cast) -> None:
    texts = [make_token(cast.reader)[1] for _ in range(3)]
    line = f'password = "{texts[0]}", other="{texts[1]}";'
    assert report(line, line, f"https://__token__:{texts[2]}@tpi.example/simple/") == 3
    assert Token.objects.filter(leaked_at=None).count() == 0


def test_noise_costs_no_query(django_assert_num_queries: Any, cast: Cast) -> None:
    text = make_text()[0]
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    with django_assert_num_queries(0):
        assert (
            report("", "tpi_", wrong, "x" * 10_000, "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "tpi_" + "é" * 58) == 0
        )


def test_what_is_not_ours_costs_one_query_and_changes_nothing(django_assert_num_queries: Any, cast: Cast) -> None:
    before = evidence.state()
    with django_assert_num_queries(1):
        assert report(*(make_text()[0] for _ in range(100))) == 0
    assert evidence.state() == before


def test_to_know_the_key_id_is_not_enough(cast: Cast) -> None:
    """It stands in the audit log and on pages; whoever could end tokens by it could stop a company's builds."""
    row, text = make_token(cast.reader)
    Token.objects.filter(pk=row.pk).update(digest="0" * 64)
    assert report(text) == 0
    row.refresh_from_db()
    assert row.revoked_at is None


def test_what_came_of_it_ends_too(cast: Cast) -> None:
    row, text = make_token(cast.reader)
    actor = tokens.recognise(text)
    assert actor is not None
    _, child = tokens.issue(actor=actor, owner=cast.reader, name="child", verbs=[Verb.READ])
    _, successor = token_rotation.rotate(actor=actor, token=row)
    tokens.revoke(actor=actor, token=row)
    assert tokens.recognise(successor) is not None
    assert report(text) == 1
    assert [tokens.recognise(one) for one in (text, child, successor)] == [None] * 3


def test_a_second_report_is_no_second_act(cast: Cast) -> None:
    _, text = make_token(cast.reader)
    assert report(text) == 1
    entries = AuditEntry.objects.count()
    assert report(text) == 0
    assert AuditEntry.objects.count() == entries


def test_nothing_is_revoked_where_it_cannot_be_written_down(cast: Cast) -> None:
    _, text = make_token(cast.reader)
    before = evidence.state()
    with evidence.failing_insert("accounts_auditentry"), pytest.raises(evidence.Sabotage):
        report(text)
    assert evidence.state() == before
