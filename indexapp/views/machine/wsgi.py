"""The fast path: reads of installers answered in front of Django.

Everything else, and every read that this cannot answer, goes on to Django unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from django.conf import settings
from django.db import Error, connection
from prometheus_client import Counter

from indexapp.services.mirrors import waiting
from indexapp.views.machine import routes
from indexapp.views.machine.cold_pages import AwaitedPage
from indexapp.views.machine.messages import Feed, Later, LocalFile, Question, Reply
from tpi_site.kit import edge, request_context
from tpi_site.kit.request_context import RequestContext

log = logging.getLogger(__name__)
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_REASONS = {200: "OK", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified", **edge.TITLES}
_READS = Counter("tpi_machine_reads", "Reads of pages and files by installers.", ["status"])
_PIECE = 1024 * 1024
_Read = TypeVar("_Read")


class MachineReads:
    """WSGI middleware that answers pages and files itself."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or pass it on."""
        _strip_prefix(environ)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._application(environ, start_response)
        question = question_of(environ)
        if not routes.concerns(question.path):
            return self._application(environ, start_response)
        context = request_context.begin(environ)
        token = request_context.current.set(context)
        try:
            reply = answer(question)
            if reply is not None and not isinstance(reply, Reply):
                reply = _awaited(Waiting(question, reply, context), environ)
        finally:
            request_context.current.reset(token)
        if reply is None:
            return self._application(environ, start_response)
        _finish(reply, context)
        return send(reply, environ, start_response)


class Waiting:
    """A read whose answer comes later, as the server's poller takes it; every refusal is an answer."""

    def __init__(self, question: Question, later: Later, context: RequestContext) -> None:
        self._question, self._later, self._context = question, later, context
        self.listen, self.close = later.listen, later.close

    def poll(self) -> tuple[str, list[tuple[str, str]], bytes | Feed] | None:
        """Status line, headers and body as soon as they are known; never waits."""
        reply = self._run(self._later.reply)
        if reply is None:
            return None
        _finish(reply, self._context)
        assert not isinstance(reply.body, LocalFile)  # noqa: S101  what is on the disk needs no poller
        return _status_line(reply), reply.headers, cast("bytes | Feed", reply.body)

    def wait(self) -> Reply:
        """The reply, where a thread waits for it."""
        reply = self._run(self._later.wait)
        assert reply is not None  # noqa: S101  it was waited for
        return reply

    def _run(self, make: Callable[[], Reply | None]) -> Reply | None:
        token = request_context.current.set(self._context)
        try:
            reply = _by_a_living_connection(make)
        except Exception as error:  # noqa: BLE001  the edge, as below
            reply = _refused(self._question, error)
        finally:
            request_context.current.reset(token)
        if reply is not None and isinstance(reply.body, bytes):
            self._later.close()
        return reply


def _awaited(waiting: Waiting, environ: Environ) -> Reply:
    """Give the read to the server's poller, which ends the request here, or wait for the reply where there is none."""
    hand_over = environ.get("tpi.hand_over")
    if hand_over is not None:
        hand_over(waiting)
    return waiting.wait()


def _finish(reply: Reply, context: RequestContext) -> None:
    reply.headers.append(("X-Request-ID", context.request_id))
    _READS.labels(reply.status).inc()


def _status_line(reply: Reply) -> str:
    return f"{reply.status} {reply.reason or _REASONS.get(reply.status, '')}"


def _strip_prefix(environ: Environ) -> None:
    """Take the installation's prefix off the path; proxies are configured both ways, to pass it on and to remove it."""
    prefix = settings.FORCE_SCRIPT_NAME
    if prefix and environ.get("PATH_INFO", "").startswith(f"{prefix}/"):
        environ["PATH_INFO"] = environ["PATH_INFO"][len(prefix) :]


def question_of(environ: Environ) -> Question:
    """What the request asks; the path as UTF-8 below the installation's prefix."""
    path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
    get = environ.get
    return Question(
        path,
        get("QUERY_STRING", ""),
        environ["REQUEST_METHOD"] == "HEAD",
        get("HTTP_AUTHORIZATION", ""),
        get("HTTP_ACCEPT"),
        get("HTTP_ACCEPT_ENCODING", ""),
        get("HTTP_IF_NONE_MATCH"),
        get("HTTP_RANGE", ""),
        get("HTTP_IF_RANGE"),
        f"{environ['wsgi.url_scheme']}://{get('HTTP_HOST', '')}",
        get("HTTP_X_TPI_SITE", ""),
    )


def answer(question: Question) -> Reply | Later | None:
    """The reply, refusals and faults included; None when the address is no machine read."""
    try:
        with waiting.elsewhere():
            return _answer(question)
    except waiting.MustWait as must:
        return AwaitedPage(must, lambda: routes.answer(question))
    except Exception as error:  # noqa: BLE001  the edge: whatever happens becomes an answer
        return _refused(question, error)


def _refused(question: Question, error: Exception) -> Reply:
    refusal = edge.as_refusal(error)
    accept = question.accept or ""
    if refusal is None:
        log.error("A read failed: %s", question.path, exc_info=error)
    else:
        edge.tell(refusal, question.path, question.authorization)
    refused = edge.answer_for(refusal, accept) if refusal else edge.fault_answer(accept)
    headers = [("Content-Type", refused.content_type), ("Content-Length", str(len(refused.body)))]
    body = b"" if question.is_head else refused.body
    return Reply(refused.status, [*headers, *refused.headers.items()], body, refused.reason)


def _answer(question: Question) -> Reply | Later | None:
    return _by_a_living_connection(lambda: routes.answer(question))


def _by_a_living_connection(read: Callable[[], _Read]) -> _Read:
    """As ``read`` does, by a new connection to the database where the old one turns out to be dead.

    A read may be done twice; and asking first whether the connection lives, as is done for what goes on to Django, would cost
    every page a query.
    """
    try:
        return read()
    except Error:
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None:
            raise
    try:
        return read()
    except Error:
        connection.close_if_unusable_or_obsolete()
        raise


def send(reply: Reply, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Hand the reply to the WSGI server."""
    start_response(_status_line(reply), reply.headers)
    body = reply.body
    if isinstance(body, bytes):
        return (body,) if body else ()
    if isinstance(body, LocalFile):
        wrapper: Callable[..., Iterable[bytes]] | None = environ.get("wsgi.file_wrapper")
        if wrapper is None:
            return body.pieces()
        file = body.path.open("rb")
        file.seek(body.start)
        # The server stops at Content-Length, so a stretch of the file goes out by sendfile like the whole of it.
        return wrapper(file, _PIECE)
    return body
