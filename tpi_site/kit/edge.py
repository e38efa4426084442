"""The one place where refusals become HTTP.

Machine clients get ``application/problem+json`` (RFC 9457) or plain text by ``Accept``, with the same sentence in the
reason phrase, because several upload clients show nothing else; browsers get a page.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, Error, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework import exceptions as rest

from tpi_site.kit import errors, shared_cache
from tpi_site.kit.errors import Kind, Refusal, Throttled, Unavailable

log = logging.getLogger(__name__)

STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.UNSUPPORTED: 405,
    Kind.GONE: 410,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.THROTTLED: 429,
    Kind.UNAVAILABLE: 503,
    Kind.NO_SPACE: 507,
}
TITLES = {
    400: "Bad request",
    401: "Sign-in needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    410: "Gone",
    413: "Too large",
    415: "Media type not supported",
    416: "Range not satisfiable",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
    507: "No space left",
}
CHALLENGE = 'Basic realm="Trusted Packaging Index", charset="UTF-8"'
_BREAKS = re.compile(r"[\x00-\x1f\x7f]+")
_MAX_REASON = 400


@dataclass(frozen=True)
class Answer:
    """A refusal as it goes over the wire, framework-free, so that the fast path and Django views share it."""

    status: int
    reason: str
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def reason_phrase(sentence: str) -> str:
    """``sentence`` as a reason phrase: one line, Latin-1, of bounded length."""
    line = _BREAKS.sub(" ", sentence).encode("latin-1", "replace").decode("latin-1")
    return line[:_MAX_REASON]


def answer_for(refusal: Refusal, accept: str = "") -> Answer:
    """The machine answer for ``refusal``; ``accept`` is the request's Accept header."""
    members: dict[str, Any] = {}
    if isinstance(refusal, errors.InvalidFields):
        members["errors"] = {name: [sentence] for name, sentence in refusal.fields.items()}
    headers = _extra_headers(refusal)
    return problem_answer(STATUS[refusal.kind], refusal.code, refusal.detail, accept, headers, **members)


def problem_answer(
    status: int, code: str, detail: str, accept: str = "", headers: dict[str, str] | None = None, **members: Any
) -> Answer:
    """Problem+json, or plain text where that is all the client takes."""
    headers = {"Cache-Control": "no-store", "Vary": "Accept", **(headers or {})}
    if _wants_plain_text(accept):
        return Answer(status, reason_phrase(detail), "text/plain; charset=utf-8", f"{detail}\n".encode(), headers)
    title = TITLES.get(status, "Refused")
    problem = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    problem |= {"message": detail, **members}
    body = json.dumps(problem, ensure_ascii=False).encode() + b"\n"
    return Answer(status, reason_phrase(detail), "application/problem+json", body, headers)


def _wants_plain_text(accept: str) -> bool:
    """Whether plain text is asked for and JSON is not."""
    accept = accept.lower()
    return "text/plain" in accept and "json" not in accept and "*/*" not in accept


def _extra_headers(refusal: Refusal) -> dict[str, str]:
    if refusal.kind is Kind.UNAUTHENTICATED:
        return {"WWW-Authenticate": CHALLENGE}
    if isinstance(refusal, Throttled | Unavailable):
        return {"Retry-After": str(refusal.retry_after)}
    return {}


def as_refusal(error: BaseException) -> Refusal | None:
    """The refusal that ``error`` amounts to, or None for a fault of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Http404):
        return errors.NotFound("There is nothing at this address; check it for typing errors.")
    if isinstance(error, PermissionDenied):
        return errors.Forbidden(str(error) or "You are signed in, but you may not do this here.")
    if isinstance(error, DjangoValidationError):
        return errors.Invalid(" ".join(error.messages), code="invalid")
    if isinstance(error, RequestDataTooBig):
        return errors.TooLarge("The request's body is larger than this address takes.")
    if isinstance(error, SuspiciousOperation):
        return errors.Invalid("The request is malformed and was refused.", code="request-malformed")
    return _from_below(error)


def _from_below(error: BaseException) -> Refusal | None:
    """What the database, the cache, the disk or whatever apps have named could not do."""
    if isinstance(error, Error):
        return _from_database(error)
    if shared_cache.is_away(error):
        log.error("The shared cache refused the request.", exc_info=error)
        return errors.Unavailable("The shared cache cannot be reached at the moment; try again in a few seconds.")
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return errors.NoSpace("The server's disk is full; reading goes on, writing must wait until space is made.")
    for kind, made in _translations.items():
        if isinstance(error, kind):
            log.error("What lies below refused the request.", exc_info=error)
            return made()
    return None


_translations: dict[type[Exception], Callable[[], Refusal]] = {}


def translate(kind: type[Exception], into: Callable[[], Refusal]) -> None:
    """Let every ``kind`` that no view has caught be answered with ``into()``; apps name what their lower rooms raise."""
    _translations[kind] = into


_NO_SPACE = (28, 122)  # ENOSPC, EDQUOT


def _from_database(error: Error) -> Refusal | None:
    if isinstance(error, IntegrityError):
        # A constraint that a check before the write did not foresee; upload clients repeat what is answered 503.
        log.warning("A request met a constraint.", exc_info=error)
        return errors.Unavailable("Somebody else changed this at the same moment; try again.", code="changed-meanwhile")
    if isinstance(error, DataError):
        log.warning("A request held a value that cannot be stored.", exc_info=error)
        return errors.Invalid(
            "A value is too long, or has characters that cannot be stored.", code="value-not-storable"
        )
    if is_database_away(error):
        log.error("The database refused the request.", exc_info=error)
        return errors.Unavailable("The database cannot be reached at the moment; try again in a few seconds.")
    return None


_READ_ONLY = "25006"
"""PostgreSQL's state of a statement that would write on a server that is no primary, or no longer one."""


