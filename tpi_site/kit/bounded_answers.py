"""Answers of AWS's protocols are read whole only up to a bound.

botocore reads a refusal, and each answer that is not a stream, into memory to its end, however long the server makes it: a
bucket that answers 404 with gigabytes would fill the node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import HTTPClientError
from urllib3.exceptions import HTTPError

MOST_OF_REFUSAL = 2**18
"""Bytes; S3's and KMS's refusals have hundreds."""
MOST = 2**24
"""Bytes of an answer; the longest is a list of a thousand names of a thousand characters each, in XML."""
_PIECE = 2**14
_REFUSED = 300


class AnswerTooLong(HTTPClientError):  # type: ignore[misc]  # botocore is untyped
    """The server goes on after the bound."""

    fmt = "The answer has more than {most} bytes and was read no further."


def bound(client: Any) -> Any:
    """``client``, one of boto3's, that gives up an answer which grows too long as if the server had broken it off.

    A client that is bound already stays as it is.
    """
    session = client._endpoint.http_session  # noqa: SLF001  boto3 takes no other
    # Each that is registered would send the request; the id lets the second of one client pass.
    client.meta.events.register("before-send", lambda request, **_: _answer(session, request), unique_id=__name__)
    return client


def _answer(session: Any, request: AWSPreparedRequest) -> AWSResponse:
    """What ``session`` gets, in memory unless it is a stream that the request asked for."""
    is_stream = request.stream_output
    request.stream_output = True  # so that the session leaves the body where it is
    try:
        answer: AWSResponse = session.send(request)
    finally:
        request.stream_output = is_stream
    is_refused = answer.status_code >= _REFUSED
    if is_stream and not is_refused:
        return answer
    body = _Bounded(answer.raw, MOST_OF_REFUSAL if is_refused else MOST)
    bounded = AWSResponse(answer.url, answer.status_code, answer.headers, body)
    _ = bounded.content  # which keeps it
    return bounded


class _Bounded:
    """A body as :class:`AWSResponse` reads it whole."""

    def __init__(self, raw: Any, most: int) -> None:
        self._raw, self._most = raw, most

    def stream(self) -> Iterator[bytes]:
        """The pieces; more than the bound closes the connection, for what follows is still on it."""
        size = 0
        try:
            for piece in self._raw.stream(_PIECE):
                size += len(piece)
                if size > self._most:
                    self._raw.close()
                    raise AnswerTooLong(most=self._most)
                yield piece
        except HTTPError as error:
            raise HTTPClientError(error=error) from error
