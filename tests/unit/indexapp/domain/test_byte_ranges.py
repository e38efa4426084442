from __future__ import annotations

from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.byte_ranges import (
    MAX_RANGES,
    Span,
    UnsatisfiableRange,
    content_range,
    if_range,
    multipart_byteranges,
    parse_range,
)

HUGE = "9" * 900


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("bytes=0-889", [(0, 890)], id="single"),
        pytest.param("bytes=0-0", [(0, 1)], id="first-byte"),
        pytest.param("bytes=999-", [(999, 1000)], id="open"),
        pytest.param("bytes=0-", [(0, 1000)], id="whole"),
        pytest.param("bytes=-10", [(990, 1000)], id="suffix"),
        pytest.param("bytes=-10000", [(0, 1000)], id="suffix-longer-than-the-file"),
        pytest.param("bytes=990-5000", [(990, 1000)], id="beyond-the-end"),
        pytest.param(f"bytes=5-{HUGE}", [(5, 1000)], id="huge-last"),
        pytest.param(f"bytes=-{HUGE}", [(0, 1000)], id="huge-suffix"),
        pytest.param("bytes=0000-0009", [(0, 10)], id="leading-zeros"),
        pytest.param(" BYTES=0-9 ", [(0, 10)], id="unit-in-capitals"),
        pytest.param("bytes=0-9, 20-29 ,\t-10", [(0, 10), (20, 30), (990, 1000)], id="several"),
        pytest.param("bytes=-10,0-9", [(990, 1000), (0, 10)], id="order-asked-for"),
        pytest.param("bytes=0-9,5-19", [(0, 20)], id="overlap"),
        pytest.param("bytes=0-9,10-19", [(0, 20)], id="touching"),
        pytest.param("bytes=500-599,0-9,550-650", [(500, 651), (0, 10)], id="merged-at-their-first-place"),
        pytest.param("bytes=0-,5-6,-1", [(0, 1000)], id="all-within-one"),
        pytest.param("bytes=,0-9,,", [(0, 10)], id="empty-elements"),
        pytest.param("bytes=2000-,0-9,-0", [(0, 10)], id="unsatisfiable-ones-left-out"),
        pytest.param(
            "bytes=" + ",".join(f"{i * 10}-{i * 10}" for i in range(MAX_RANGES)),
            [(i * 10, i * 10 + 1) for i in range(MAX_RANGES)],
            id="most",
        ),
    ],
)
def test_spans(header, expected):
    assert parse_range(header, 1000) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=5",
        "bytes=5-4",
        "bytes=0-9,5-4",
        "bytes=0-9,x",
        "bytes=--5",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes =0-9",
        "bytes: 0-9",
        "bytes=0x0-9",
        "bytes=\u0661-\u0662",
        "bytes=0-9;1-2",
        "items=0-9",
        "bytes=" + ",".join(f"{i * 10}-{i * 10}" for i in range(MAX_RANGES + 1)),
        f"bytes=0-{HUGE}{HUGE}",
    ],
)
def test_headers_to_be_ignored(header):
    assert parse_range(header, 1000) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", f"bytes={HUGE}-", "bytes=-0,2000-"])
def test_nothing_within_the_file(header):
    with pytest.raises(UnsatisfiableRange) as caught:
        parse_range(header, 1000)
    assert caught.value.size == 1000
    assert caught.value.content_range == "bytes */1000"


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=-0", "bytes=0-0,7-9"])
def test_an_empty_file_is_sent_whole(header):
    assert parse_range(header, 0) is None


positions = st.integers(0, 80)
specs = st.one_of(
    st.tuples(positions, positions).map(lambda pair: f"{min(pair)}-{max(pair)}"),
    positions.map(lambda first: f"{first}-"),
    positions.map(lambda length: f"-{length}"),
)