def is_database_away(error: BaseException | None) -> bool:
    """Whether ``error`` is the database's saying that it cannot be asked now, or what came of going on after that."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OperationalError | InterfaceError) or getattr(error, "sqlstate", "") == _READ_ONLY:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


RefusalListener = Callable[[Refusal, str, str, HttpRequest | None], None]
_listeners: list[RefusalListener] = []
_TOLD = {Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.THROTTLED}


def on_refusal(listener: RefusalListener) -> None:
    """Have ``listener`` told of refusals for want of credentials, rights or sight; it must neither wait nor fail.

    It is given the refusal, the path, the ``Authorization`` header, and the Django request if there is one.
    """
    _listeners.append(listener)


def tell(refusal: Refusal, path: str, authorization: str, request: HttpRequest | None = None) -> None:
    """Tell the listeners of a refusal that is about to be answered."""
    if refusal.kind in _TOLD or isinstance(refusal, errors.Unseen):
        for listener in _listeners:
            listener(refusal, path, authorization, request)


def _tell_of(request: HttpRequest, refusal: Refusal) -> None:
    tell(refusal, request.path_info, request.META.get("HTTP_AUTHORIZATION", ""), request)


def wants_page(request: HttpRequest) -> bool:
    """Whether the answer is for a person: a browser outside the machine addresses."""
    return not _MACHINE.match(request.path_info) and "text/html" in request.headers.get("Accept", "")


# /project/simple/ is the page of a project of the default index; all other first segments may be an index.
_MACHINE = re.compile(
    r"/(?:api|_|packages|metrics|livez|readyz)(?:/|\Z)"
    r"|(?:/(?!project/)[^/]+)?/(?:simple|files|pypi|RPC2|rss|integrity|legacy)(?:/|\Z)"
)


def to_response(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """``refusal`` as a Django response: a page for a browser, a problem document for a machine."""
    _tell_of(request, refusal)
    if wants_page(request):
        return _page(request, refusal)
    answer = answer_for(refusal, request.headers.get("Accept", ""))
    return http_response(answer)


def http_response(answer: Answer) -> HttpResponse:
    """``answer`` as a Django response."""
    response = HttpResponse(answer.body, content_type=answer.content_type, status=answer.status, reason=answer.reason)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def _page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    status = STATUS[refusal.kind]
    context = {"status": status, "title": TITLES.get(status, "Refused"), "refusal": refusal}
    response = render(request, "errors/refusal.html", context, status=status)
    for name, value in _extra_headers(refusal).items():
        response.headers[name] = value
    return response


class ErrorEdgeMiddleware:
    """Turn what views raise into answers; what is not a refusal is logged and answered without a trace of its inside."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on; what other middleware raises comes to :mod:`tpi_site.error_views`."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view raised; None lets Django answer 500."""
        refusal = as_refusal(error)
        return to_response(request, refusal) if refusal else None


def rest_exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's hook: the same problem documents for the REST API."""
    request = context["request"]
    accept = request.headers.get("Accept", "")
    refusal = _race(error) or as_refusal(error)
    if refusal is None and isinstance(error, rest.APIException):
        if isinstance(error, rest.PermissionDenied):
            _tell_of(request._request, errors.Forbidden(str(error.detail)))
        return http_response(_rest_answer(error, accept))
    if refusal is None:
        log.error("A REST request failed: %s", request.path, exc_info=error)
        return http_response(fault_answer(accept))
    _tell_of(request._request, refusal)
    return http_response(answer_for(refusal, accept))


def _race(error: Exception) -> Refusal | None:
    """A constraint that a check before the write did not foresee: somebody else wrote the same in between."""
    if not isinstance(error, IntegrityError):
        return None
    log.warning("A REST request met a constraint.", exc_info=error)
    return errors.Conflict("Somebody else changed this at the same moment; try again.", code="changed-meanwhile")


def _rest_answer(error: rest.APIException, accept: str) -> Answer:
    """A DRF exception as a problem document; field errors travel in ``errors``."""
    headers: dict[str, str] = {}
    if isinstance(error, rest.Throttled):
        headers["Retry-After"] = str(int(getattr(error, "wait", None) or 1) + 1)
    members: dict[str, Any] = {}
    if isinstance(error, rest.ValidationError):
        members["errors"] = error.detail
        detail = "; ".join(_sentences(error.detail))
    else:
        detail = str(error.detail)
    code = str(getattr(error, "default_code", "invalid")).replace("_", "-")
    return problem_answer(error.status_code, code, detail, accept, headers, **members)


def _sentences(detail: Any, path: str = "") -> list[str]:
    """DRF's nested error detail as flat sentences that begin with the field's name."""
    if isinstance(detail, dict):
        return [line for key, value in detail.items() for line in _sentences(value, _below(path, key))]
    if isinstance(detail, list):
        return [line for value in detail for line in _sentences(value, path)]
    return [f"{path}{detail}"]


def _below(path: str, key: object) -> str:
    """The beginning of a sentence about ``key``; what concerns the whole body needs none."""
    return path if key == "non_field_errors" else f"{path}{key}: "


def fault_answer(accept: str = "") -> Answer:
    """The answer to a request that failed through no fault of its sender."""
    return problem_answer(
        500, "internal-error", "The server failed; the fault is logged under this request's id.", accept
    )
