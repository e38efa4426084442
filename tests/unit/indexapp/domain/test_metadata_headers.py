from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.metadata_headers import MAX_BLOCK_LENGTH, MAX_BLOCK_LINES, MAX_BODY_LENGTH, read_headers
from tpi_site.kit.errors import Invalid, TooLarge


def test_fields_body_and_repeated_fields():
    headers = read_headers(b"Name: foo\nClassifier: A\nCLASSIFIER: B\n\nText\n\nmore\n")
    assert headers.fields == {"name": ("foo",), "classifier": ("A", "B")}
    assert headers.body == "Text\n\nmore\n"
    assert headers.is_utf8
    assert not headers.has_stray_text


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end(end):
    headers = read_headers(end.join([b"Name: foo", b"Version: 1", b"", b"Text", b"more"]))
    assert headers.fields == {"name": ("foo",), "version": ("1",)}
    assert headers.body.split() == ["Text", "more"]


def test_folded_values_lose_their_folds():
    raw = b"Description: One\n        two\n        \n            code\n       |piped\n\tthree\nName: foo\n"
    assert read_headers(raw).fields == {"description": ("One\ntwo\n\n    code\npiped\nthree",), "name": ("foo",)}


def test_control_characters_are_dropped_but_tabs_and_line_ends_stay():
    headers = read_headers(b"Summary: a\x1b[31mb\x0bc\td\n\nx\x0c\ty\r\nz\x7f")
    assert headers.fields == {"summary": ("a[31mbc\td",)}
    assert headers.body == "x\ty\r\nz"


def test_other_bytes_than_utf8_are_read_as_windows_1252():
    headers = read_headers(b"Author: Andr\xe9 \x93x\x94\n\n\x80\x81")
    assert headers.fields == {"author": ("André “x”",)}
    assert headers.body == "€\N{REPLACEMENT CHARACTER}"
    assert not headers.is_utf8


def test_a_line_that_is_no_field_ends_the_fields():
    headers = read_headers(b"Name: foo\nno field here\nVersion: 1\n\nText")
    assert headers.fields == {"name": ("foo",)}
    assert headers.body == "no field here\nVersion: 1\n\nText"
    assert headers.has_stray_text


@pytest.mark.parametrize("raw", [b"", b"\n", b"\n\n\n", b"   \n", b": x\n", b"From nobody\n"])
def test_nothing_useful_is_no_accident(raw):
    assert read_headers(raw).fields == {}


@pytest.mark.parametrize("raw", [b"Name: a\0\n", b"Name: a\n\n\0", b"\0"])
def test_nul_is_refused(raw):
    with pytest.raises(Invalid) as refused:
        read_headers(raw)
    assert refused.value.code == "metadata-nul"


def test_the_body_may_have_so_many_bytes():
    assert len(read_headers(b"Name: a\n\n" + b"x" * MAX_BODY_LENGTH).body) == MAX_BODY_LENGTH
    with pytest.raises(TooLarge) as refused:
        read_headers(b"Name: a\n\n" + b"x" * (MAX_BODY_LENGTH + 1))
    assert refused.value.code == "metadata-too-large"


@pytest.mark.parametrize(
    "raw",
    [b"Name: " + b"x" * MAX_BLOCK_LENGTH, b"A: b\n" * (MAX_BLOCK_LINES + 1), b"\r" + b"A: b\r" * (MAX_BLOCK_LINES + 1)],
)
def test_the_header_block_has_limits(raw):
    with pytest.raises(TooLarge):
        read_headers(raw)


@pytest.mark.parametrize(
    "mime",
    [
        b"Content-Type: message/rfc822\n\n" * 2000,
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\n--x--\n",
        b"Content-Transfer-Encoding: base64\n\naGVsbG8=",
    ],
)
def test_mime_means_nothing(mime):
    headers = read_headers(b"Name: a\n" + mime)
    assert headers.fields["name"] == ("a",)
    assert headers.body == mime.partition(b"\n\n")[2].decode()


field_lines = st.from_regex(r"[A-Za-z-]{1,8}:[ \t]?[a-z :,]{0,10}", fullmatch=True)
lines = st.one_of(field_lines, st.sampled_from(["", " folded", "\tfolded", "no field", "From x", ":", " "]))


@given(st.lists(lines, max_size=8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_fields_are_those_that_the_standard_parser_sees(given_lines, end):
    raw = end.join(given_lines).encode()
    seen: dict[str, list[str]] = {}
    for name, value in message_from_bytes(raw).items():
        seen.setdefault(name.lower(), []).append(" ".join(value.split()))
    ours = {name: [" ".join(value.split()) for value in values] for name, values in read_headers(raw).fields.items()}
    if "content-type" not in seen:
        assert ours == seen


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw):
    if b"\0" in raw:
        with pytest.raises(Invalid):
            read_headers(raw)
    else:
        read_headers(raw).body.encode()
