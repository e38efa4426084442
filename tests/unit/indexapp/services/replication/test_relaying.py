"""What a replica says of an upload that its primary took, refused, or said nothing of."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

import pytest

from indexapp.clients import relaying as client
from indexapp.clients.primary import PrimaryFailed, require_confidential
from indexapp.clients.relaying import Told, Upload
from indexapp.models import File, Following, Index
from indexapp.services.replication import epochs, relaying
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import multipart
from tests.factories.replication import make_following
from tests.servers.fixed import Fixed
from tests.wsgi_client import Answer, WsgiClient
from tpi_site.kit import bodies, read_only

pytestmark = [pytest.mark.database, pytest.mark.django_db]
WHEEL = build_wheel()
SITE = uuid4()
TAKEN = {"X-TPI-Serial": "0", "X-TPI-Site": str(SITE)}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(relaying, "_PAUSE", 0.0)


@pytest.fixture
def uploader(cast: Cast, machine: WsgiClient) -> Iterator[WsgiClient]:
    yield machine.signed(cast.bearer("uploader"))
    read_only.remember(None, float("inf"))


def follow(url: str, **values: Any) -> Following:
    row = make_following(url, primary_site=SITE, **values)
    read_only.remember(None, float("inf"), of=url)
    return row


def post(client: WsgiClient, url: str = "/legacy/", content: Any = WHEEL, **headers: str) -> Answer:
    body, content_type = multipart(content)
    return client.post(url, body, Content_Type=content_type, **headers)


@pytest.mark.parametrize("url", ["/legacy/", "/main/legacy/"])
def test_the_primary_is_shown_who_sends_and_gets_the_same_form(uploader: WsgiClient, url: str) -> None:
    with Fixed(200, b"a warning\n", TAKEN) as primary:
        follow(primary.url)
        answers = [post(uploader, url), post(uploader, url)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"a warning\n")] * 2
    first, second = primary.sent
    assert first.path == "/main/legacy/"
    assert first.headers["authorization"] == uploader.headers["Authorization"]
    assert first.headers["x-tpi-relay"] == str(epochs.site())
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert "tpi_nothing" not in str(first.headers), "the replica's own secret"
    assert WHEEL.content in first.body
    assert not File.objects.exists()


def test_other_bytes_have_another_key(uploader: WsgiClient) -> None:
    with Fixed(200, b"", TAKEN) as primary:
        follow(primary.url)
        post(uploader)
        post(uploader, content=build_wheel(files={"acme_tool/__init__.py": b"other"}))
    assert len({sent.headers["idempotency-key"] for sent in primary.sent}) == 2


@pytest.mark.parametrize(
    ("status", "code"), [(400, "file-exists"), (401, "token-wrong"), (403, "forbidden"), (413, "x"), (507, "quota")]
)
def test_what_the_primary_refuses_is_refused_with_its_words(uploader: WsgiClient, status: int, code: str) -> None:
    problem = json.dumps({"status": status, "code": code, "detail": "Because."}).encode()
    with Fixed(status, problem) as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code, answer.reason) == (status, code, "Because.")


@pytest.mark.parametrize("status", [429, 503])
def test_for_how_long_the_primary_asks_to_wait_is_said(uploader: WsgiClient, status: int) -> None:
    problem = json.dumps({"status": status, "code": "busy", "detail": "Wait."}).encode()
    with Fixed(status, problem, {"Retry-After": "77"}) as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (status, "busy", "77")


def test_a_proxy_before_the_primary_that_is_asked_too_often_is_passed_on(uploader: WsgiClient) -> None:
    with Fixed(429, b"<html></html>", {"Retry-After": "77"}) as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (429, "primary-busy", "77")


@pytest.mark.parametrize("status", [500, 502])
def test_a_primary_that_fails_is_told_with_its_status_and_its_sentence(uploader: WsgiClient, status: int) -> None:
    problem = json.dumps({"status": status, "code": "oops", "detail": "It broke."}).encode()
    with Fixed(status, problem, {"Retry-After": "33"}) as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "primary-unavailable", "33")
    assert f"{status}: It broke." in answer.reason


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"welcome", {}),
        (200, b"", {"X-TPI-Serial": "many", "X-TPI-Site": str(SITE)}),
        (200, b"", {"X-TPI-Serial": "0", "X-TPI-Site": str(uuid4())}),
        (404, b"<html></html>", {}),
        (409, b'{"status": 409, "code": "x", "detail": "y"}', {}),
        (500, b'{"status": 400, "code": "x", "detail": "y"}', {}),
        (400, b'{"status": 400', {}),
        (302, b"", {"Location": "http://elsewhere.example/"}),
        (200, b"x" * (1024 * 1024 + 1), TAKEN),
    ],
)
def test_what_is_no_answer_of_a_primary(
    uploader: WsgiClient, status: int, body: bytes, headers: dict[str, str]
) -> None:
    with Fixed(status, body, headers) as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code) == (503, "primary-unavailable")
    assert answer.headers["Retry-After"]


def test_a_primary_that_hangs_is_given_up(uploader: WsgiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIMITS", replace(client.LIMITS, step=0.2))
    with Fixed(0, b"") as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code) == (503, "primary-unavailable")
    assert len(primary.sent) == 1, "who is slow is not asked twice"


def test_uploads_that_wait_for_the_primary_leave_turns_for_what_comes_in(
    uploader: WsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_TURN_SECONDS", 0.05)
    monkeypatch.setattr(bodies, "_turns", BoundedSemaphore(3))
    monkeypatch.setattr(bodies, "_long_turns", BoundedSemaphore(1))
    seen: list[Answer] = []

    def _meanwhile(*_: Any) -> Told:
        """While one waits for the primary a second is told to come again, and forms still come in."""
        seen.append(post(uploader))
        with bodies.turn():
            pass
        raise PrimaryFailed("It hangs.", "too-slow")

    monkeypatch.setattr(client, "hand_on", _meanwhile)
    follow("http://127.0.0.1:9/")
    assert post(uploader).code == "primary-unavailable"
    assert [(answer.status, answer.code) for answer in seen] == [(503, "uploads-busy")]


def test_what_is_taken_and_does_not_come_is_said_to_be_taken(
    uploader: WsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "PATIENCE", 0.1)
    with Fixed(200, b"", TAKEN | {"X-TPI-Serial": "999999"}) as primary:
        follow(primary.url)
        answer = post(uploader)
    assert (answer.status, answer.code) == (503, "taken-not-here-yet")
    assert "is published" in answer.reason


@pytest.mark.parametrize(
    ("way", "code"),
    [
        (lambda: ", ".join(str(uuid4()) for _ in range(relaying.MOST_HOPS)), "relay-loop"),
        (lambda: f"{uuid4()}, {epochs.site()}", "relay-loop"),
        (lambda: "somebody", "relay-malformed"),
    ],
)
def test_a_circle_ends(uploader: WsgiClient, way: Any, code: str) -> None:
    with Fixed(200, b"", TAKEN) as primary:
        follow(primary.url)
        assert post(uploader, X_TPI_Relay=way()).code == code
    assert not primary.sent


def test_a_replica_of_a_replica_hands_the_key_on(uploader: WsgiClient) -> None:
    before = str(uuid4())
    with Fixed(200, b"", TAKEN) as primary:
        follow(primary.url)
        answer = post(uploader, X_TPI_Relay=before, Idempotency_Key="the-first-ones")
    assert answer.headers["X-TPI-Site"] == str(epochs.site())
    assert answer.headers["X-TPI-Serial"] == str(epochs.newest_serial())
    (sent,) = primary.sent
    assert sent.headers["x-tpi-relay"] == f"{before}, {epochs.site()}"
    assert sent.headers["idempotency-key"] == "the-first-ones"


def test_who_may_not_or_is_nobody_is_refused_here(machine: WsgiClient, cast: Cast, uploader: WsgiClient) -> None:
    reader = machine.signed(cast.bearer("reader"))
    with Fixed(200, b"", TAKEN) as primary:
        row = follow(primary.url)
        assert post(machine).status == 401
        assert post(reader).status == 403
        Following.objects.filter(pk=row.pk).update(is_paused=True)
        assert post(uploader).code == "read-only"
        read_only.remember("a move", float("inf"), of=primary.url)
        assert post(uploader).code == "read-only"
    assert not primary.sent


def test_what_comes_directly_is_told_nothing_of_sites(uploader: WsgiClient, main: Index) -> None:
    answer = post(uploader)
    assert answer.status == 200
    assert answer.headers["X-TPI-Site"] is None
    assert answer.headers["X-TPI-Serial"] is None
    answer = post(uploader, X_TPI_Relay=str(uuid4()), Idempotency_Key="k")
    assert (answer.status, answer.headers["X-TPI-Serial"]) == (200, str(epochs.newest_serial()))


def test_credentials_are_not_sent_over_the_open_network_in_clear() -> None:
    with pytest.raises(PrimaryFailed) as refused:
        client.hand_on("http://8.8.8.8/", "", Upload("main", "text/plain", 0, ()), {})
    assert refused.value.code == "relay-insecure"
    require_confidential("https://8.8.8.8/", "relay-insecure", "it is")
    require_confidential("http://127.0.0.1/", "relay-insecure", "it is")


def test_memory_does_not_grow_with_the_file(uploader: WsgiClient) -> None:
    content = build_wheel(files={"acme_tool/__init__.py": b"", "acme_tool/data": Random(1).randbytes(48 * 1024 * 1024)})
    body, content_type = multipart(content)
    with Fixed(503, b'{"status": 503, "code": "x", "detail": "y"}') as primary:
        follow(primary.url)
        tracemalloc.start()
        answer = uploader.post("/legacy/", body, Content_Type=content_type)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.code == "x"
    assert peak < 24 * 1024 * 1024
