"""How bodies are framed and packed: what is sound is read, and what is not fails."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from indexapp.clients import upstream
from indexapp.clients.upstream import Failure, Page, UpstreamAddress, UpstreamFailed
from tests.builders.sdists import build_sdist
from tests.servers.static_index import Behaviour, StaticIndex
from tests.servers.text_server import TextServer

JSON = "application/vnd.pypi.simple.v1+json"
NAME = "acme_tool-1.0.tar.gz"
PAGE = json.dumps(
    {"meta": {"api-version": "1.0"}, "name": "acme-tool", "files": [{"filename": NAME, "url": "/x", "hashes": {}}]}
).encode()
HALF = len(PAGE) // 2


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def page_of(body: bytes, **headers: str) -> Page:
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    with TextServer(body, JSON, headers=lines) as server:
        answer = upstream.fetch_page(UpstreamAddress(server.url), "acme-tool")
    assert isinstance(answer, Page)
    return answer


@pytest.mark.parametrize(
    ("body", "headers"),
    [(PAGE, {}), (PAGE, {"Content_Length": ""}), (PAGE, {"Content_Encoding": "identity"}),
     (gzip.compress(PAGE), {"Content_Encoding": "gzip"}), (gzip.compress(PAGE), {"Content_Encoding": "X-GZIP"}),
     (gzip.compress(PAGE[:HALF]) + gzip.compress(PAGE[HALF:]), {"Content_Encoding": "gzip"}),
     (gzip.compress(PAGE), {"Content_Encoding": "gzip", "Content_Length": ""}),
     (chunked(PAGE[:HALF], PAGE[HALF:]), {"Transfer_Encoding": "chunked", "Content_Length": ""}),
     (chunked(PAGE, end=b"0\r\nX: y\r\n\r\n"), {"Transfer_Encoding": "chunked", "Content_Length": ""})],
)  # fmt: skip
def test_a_page_however_it_is_sent(body: bytes, headers: dict[str, str]) -> None:
    assert [file.filename for file in page_of(body, **headers).files] == [NAME]


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [(zlib.compress(PAGE), {"Content_Encoding": "deflate"}, Failure.BAD_ANSWER), (PAGE, {"Content_Encoding": "br"}, Failure.BAD_ANSWER),
     (PAGE, {"Content_Encoding": "gzip"}, Failure.BAD_ANSWER), (b"", {"Content_Encoding": "gzip"}, Failure.BAD_ANSWER),
     (gzip.compress(PAGE) + b"more", {"Content_Encoding": "gzip"}, Failure.BAD_ANSWER),
     (gzip.compress(PAGE)[:-1], {"Content_Encoding": "gzip"}, Failure.BAD_ANSWER),
     (chunked(PAGE, end=b""), {"Transfer_Encoding": "chunked", "Content_Length": ""}, Failure.UNREACHABLE),
     (b"zz\r\n" + PAGE, {"Transfer_Encoding": "chunked", "Content_Length": ""}, Failure.UNREACHABLE),
     (b"ffffffff\r\n" + PAGE, {"Transfer_Encoding": "chunked", "Content_Length": ""}, Failure.UNREACHABLE),
     (PAGE[:HALF], {"Content_Length": ""}, Failure.BAD_ANSWER)],
)  # fmt: skip
def test_a_page_that_is_sent_badly(body: bytes, headers: dict[str, str], kind: Failure) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        page_of(body, **headers)
    assert caught.value.kind is kind


def test_a_file_is_taken_as_it_is_whatever_its_encoding_is_called() -> None:
    """Servers call the packing of a source distribution an encoding; its digest is that of the packed file."""
    packed = gzip.compress(b"content")
    with (
        TextServer(packed, "application/x-tar", headers={"Content-Encoding": "gzip"}) as server,
        upstream.open_file(UpstreamAddress(server.url), server.url + NAME) as answer,
    ):
        assert b"".join(answer.body) == packed


@pytest.mark.parametrize("form", ["json", "html"])
def test_relative_addresses_are_those_of_the_page_that_answered(form: str) -> None:
    built = build_sdist("acme-tool", "1.0")
    with (
        StaticIndex([built], behaviour=Behaviour(forms=(form,), urls="relative")) as moved,
        StaticIndex([built], behaviour=Behaviour(redirect_to=f"{moved.base}/")) as index,
    ):
        answer = upstream.fetch_page(UpstreamAddress(index.url), "acme-tool")
    assert isinstance(answer, Page)
    assert [file.url for file in answer.files] == [moved.file_url(built.filename)]


@pytest.mark.parametrize("content_range", ["", "bytes 5-9/10", "bytes x", "items 7-9/10", "bytes */10"])
def test_another_part_than_was_asked_for(content_range: str) -> None:
    with TextServer("abc", "x/y", status=206, headers={"Content-Range": content_range}) as server:
        with pytest.raises(UpstreamFailed) as caught:
            upstream.open_file(UpstreamAddress(server.url), server.url + NAME, start=7)
        with pytest.raises(UpstreamFailed):
            upstream.open_file(UpstreamAddress(server.url), server.url + NAME)
    assert caught.value.kind is Failure.BAD_ANSWER


def test_a_part_of_a_file_whose_length_is_not_told() -> None:
    with (
        TextServer("abc", "x/y", status=206, headers={"Content-Range": "bytes 7-9/*"}) as server,
        upstream.open_file(UpstreamAddress(server.url), server.url + NAME, start=7) as answer,
    ):
        assert (answer.size, answer.start, b"".join(answer.body)) == (None, 7, b"abc")
