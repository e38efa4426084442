from __future__ import annotations

from typing import Any

import pytest

from accounts.domain.token_format import make_token as make_text
from accounts.models import Token
from tests.api.rest import Rest, refused
from tests.factories.cast import Cast
from tests.plugins import process_memory
from tests.wsgi_client import Answer, WsgiClient, bearer


@pytest.fixture
def anybody(machine: WsgiClient) -> Rest:
    return Rest(machine)


def _report(client: Rest, *texts: object, **more: object) -> Answer:
    return client.post("tokens/leaked/", {"tokens": list(texts), **more})


def test_the_answer_does_not_tell_whether_the_token_was_one(anybody: Rest, cast: Cast, machine: WsgiClient):
    ours, foreign = cast.token("reader"), make_text()[0]
    answers = [
        _report(anybody, text, url="https://tpi.example/x", source="scanner") for text in (ours, foreign, "", ours)
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(202, answers[0].body)}
    assert [sorted(answer.headers.keys()) for answer in answers] == [sorted(answers[0].headers.keys())] * 4
    refused(Rest(machine.signed(bearer(ours))).get("tokens/"), 401, "token-wrong")
    assert Token.objects.get().leaked_at is not None


def test_whoever_is_signed_in_may_report_too(machine: WsgiClient, cast: Cast):
    ours = cast.token("reader")
    assert _report(Rest(machine.signed(cast.bearer("outsider"))), ours).status == 202
    assert Token.objects.filter(leaked_at__isnull=False).count() == 1


def test_a_token_may_report_itself(machine: WsgiClient, cast: Cast):
    ours = cast.token("reader")
    assert _report(Rest(machine.signed(bearer(ours))), ours).status == 202
    assert Token.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tokens": "tpi_x"},
        {"tokens": [1]},
        {"tokens": ["x"] * 101},
        {"tokens": ["x" * 5000]},
        {"tokens": [], "url": "u" * 501},
        {"tokens": [], "source": 7},
        {"tokens": [], "more": 1},
        ["tpi_x"],
    ],
)
def test_a_body_of_another_shape_is_refused(anybody: Rest, db: None, body: Any):
    refused(anybody.post("tokens/leaked/", body), 400)


def test_reports_are_counted_by_address(anybody: Rest, db: None):
    statuses = [_report(anybody, "x").status for _ in range(61)]
    assert statuses == [202] * 60 + [429]


def test_sixty_reports_a_minute_come_from_a_place_whichever_process_takes_them(anybody: Rest, db: None):
    statuses = []
    for _ in range(62):
        statuses.append(_report(anybody, "tpi_x").status)
        process_memory.forget()  # the next one meets another process
    assert statuses == [202] * 60 + [429] * 2