def wanted(spec: str, body: bytes) -> set[int]:
    """The positions that one well-formed range names, by slicing."""
    places = range(len(body))
    first, _, last = spec.partition("-")
    if not first:
        return set(places[-int(last) :]) if int(last) else set()
    return set(places[int(first) : int(last) + 1 if last else None])


@given(st.binary(min_size=1, max_size=64), st.lists(specs, min_size=1, max_size=MAX_RANGES))
def test_spans_are_exactly_the_bytes_asked_for_each_once(body, asked):
    expected = set().union(*(wanted(spec, body) for spec in asked))
    try:
        spans = parse_range("bytes=" + ",".join(asked), len(body))
    except UnsatisfiableRange:
        assert not expected
        return
    sent = [place for span in spans for place in range(span.start, span.stop)]
    assert len(sent) == len(set(sent))
    assert set(sent) == expected
    assert all(span.length > 0 for span in spans)


@given(st.binary(min_size=1, max_size=64), specs)
def test_a_single_range_is_the_slice(body, spec):
    expected = bytes(body[place] for place in sorted(wanted(spec, body)))
    try:
        (span,) = parse_range(f"bytes={spec}", len(body))
    except UnsatisfiableRange:
        assert expected == b""
    else:
        assert body[span.start : span.stop] == expected
        assert content_range(span, len(body)) == f"bytes {span.start}-{span.start + len(expected) - 1}/{len(body)}"


@given(st.text() | st.text("bytes=0123456789-, ").map("bytes=".__add__), st.integers(0, 100))
def test_no_header_does_anything_else(header, size):
    try:
        spans = parse_range(header, size)
    except UnsatisfiableRange:
        return
    assert spans is None or all(0 <= span.start < span.stop <= size for span in spans)


@given(st.binary(min_size=1, max_size=64), st.lists(specs, min_size=2, max_size=5))
def test_a_multipart_answer_is_read_back_by_a_mime_parser(body, asked):
    try:
        spans = parse_range("bytes=" + ",".join(asked), len(body))
    except UnsatisfiableRange:
        return
    frame = multipart_byteranges(spans, "tpi0123456789abcdef", "application/octet-stream", len(body))
    sent = b"".join(head + body[span.start : span.stop] for head, span in frame.parts) + frame.closing
    assert len(sent) == frame.content_length
    message = BytesParser().parsebytes(b"Content-Type: " + frame.content_type.encode() + b"\r\n\r\n" + sent)
    assert message.get_content_type() == "multipart/byteranges"
    assert [part["Content-Range"] for part in message.get_payload()] == [
        content_range(span, len(body)) for span in spans
    ]
    assert {part.get_content_type() for part in message.get_payload()} == {"application/octet-stream"}


def test_a_multipart_answer_byte_for_byte():
    frame = multipart_byteranges([Span(0, 2), Span(8, 10)], "B", "text/plain", 10)
    assert frame.content_type == "multipart/byteranges; boundary=B"
    assert frame.parts == (
        (b"--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n", Span(0, 2)),
        (b"\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n", Span(8, 10)),
    )
    assert frame.closing == b"\r\n--B--\r\n"


MODIFIED = "Fri, 02 Jan 2026 03:04:05 GMT"


@pytest.mark.parametrize(
    ("header", "applies"),
    [
        (None, True),
        ('"abc"', True),
        (' "abc" ', True),
        ('W/"abc"', False),
        ('"abd"', False),
        ("abc", False),
        (MODIFIED, True),
        ("Fri, 02 Jan 2026 03:04:06 GMT", False),
        ("", False),
        ("*", False),
        ('"abc", "abd"', False),
    ],
)
def test_if_range(header, applies):
    assert if_range(header, '"abc"', MODIFIED) is applies


def test_a_weak_tag_never_proves_that_bytes_are_the_same():
    assert not if_range('W/"abc"', 'W/"abc"')


def test_a_date_proves_nothing_where_none_was_sent():
    assert not if_range(MODIFIED, '"abc"')
