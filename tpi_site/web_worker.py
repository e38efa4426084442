"""gunicorn's threaded worker, whose threads are for requests alone, and which lets go of the port as soon as it drains.

The stock worker gives a new connection to a thread at once, which waits five seconds for the first byte and for ever for
the rest of the head; as many silent or slow clients as there are threads (browsers connect before they need to) make the
process deaf.  It closes a connection in the thread that accepts the next ones, and waits there two seconds for a client that
does not close its end.  Here threads take what has come and wait for nothing: one thread collects the heads that come in
pieces, and sees off who was answered.  How slow a body may be is said in :mod:`tpi_site.kit.bodies`.  Who reads an answer may
take its time; who takes nothing of it for as long as an uploader may be silent is cut off by the kernel, which alone sees what
was taken: what a thread has sent waits in buffers, of which a slow reader frees a part every few minutes.

The stock worker also keeps its listening socket until the last request has ended.  When its master was killed, the next one
could then not bind for as long as one slow upload lasts, and who connects meanwhile would wait in a queue that nobody serves.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.errors import ConfigError
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from tpi_site.web_follower import Follower, HandedOver, Waiting

_HEAD_BYTES = 64 * 1024
"""The largest head: a line and some fields of the largest size that gunicorn's limits allow; proxies pass on less."""
_PIECE = 8192
_END = b"\r\n\r\n"
_PARTING_SECONDS = 2.0
_PARTING_BYTES = 64 * 1024
_MORE = object()
"""What a thread says that has received a part of a head."""
_NOBODY_THERE = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED)


def _called(application: Any, environ: dict[str, Any], start_response: Any) -> Any:
    """Call the application, which may hand the rest of the request over."""

    def hand_over(waiting: Waiting) -> None:
        response = start_response.__self__
        if environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
            response.force_close()  # what nobody reads of this request must not be taken for the next one
        raise HandedOver(waiting, response)

    environ["tpi.hand_over"] = hand_over
    return application(environ, start_response)


