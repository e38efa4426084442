from __future__ import annotations

import errno
import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)
from django.http import Http404
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from indexapp.storage import BlobDamaged, StorageUnavailable
from tpi_site.kit import edge, errors
from tpi_site.kit.edge import Kind, answer_for, as_refusal, reason_phrase


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_its_status_and_title(kind: Kind) -> None:
    status = edge.STATUS[kind]
    assert 400 <= status < 600
    assert edge.TITLES[status]


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (errors.Invalid("x."), 400),
        (errors.Unauthenticated("x."), 401),
        (errors.Forbidden("x."), 403),
        (errors.NotFound("x."), 404),
        (errors.Unsupported("x."), 405),
        (errors.Conflict("x."), 409),
        (errors.Gone("x."), 410),
        (errors.TooLarge("x."), 413),
        (errors.Throttled("x.", retry_after=7), 429),
        (errors.Unavailable("x."), 503),
        (errors.NoSpace("x."), 507),
    ],
)
def test_a_refusal_over_the_wire(refusal: errors.Refusal, status: int) -> None:
    answer = answer_for(refusal)
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"], answer.reason) == (status, status, "x.")
    assert problem["code"] == refusal.code == refusal.default_code
    assert answer.headers["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)
    assert answer.headers.get("Retry-After") == {429: "7", 503: "5"}.get(status)


class _ReadOnlyError(InternalError):
    sqlstate = "25006"


def test_what_comes_of_a_database_that_is_away_is_no_fault_of_ours() -> None:
    for cause in (OperationalError("the connection is lost"), InterfaceError("closed"), _ReadOnlyError("read-only")):
        outer = InternalError("cannot execute INSERT")
        outer.__cause__ = cause
        later = ProgrammingError("Cannot open a new connection in an atomic block.")
        later.__context__ = outer
        for error in (cause, outer, later):
            refusal = as_refusal(error)
            assert refusal is not None
            assert refusal.kind is Kind.UNAVAILABLE
    assert as_refusal(InternalError("an index is broken")) is None
    assert as_refusal(ProgrammingError("no such function")) is None


@pytest.mark.parametrize(
    ("accept", "is_plain"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", True),
        ("TEXT/PLAIN;q=0.5, text/html", True),
        ("text/plain, */*", False),
        ("application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7", False),
        ("application/problem+json, text/plain", False),
    ],
)
def test_plain_text_is_for_those_who_take_nothing_else(accept: str, is_plain: bool) -> None:
    answer = answer_for(errors.Invalid("Söme sentence."), accept)
    assert answer.content_type.startswith("text/plain") is is_plain
    assert "Söme sentence." in answer.body.decode()


@given(st.text(max_size=1000))
def test_a_reason_phrase_is_always_one_short_line_of_latin_1(sentence: str) -> None:
    reason = reason_phrase(sentence)
    assert len(reason) <= 400
    assert not set(reason) & set(map(chr, [*range(32), 127]))
    reason.encode("latin-1")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Http404("x"), 404),
        (PermissionDenied("You may not."), 403),
        (ValidationError(["One.", "Two."]), 400),
        (RequestDataTooBig("x"), 413),
        (SuspiciousOperation("x"), 400),
        (DisallowedHost("x"), 400),
        (OperationalError("x"), 503),
        (InterfaceError("x"), 503),
        (IntegrityError("x"), 503),
        (DataError("x"), 400),
        (RedisError("x"), 503),
        (RedisConnectionError("x"), 503),
        (OSError(errno.ENOSPC, "x"), 507),
        (OSError(errno.EDQUOT, "x"), 507),
        (StorageUnavailable("The bucket at 10.0.0.7 is away."), 503),
        (BlobDamaged("ab/cd"), 503),
    ],
)
def test_what_amounts_to_a_refusal(error: Exception, status: int) -> None:
    refusal = as_refusal(error)
    assert refusal is not None
    assert edge.STATUS[refusal.kind] == status
    assert refusal.detail.endswith(".")
    assert "10.0.0.7" not in refusal.detail


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), OSError(errno.EIO, "x"), DatabaseError("x"), RuntimeError("x")]
)
def test_all_else_is_a_fault_of_ours(error: Exception) -> None:
    assert as_refusal(error) is None


MACHINE = [
    f"{index}{address}"
    for index in ("", "/main")
    for address in (
        "/simple",
        "/simple/acme/",
        "/files/ab/cd/x.whl",
        "/pypi/acme/json",
        "/integrity/acme/1.0/x.whl/provenance",
        "/legacy",
        "/legacy/+simple/acme/",
    )
]
PEOPLE = [
    "/",
    "/main/",
    "/project/simple/",
    "/main/project/legacy/",
    "/main/project/legacy/1.0/",
    "/main/project/files/",
    "/pypi-mirror/",
    "/metrics-team/project/acme/",
    "/admin/indexapp/file/",
]


@pytest.mark.parametrize(
    ("path", "accept", "is_page"),
    [
        ("/search/", "text/html,*/*;q=0.8", True),
        ("/search/", "*/*", False),
        ("/search/", "application/json", False),
        ("/api/v1/indexes/", "text/html", False),
        ("/simple/acme/", "text/html", False),
        ("/main/legacy/", "text/html", False),
        ("/main/project/acme/", "text/html", True),
        *((address, "text/html", False) for address in MACHINE),
        *((address, "text/html", True) for address in PEOPLE),
    ],
)
def test_pages_are_for_people(rf: RequestFactory, path: str, accept: str, is_page: bool) -> None:
    assert edge.wants_page(rf.get(path, headers={"accept": accept})) is is_page


@pytest.mark.parametrize(
    ("refusal", "name", "value"),
    [
        (errors.Unauthenticated("x."), "WWW-Authenticate", edge.CHALLENGE),
        (errors.Throttled("x.", retry_after=7), "Retry-After", "7"),
    ],
)
def test_a_page_has_the_headers_of_its_status(
    rf: RequestFactory, refusal: errors.Refusal, name: str, value: str
) -> None:
    request = rf.get("/main/project/acme/", headers={"accept": "text/html"})
    request.user = AnonymousUser()
    response = edge.to_response(request, refusal)
    assert response.headers["Content-Type"].startswith("text/html")
    assert response.headers[name] == value


def test_the_inside_of_a_fault_is_not_told() -> None:
    answer = edge.fault_answer()
    assert (answer.status, json.loads(answer.body)["code"]) == (500, "internal-error")
