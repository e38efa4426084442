"""Clients that say nothing, speak slowly or never hang up take nothing from those who ask."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from threading import Event, Thread

import pytest

from tests.builders.wheels import build_wheel
from tests.servers.ports import LOOPBACK
from tests.servers.raw import answer_on, exchange, head
from tests.servers.tpi import TpiServer
from tests.servers.wire import Session, basic

pytestmark = pytest.mark.functional
THREADS = 2
MANY = 20 * THREADS
CONNECTIONS = 1000
"""As many as deploy/gunicorn.conf.py lets a process have."""
ALIVE = head("GET", "/livez", {})
_PATIENCE = 60.0


@pytest.fixture(scope="module")
def tpi() -> Iterator[TpiServer]:
    """One process of few threads, which waits longer for a head than these tests take."""
    settings = {"TPI_WORKERS": "1", "TPI_THREADS": str(THREADS), "TPI_HEAD_TIMEOUT": "600", "TPI_DRAIN_SECONDS": "600"}
    with TpiServer(settings=settings) as server:
        yield server


@pytest.fixture(scope="module")
def token(tpi: TpiServer) -> str:
    return tpi.token


@contextmanager
def connections(tpi: TpiServer, number: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection((LOOPBACK, tpi.port), _PATIENCE)) for _ in range(number)]


def require_answers(tpi: TpiServer, token: str) -> None:
    """An installer's first request, on a connection that was not there before, and its next one on the same."""
    with Session(tpi.url, basic(token), timeout=_PATIENCE) as session:
        assert [session.get("/simple/").status for _ in range(2)] == [200, 200]


def is_open(connection: socket.socket) -> bool:
    """Whether the server has neither answered nor closed."""
    connection.setblocking(False)
    try:
        return connection.recv(1) is None
    except BlockingIOError:
        return True
    finally:
        connection.settimeout(_PATIENCE)


def test_who_says_nothing_takes_no_thread(tpi: TpiServer, token: str) -> None:
    with connections(tpi, MANY) as silent:
        require_answers(tpi, token)
        assert all(map(is_open, silent))
        for each in silent:
            each.sendall(ALIVE)
        assert {answer_on(each).status for each in silent} == {200}
        require_answers(tpi, token)
        assert all(map(is_open, silent)), "they wait for a further request"


def test_a_head_that_trickles_in_takes_no_thread(tpi: TpiServer, token: str) -> None:
    with connections(tpi, MANY) as slow:
        for at, byte in enumerate(ALIVE):
            for each in slow:
                each.sendall(bytes([byte]))
            if at % 10 == 0:
                require_answers(tpi, token)
                assert all(map(is_open, slow))
        assert {answer_on(each).status for each in slow} == {200}
        for each in slow:
            each.sendall(ALIVE[:-1])
        require_answers(tpi, token)
        assert all(map(is_open, slow)), "a further head is waited for in the same way"
        for each in slow:
            each.sendall(ALIVE[-1:])
        assert {answer_on(each).status for each in slow} == {200}


def test_who_does_not_hang_up_is_not_waited_for(tpi: TpiServer, token: str) -> None:
    """Were each waited for in turn, all of them would take longer than a client waits."""
    with connections(tpi, MANY) as lasting:
        for each in lasting:
            each.sendall(head("GET", "/livez", {"Connection": "close"}))
        require_answers(tpi, token)
        assert {answer_on(each).status for each in lasting} == {200}
        assert {each.recv(1) for each in lasting} == {b""}


def test_requests_that_come_before_the_answer_are_answered_in_turn(tpi: TpiServer, token: str) -> None:
    last = head("GET", "/livez", {"Connection": "close"})
    with connections(tpi, 1) as (hurried,):
        hurried.sendall(ALIVE * 3 + last[:20])
        came = b""
        while came.count(b"HTTP/1.1 200") < 3 and (piece := hurried.recv(65536)):
            came += piece
        require_answers(tpi, token)
        hurried.sendall(last[20:])
        while piece := hurried.recv(65536):
            came += piece
        assert came.count(b"HTTP/1.1 200") == 4