class Connection(TConn):  # type: ignore[misc]  # gunicorn is untyped
    """A connection with as much of the next request's head as has come, and what came since it was told to close."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.head = bytearray()
        self.is_whole = False
        self.ignored = 0

    def receive(self) -> bytes | None:
        """What has come; empty at the end, None when nothing is there after all."""
        try:
            return bytes(self.sock.recv(_PIECE))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def is_head_whole(self, piece: bytes) -> bool:
        """Whether ``piece``, which follows what came before, ends the head or makes it too long."""
        start = max(0, len(self.head) - len(_END) + 1)
        self.head += piece
        self.is_whole = self.head.find(_END, start) >= 0 or len(self.head) > _HEAD_BYTES
        return self.is_whole


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """A threaded worker for HTTP/1.1 in clear, as a proxy that ends TLS speaks it.

    ``pending_conns`` are connections whose head is awaited, ``keepalived_conns`` those that wait for a further request, and
    ``parting_conns`` those that were answered for the last time.  Each is in the order in which its time is up.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.parting_conns: deque[Connection] = deque()
        self._follower: Follower | None = None

    def load_wsgi(self) -> None:
        """As the base class, with a way for the application to have its answer sent later and elsewhere."""
        super().load_wsgi()
        self.wsgi: Any = partial(_called, vars(self)["wsgi"])
        self._follower = Follower(self._followed)

    def _followed(self, conn: Connection, may_stay: bool) -> None:  # noqa: FBT001  a callback
        """The answer of a connection that was handed over is sent, or cannot be; called in the follower's thread."""
        outcome: Future[Any] = Future()
        outcome.set_result(may_stay and self.alive)
        self.method_queue.defer(self.finish_request, conn, outcome)

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """As the base class; a handshake would be waited for where heads are collected, so there is none."""
        super().check_config(cfg, log)
        if cfg.is_ssl or cfg.http2_cleartext != "off" or cfg.protocol != "http" or cfg.proxy_protocol != "off":
            raise ConfigError("TPI speaks HTTP/1.1 in clear; let a proxy end TLS and HTTP/2.")

    def accept(self, listener: socket.socket) -> None:
        """Take in one who connects, and wait for the head."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in _NOBODY_THERE:
                raise
            return
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, settings.TPI_BODY_TIMEOUT * 1000)
        self.nr_conns += 1
        self._await_head(Connection(self.cfg, client, address, listener.getsockname()))

    def _await_head(self, conn: Connection) -> None:
        patience = settings.TPI_HEAD_TIMEOUT if self.alive else min(settings.TPI_HEAD_TIMEOUT, STOP_KEEPALIVE_LINGER)
        conn.timeout = time.monotonic() + patience
        conn.sock.setblocking(False)
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Let a thread receive the first piece, which nearly always is the whole head; what follows is collected here.

        Were all first pieces received here, requests would wait for this one thread when the others keep it from running.
        """
        piece = conn.receive() if conn.head else b""
        if piece is None or (piece and not conn.is_head_whole(piece)):
            return
        self.pending_conns.remove(conn)
        if piece or not conn.head:
            self.poller.unregister(client)
            self.enqueue_req(conn)
        else:
            self._forget(conn)

    def handle(self, conn: Connection) -> Any:
        """As the base class, if the head is here; the parser goes on with what has come already.  Waits for nothing else."""
        if conn.is_whole:
            came, conn.is_whole = bytes(conn.head), False
            conn.head.clear()
        else:
            piece = conn.receive()
            if not piece:
                return False if piece == b"" else _MORE
            if _END not in piece:
                conn.head += piece
                return _MORE
            came = piece
        conn.init()
        if _END not in came:
            self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders("the head is too long"))
            return False
        conn.data_ready = True
        conn.parser.unreader.unread(came)
        try:
            return super().handle(conn)
        except HandedOver as handed:
            return handed

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """As the base class; a client that took nothing for too long is one that went away, and no fault to be logged."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError as error:
            if error.errno != errno.ETIMEDOUT:
                raise
            raise BrokenPipeError(errno.EPIPE, "the client takes nothing") from None

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """As the base class, without waiting for anybody: the last goodbye takes its time in the poller."""
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self._part(conn)
        elif isinstance(fs.result(), HandedOver) and self._follower is not None:
            self._follower.take(conn, fs.result())
        elif fs.result() is _MORE:
            self._await_head(conn)
        elif more := conn.parser.unreader.take_buffered():
            # The next request, sent before this one was answered.  It no longer makes the socket readable.
            if conn.is_head_whole(more):
                self.enqueue_req(conn)
            else:
                self._await_head(conn)
        else:
            super().finish_request(conn, fs)

    def _part(self, conn: Connection) -> None:
        """Say that nothing more comes, and wait until the client has heard it.

        Closed at once, a connection on which something unread lies is reset, and its answer may be lost with it.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(conn)
            return
        conn.timeout = time.monotonic() + _PARTING_SECONDS
        self.parting_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_parting_socket_readable, conn))

    def on_parting_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """The client has closed, or still sends what nobody reads."""
        piece = conn.receive()
        if piece is None:
            return
        conn.ignored += len(piece)
        if not piece or conn.ignored > _PARTING_BYTES:
            self.parting_conns.remove(conn)
            self._forget(conn)

    def _forget(self, conn: Connection) -> None:
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close connections whose time is up, and the oldest that ask for nothing when there are too many.

        Called between two rounds of the poller, which therefore never names a connection that is closed.
        """
        now = time.monotonic()
        for conns in (self.pending_conns, self.parting_conns):
            while conns and conns[0].timeout <= now:
                self._forget(conns.popleft())
        for conns in (self.pending_conns, self.parting_conns, self.keepalived_conns):
            while conns and self.nr_conns >= self.worker_connections:
                self._forget(conns.popleft())

    def _cap_keepalive(self, deadline: float) -> None:
        """As the base class, when the worker drains: who has not asked yet has no more time than who may ask again."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001  the base class's signature
        """As the base class; a worker that was told to end, or lost its master, never accepts again."""
        super().set_accept_enabled(enabled)
        if not enabled and not (self.alive and self.is_parent_alive()):
            while self.sockets:
                self._close(self.sockets.pop())

    def _close(self, listener: socket.socket) -> None:
        """Close the listener; connections that the kernel has already made would otherwise be reset."""
        before = -1
        while before < self.nr_conns < self.worker_connections:
            before = self.nr_conns
            self.accept(listener)
        listener.close()
