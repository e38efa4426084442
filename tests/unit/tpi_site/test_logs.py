from __future__ import annotations

import hashlib
import itertools
import json
import logging
import sys

import pytest

from accounts.domain.token_format import make_token
from tests.wsgi_client import basic
from tpi_site.kit import request_context
from tpi_site.kit.logs import JsonLines, RequestIdFilter, Sentences, redact
from tpi_site.kit.request_context import RequestContext
from tpi_site.settings import log_lines


def record(message: str, *arguments: object, exc_info: object = None) -> logging.LogRecord:
    return logging.LogRecord("tpi", logging.ERROR, __file__, 1, message, arguments, exc_info)  # type: ignore[arg-type]


def line(logged: logging.LogRecord) -> dict[str, str]:
    text = JsonLines().format(logged)
    assert "\n" not in text
    return json.loads(text)  # type: ignore[no-any-return]


def test_a_line_is_one_object() -> None:
    told = line(record("first %s", "of all\nand a forged line"))
    assert told["message"] == "first of all\nand a forged line"
    assert (told["level"], told["logger"]) == ("error", "tpi")
    assert told["at"].endswith("+00:00")
    assert "request_id" not in told


def test_the_request_is_named() -> None:
    logged = record("x")
    token = request_context.current.set(RequestContext("req-1", ""))
    try:
        assert RequestIdFilter().filter(logged)
    finally:
        request_context.current.reset(token)
    assert line(logged)["request_id"] == "req-1"


def test_a_fault_is_told_with_its_trace() -> None:
    try:
        raise ZeroDivisionError("here")
    except ZeroDivisionError:
        told = line(record("x", exc_info=sys.exc_info()))
    assert "ZeroDivisionError: here" in told["exception"]


TOKEN = make_token()[0]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"got {TOKEN} from", TOKEN[20:]),
        (f"pip install --index-url https://__token__:{TOKEN}@tpi.example/simple/", TOKEN[20:]),
        ("connecting to postgres://tpi:hunter22@db.tpi.example/tpi", "hunter22"),
        (basic("nina", "a passphrase")["Authorization"], basic("nina", "a passphrase")["Authorization"][6:]),
        (f"authorization: BEARER {TOKEN}", TOKEN[20:]),
        ("redis://:hunter22@cache.tpi.example/0 is away", "hunter22"),
        ("redis://:hunt/er@22@cache.tpi.example/0 is away", "er@22"),
        ("https://hunter22@mirror.tpi.example/simple/", "hunter22"),
        ("{'tpi_session': 'hunter22'}", "hunter22"),
        ("Set-Cookie: sessionid=hunter22; Path=/", "hunter22"),
        ("GET /x?token=hunter22&y=1", "hunter22"),
        ('password="a,b;hunter22"', "hunter22"),
        ("vault:v1:hunter22hunter22", "hunter22"),
        ("the token hvs.hunter22hunter22 has ended", "hunter22"),
    ],
    ids=itertools.count(),
)
def test_no_credential_is_written(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redact(text)
    assert "[redacted]" in redact(text)


def test_what_is_no_credential_stays() -> None:
    texts = [
        "GET https://tpi.example/simple/ by nina: basic idea, bearer of news; tpi_short",
        "https://tpi.example:8443/a?x=1 for nina@tpi.example, http://[::1]:8080/x, 3 tokens, the session of nina ended",
        "The key ring /data/ring.json cannot be read again; 12 passwords were checked: ok",
        hashlib.sha256(b"what an audit entry says of a file").hexdigest(),
    ]
    assert [redact(text) for text in texts] == texts


def test_a_sentence_is_one_line_without_a_secret() -> None:
    try:
        raise OSError("the disk\nis full")
    except OSError:
        logged = record("It failed with %s.", TOKEN, exc_info=sys.exc_info())
    assert Sentences().format(logged) == "Error: It failed with [redacted]. (OSError: the disk is full)"


@pytest.mark.parametrize(
    ("argv", "wish", "expected"),
    [
        (["manage.py", "backup"], "auto", ("sentence", "WARNING")),
        (["/srv/tpi/manage.py", "prepare"], "auto", ("line", "INFO")),
        (["/srv/tpi/tpi_site/web.py"], "auto", ("line", "INFO")),
        (["manage.py", "backup"], "json", ("line", "INFO")),
    ],
    ids=itertools.count(),
)
def test_commands_speak_to_people_and_servers_to_programs(
    monkeypatch: pytest.MonkeyPatch, argv: list[str], wish: str, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setenv("TPI_LOG_FORMAT", wish)
    monkeypatch.delenv("TPI_LOG_LEVEL", raising=False)
    handler = log_lines.logging_config()["handlers"]["stderr"]
    assert (handler["formatter"], handler["level"]) == expected
