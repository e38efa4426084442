"""Forms and REST bodies are received before a view waits for them."""

from __future__ import annotations

import socket
from threading import BoundedSemaphore
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from gunicorn.http import body as gunicorn_body
from gunicorn.http.unreader import SocketUnreader

from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient
from tpi_site.kit import bodies, small_bodies
from tpi_site.kit.small_bodies import SmallBodyMiddleware


def seen_by_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(repr((request.POST.get("a"), request.body)))


def form(sender: socket.socket, announced: int, path: str = "/account/sign-in/") -> WSGIRequest:
    source = gunicorn_body.Body(gunicorn_body.LengthReader(SocketUnreader(sender), announced))
    return WSGIRequest(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "SERVER_NAME": "tpi.example",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": "application/x-www-form-urlencoded",
            "CONTENT_LENGTH": str(announced),
            "wsgi.input": source,
            "gunicorn.socket": sender,
        }
    )


def test_a_form_that_comes_is_seen_as_it_was_sent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"a=1&b=2")
        response = SmallBodyMiddleware(seen_by_view)(form(ours, 7))
    assert response.content == b"('1', b'a=1&b=2')"


def test_a_form_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_bodies, "_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"a=")
        response = SmallBodyMiddleware(seen_by_view)(form(ours, 7))
    assert (response.status_code, b"body-cut-off" in response.content) == (400, True)


@pytest.mark.parametrize("path", ["/legacy/", "/main/legacy"])
def test_uploads_read_their_own(path: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = form(ours, 7, path)
        SmallBodyMiddleware(lambda _: HttpResponse())(request)
        theirs.sendall(b"a=1&b=2")
        assert request.body == b"a=1&b=2"


@pytest.mark.django_db
def test_when_all_turns_are_taken_a_form_is_told_to_come_later(
    cast: Cast, machine: WsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_turns", BoundedSemaphore(1))
    monkeypatch.setattr(bodies, "_TURN_SECONDS", 0.01)
    asker: Any = machine.signed(cast.bearer("reader"))
    with bodies.turn():
        answer = asker.post("/api/v1/tokens/", b"{}", Content_Type="application/json")
        assert (answer.status, answer.code) == (503, "uploads-busy")
        assert asker.get("/api/v1/indexes/").status == 200
