from __future__ import annotations

import gzip
import xmlrpc.client
from typing import Any

import pytest

from indexapp.domain import xmlrpc as ours
from indexapp.domain.xmlrpc import Fault, read_call


def _call(inside: str, head: str = "<?xml version='1.0'?>") -> bytes:
    return f"{head}<methodCall><methodName>a</methodName><params><param>{inside}</param></params></methodCall>".encode()


@pytest.mark.parametrize("parameters", [(), (4711,), ("a", True, None, 1.5, [1, [2]], {"key": "ä"})])
def test_what_the_standard_library_writes_is_read(parameters: tuple[Any, ...]) -> None:
    body = xmlrpc.client.dumps(parameters, "changelog_since_serial", allow_none=True)
    assert read_call(body.encode()) == ("changelog_since_serial", parameters)


def test_a_call_may_lack_parameters() -> None:
    assert read_call(b"<methodCall><methodName>a</methodName></methodCall>") == ("a", ())


LAUGHS = '<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "nothing": b"",
    "no XML": b"\x00\xff\xfe",
    "JSON": b"{}",
    "cut off": b"<methodCall><methodName>a</methodName>",
    "a response": xmlrpc.client.dumps((1,), methodresponse=True).encode(),
    "a fault": xmlrpc.client.dumps(xmlrpc.client.Fault(1, "no")).encode(),
    "no method": b"<methodCall><params></params></methodCall>",
    "entities within entities": _call("<value>&e9;</value>", f"<!DOCTYPE a [{LAUGHS}]>"),
    "an entity from outside": _call("<value>&e;</value>", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
    "a document type alone": _call("<value>1</value>", '<!DOCTYPE a SYSTEM "http://tpi.example/a.dtd">'),
    "an entity without a declaration": _call("<value>&e;</value>"),
    "deep": _call("<value><array><data>" * 5000 + "</data></array></value>" * 5000),
    "deeper than it says": b"<methodCall>" * 60_000,
    "a huge number": _call(f"<value><int>{'9' * 60_000}</int></value>"),
    "no number": _call("<value><int>one</int></value>"),
    "no truth": _call("<value><boolean>maybe</boolean></value>"),
    "no date": _call("<value><dateTime.iso8601>tomorrow</dateTime.iso8601></value>"),
    "no base64": _call("<value><base64>\N{SNOWMAN}</base64></value>"),
    "an infinite decimal": _call("<value><bigdecimal>one</bigdecimal></value>"),
    "an unknown type": _call("<value><function>a</function></value>"),
    "a struct without names": _call("<value><struct><member><value>1</value></member></struct></value>"),
    "a struct with a list as a name": _call(
        "<value><struct><member><value><array><data/></array></value><value>1</value></member></struct></value>"
    ),
    "an end too many": b"<methodCall></methodCall></methodCall>",
    "ends of types alone": b"<array/>",
    "another encoding": b"<?xml version='1.0' encoding='rot13'?><a/>",
    "UTF-7": b"<?xml version='1.0' encoding='utf-7'?><a/>",
    "compressed": gzip.compress(_call("<value>1</value>")),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_call_is_a_fault(what: str) -> None:
    with pytest.raises(Fault) as raised:
        read_call(HOSTILE[what])
    assert raised.value.code in (ours.NOT_WELL_FORMED, ours.NO_CALL)
    assert "passwd" not in raised.value.sentence


def test_the_standard_library_reads_the_answers() -> None:
    rows: list[tuple[str | int | None, ...]] = [
        ("acme", None, 1, "create", 5),
        ("<&>", "1.0", 2, "add \x00 file \ufffe", 6),
    ]
    answers: dict[str, Any] = {
        "number": (ours.integer(4711), 4711),
        "struct": (ours.numbers_by_name([[("acme", 1)], [], [("Zope", 2)]]), {"acme": 1, "Zope": 2}),
        "empty": (ours.numbers_by_name([]), {}),
        "table": (
            ours.table([rows[:1], [], rows[1:]]),
            [["acme", None, 1, "create", 5], ["<&>", "1.0", 2, "add  file ", 6]],
        ),
    }
    for pieces, expected in answers.values():
        parameters, _ = xmlrpc.client.loads(b"".join(ours.response(pieces)))
        assert parameters == (expected,)


def test_the_standard_library_reads_a_fault() -> None:
    with pytest.raises(xmlrpc.client.Fault) as raised:
        xmlrpc.client.loads(ours.fault(Fault(ours.NO_METHOD, "There is <none>.")))
    assert (raised.value.faultCode, raised.value.faultString) == (ours.NO_METHOD, "There is <none>.")