def test_of_too_many_connections_the_oldest_are_closed(tpi: TpiServer, token: str) -> None:
    with connections(tpi, CONNECTIONS + 50) as silent:
        require_answers(tpi, token)
        assert silent[0].recv(1) == b""
        assert is_open(silent[-1])


@pytest.mark.parametrize("size", [63_000, 1_000_000])
def test_a_head_without_an_end_is_refused(tpi: TpiServer, token: str, size: int) -> None:
    assert exchange(tpi.port, ALIVE[:-2] + b"X: " + b"a" * size + b"\r\n\r\n", timeout=_PATIENCE).status == 431
    require_answers(tpi, token)


def test_nobody_who_has_not_asked_delays_a_stop(tpi: TpiServer, token: str) -> None:
    with connections(tpi, 3) as (silent, slow, idle):
        slow.sendall(ALIVE[:20])
        idle.sendall(ALIVE)
        assert answer_on(idle).status == 200
        require_answers(tpi, token)
        assert tpi.stop() == 0
        assert [each.recv(1) for each in (silent, slow, idle)] == [b"", b"", b""]
    tpi.start()


def test_a_head_has_its_time_however_it_trickles() -> None:
    with TpiServer(settings={"TPI_HEAD_TIMEOUT": "3"}) as hasty, connections(hasty, 3) as (silent, slow, further):
        further.sendall(ALIVE)
        assert answer_on(further).status == 200
        further.sendall(ALIVE[:20])
        assert closes(slow, ALIVE[:20])
        assert silent.recv(1) == b""
        assert further.recv(1) == b""
        assert exchange(hasty.port, ALIVE).status == 200


def closes(connection: socket.socket, begin: bytes) -> bool:
    """Whether the server closes in the end, when a byte of an endless header comes ten times a second."""
    connection.sendall(begin)
    connection.settimeout(0.1)
    for _ in range(600):
        try:
            connection.sendall(b"a")
            return connection.recv(1) == b""
        except TimeoutError:
            pass
        except OSError:
            return True
    return False


_LITTLE = 8192
NOISE = Random(9).randbytes(16 * 2**20)
"""More than the kernel's buffers hold for one connection, and nothing that compression makes less."""


def reading(port: int, request: bytes, number: int, stack: ExitStack) -> list[socket.socket]:
    """Clients that have asked, and of whose answer this machine keeps little before they take it."""
    found = []
    for _ in range(number):
        each = stack.enter_context(socket.socket())
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        each.settimeout(_PATIENCE)
        each.connect((LOOPBACK, port))
        each.sendall(request)
        found.append(each)
    return found


def taken(connection: socket.socket) -> int:
    """The bytes that still come until the end, however that comes."""
    came = 0
    try:
        while piece := connection.recv(2**20):
            came += len(piece)
    except ConnectionError:
        pass
    return came


@contextmanager
def taking_little(connection: socket.socket) -> Iterator[list[int]]:
    """Somebody who takes a little of the answer again and again; the bytes of each time."""
    came, ended = [len(connection.recv(_LITTLE))], Event()

    def take() -> None:
        while not ended.wait(0.05):
            came.append(len(connection.recv(_LITTLE)))

    thread = Thread(target=take)
    thread.start()
    try:
        yield came
    finally:
        ended.set()
        thread.join()


def test_who_takes_nothing_of_an_answer_is_cut_off_and_who_takes_it_slowly_is_not() -> None:
    few = {"TPI_WORKERS": "1", "TPI_THREADS": str(THREADS), "TPI_BODY_TIMEOUT": "6"}
    with TpiServer(settings=few) as hasty, ExitStack() as stack:
        credentials = basic(hasty.token)
        with Session(hasty.url, credentials) as session:
            assert session.upload(build_wheel(files={"noise.bin": NOISE})).status == 200
            path = session.page("acme-tool")["files"][0]["url"]
        request = head("GET", path, {**credentials, "Connection": "close"})
        (slow,) = reading(hasty.port, request, 1, stack)
        with taking_little(slow) as came:
            silent = reading(hasty.port, request, 2 * THREADS, stack)
            require_answers(hasty, hasty.token)
        assert sum(came) < len(NOISE) / 2, "it was slow"
        assert sum(came) + taken(slow) > len(NOISE)
        assert max(map(taken, silent)) < len(NOISE)
        assert "Traceback" not in hasty.log
