"""XML-RPC as old mirrors speak it: calls are read with distrust, answers written piece by piece.

The standard library turns XML into values; what could make that expensive (declared entities, depth, length) is refused
before it gets there.
"""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn
from xml.parsers import expat

from indexapp.domain.xml_text import xml_text

MOST_BYTES = 64 * 1024
"""Of a call; the longest that anybody sends has some hundred."""
CONTENT_TYPES = ("text/xml", "application/xml")
_DEEPEST = 32

NOT_WELL_FORMED = -32700
NO_CALL = -32600
NO_METHOD = -32601
WRONG_PARAMETERS = -32602
NOT_SERVED = -32500

_BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, expat.ExpatError, xmlrpc.client.Error)
"""What the standard library raises for XML that is none, and for values that are none."""


class Fault(Exception):
    """A call that is answered with a fault: a number that libraries know, and a sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Call(NamedTuple):
    """A method's name and its parameters, of whatever types they came in."""

    method: str
    parameters: tuple[Any, ...]


def read_call(body: bytes) -> Call:
    """Return the call; raises :class:`Fault` and nothing else for whatever is none."""
    target = xmlrpc.client.Unmarshaller(use_builtin_types=True)
    try:
        _parser(target).Parse(body, True)
        parameters, method = target.close(), target.getmethodname()
    except _BROKEN:
        raise Fault(NOT_WELL_FORMED, "The body is no XML-RPC call.") from None
    if not isinstance(method, str):
        raise Fault(NO_CALL, "The body names no method to call.")
    return Call(method, tuple(parameters))


def _parser(target: xmlrpc.client.Unmarshaller) -> expat.XMLParserType:
    parser, depth = expat.ParserCreate(), 0
    target.xml("", None)  # what comes is text already

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise Fault(NOT_WELL_FORMED, f"A call is nested at most {_DEEPEST} deep.")
        target.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        target.end(tag)

    def refuse(*_declared: object) -> NoReturn:
        raise Fault(NOT_WELL_FORMED, "A call has no document type declaration.")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = target.data
    parser.StartDoctypeDeclHandler = refuse
    return parser


def fault(error: Fault) -> bytes:
    """Return the document that answers a call with a fault."""
    code, sentence = _member("faultCode", _int(error.code)), _member("faultString", _string(error.sentence))
    return f"{_HEAD}<fault><value><struct>{code}{sentence}</struct></value></fault>\n</methodResponse>\n".encode()


def response(value: Iterable[str]) -> Iterator[bytes]:
    """Yield the document that answers a call with the value that these pieces are."""
    yield f"{_HEAD}<params><param><value>".encode()
    for piece in value:
        yield piece.encode()
    yield b"</value></param></params>\n</methodResponse>\n"


def integer(number: int) -> Iterator[str]:
    """Yield a number; serials beyond 32 bits are written as such too, as every client takes them."""
    yield _int(number)


def numbers_by_name(batches: Iterable[Iterable[tuple[str, int]]]) -> Iterator[str]:
    """Yield a struct, a piece for each batch of its members."""
    yield "<struct>"
    for batch in batches:
        yield "".join([_member(name, _int(number)) for name, number in batch])
    yield "</struct>"


def table(batches: Iterable[Iterable[Iterable[str | int | None]]]) -> Iterator[str]:
    """Yield an array of arrays, a piece for each batch of rows."""
    yield "<array><data>\n"
    for batch in batches:
        yield "".join([_row(row) for row in batch])
    yield "</data></array>"


_HEAD = "<?xml version='1.0' encoding='UTF-8'?>\n<methodResponse>\n"


def _row(cells: Iterable[str | int | None]) -> str:
    inside = "".join([f"<value>{_scalar(cell)}</value>" for cell in cells])
    return f"<value><array><data>{inside}</data></array></value>\n"


def _scalar(cell: str | int | None) -> str:
    if cell is None:
        return "<nil/>"
    return _int(cell) if isinstance(cell, int) else _string(cell)


def _member(name: str, value: str) -> str:
    return f"<member><name>{xml_text(name)}</name><value>{value}</value></member>\n"


def _int(number: int) -> str:
    return f"<int>{number}</int>"


def _string(text: str) -> str:
    return f"<string>{xml_text(text)}</string>"
