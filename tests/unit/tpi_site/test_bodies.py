from __future__ import annotations

import fcntl
import os
import resource
import socket
from collections.abc import Iterator
from io import BytesIO
from threading import BoundedSemaphore, Event, Thread
from typing import Any

import pytest
from gunicorn.http import body as gunicorn_body
from gunicorn.http.unreader import SocketUnreader

from tpi_site.kit import bodies
from tpi_site.kit.bodies import Body
from tpi_site.kit.errors import Invalid, Unavailable


def body(content: bytes, length: int | None = None) -> Body:
    announced = len(content) if length is None else length
    return Body({"wsgi.input": BytesIO(content), "CONTENT_LENGTH": str(announced)})


def test_it_ends_at_its_announced_length() -> None:
    one = body(b"abcdef and the next request", 6)
    assert (one.read(4), one.read(4), one.read(4), one.left) == (b"abcd", b"ef", b"", 0)


def test_one_that_ends_early_is_refused_once() -> None:
    one = body(b"abc", 10)
    assert one.read(4) == b"abc"
    with pytest.raises(Invalid) as caught:
        one.read(4)
    assert caught.value.code == "body-cut-off"
    one.drain()
    assert one.read(4) == b""


@pytest.mark.parametrize("text", [None, "", "many", "-1", "1.0", "٣", " 3", "9" * 21, "9" * 5000])
def test_one_without_a_length_is_refused_when_it_is_wanted(text: str | None) -> None:
    environ: dict[str, Any] = {"wsgi.input": BytesIO(b"abc")}
    one = Body(environ if text is None else environ | {"CONTENT_LENGTH": text})
    with pytest.raises(Invalid) as caught:
        assert one.length
    assert caught.value.code == "length-missing"
    one.drain()
    assert one.read(3) == b""


def test_an_empty_one_has_a_length() -> None:
    assert body(b"").length == 0


def test_the_rest_is_thrown_away_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    one = body(b"x" * 5000)
    one.read(10)
    one.drain()
    assert one.left == 0
    monkeypatch.setattr(bodies, "_DRAIN_BYTES", 1000)
    other = body(b"x" * 5000)
    other.drain()
    assert other.left == 4000


def test_a_server_with_many_connections_drains_too(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of an open file may be above what select() takes."""
    monkeypatch.setattr(bodies, "_DRAIN_SILENCE", 0.02)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    ours, theirs = pair
    low = ours.detach()
    high = fcntl.fcntl(low, fcntl.F_DUPFD, 1500)
    os.close(low)
    with socket.socket(fileno=high) as many:
        one, reader = over(many, 10)
        with reader:
            theirs.sendall(b"abc")
            one.drain()
    assert one.left == 7


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def over(ours: socket.socket, length: int) -> tuple[Body, Any]:
    reader = ours.makefile("rb", buffering=0)
    return Body({"wsgi.input": reader, "gunicorn.socket": ours, "CONTENT_LENGTH": str(length)}), reader


def test_a_sender_that_falls_silent_is_not_waited_for(pair: tuple[socket.socket, socket.socket], settings: Any) -> None:
    settings.TPI_BODY_TIMEOUT = 0.05
    ours, theirs = pair
    one, reader = over(ours, 100)
    with reader:
        theirs.sendall(b"abc")
        assert one.read(3) == b"abc"
        with pytest.raises(Invalid) as caught:
            one.read(10)
    assert caught.value.code == "body-cut-off"
    assert ours.gettimeout() is None


def test_draining_a_silent_sender_ends(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_DRAIN_SILENCE", 0.02)
    ours, theirs = pair
    one, reader = over(ours, 10**9)
    with reader:
        theirs.sendall(b"abc")
        one.drain()
    assert one.left == 10**9 - 3


def test_draining_one_that_went_away_ends(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    one, reader = over(ours, 10**9)
    with reader:
        theirs.close()
        one.drain()
    assert one.left == 10**9


def test_a_sender_that_drips_is_given_up_though_it_never_falls_silent(
    pair: tuple[socket.socket, socket.socket], settings: Any
) -> None:
    settings.TPI_BODY_TIMEOUT = 0.2
    ours, theirs = pair
    stop = Event()

    def drip() -> None:
        while not stop.wait(0.01):
            theirs.send(b"x")

    unreader = SocketUnreader(ours)
    source = gunicorn_body.Body(gunicorn_body.LengthReader(unreader, 10**6))
    one = Body({"wsgi.input": source, "gunicorn.socket": ours, "CONTENT_LENGTH": str(10**6)})
    sender = Thread(target=drip)
    sender.start()
    try:
        with pytest.raises(Invalid) as caught:
            one.read(10**5)
        assert sender.is_alive()
    finally:
        stop.set()
        sender.join()
    assert caught.value.code == "body-cut-off"
    assert unreader.sock is ours
    assert ours.gettimeout() is None


def test_what_comes_steadily_is_read_though_it_takes_longer_than_silence_may(
    pair: tuple[socket.socket, socket.socket], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_LEAST_BYTES", 100)
    settings.TPI_BODY_TIMEOUT = 0.3
    ours, theirs = pair
    source = gunicorn_body.Body(gunicorn_body.LengthReader(SocketUnreader(ours), 1000))
    one = Body({"wsgi.input": source, "gunicorn.socket": ours, "CONTENT_LENGTH": "1000"})

    def send() -> None:
        for _ in range(10):
            theirs.send(b"x" * 100)
            Event().wait(0.05)

    sender = Thread(target=send)
    sender.start()
    assert len(one.read(1000)) == 1000
    sender.join()


def test_when_all_turns_are_taken_others_are_told_and_nothing_is_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_turns", BoundedSemaphore(1))
    monkeypatch.setattr(bodies, "_TURN_SECONDS", 0.01)
    one = body(b"abc")
    with bodies.turn():
        with pytest.raises(Unavailable) as caught, bodies.turn():
            pass
        one.drain()
    assert (caught.value.code, one.left) == ("uploads-busy", 3)
    one.drain()
    assert one.left == 0
