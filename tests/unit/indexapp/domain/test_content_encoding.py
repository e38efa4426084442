from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.content_encoding import choose_encoding, encode


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        pytest.param("gzip, deflate", "gzip", id="pip"),
        pytest.param("gzip, deflate, zstd", "zstd", id="uv"),
        pytest.param("zstd,gzip,deflate", "zstd", id="uv-metadata"),
        pytest.param("identity", "identity", id="pip-file"),
        pytest.param("gzip, deflate, br, zstd", "zstd", id="browser"),
        pytest.param(None, "identity", id="none"),
        pytest.param("", "identity", id="empty"),
        pytest.param("deflate, br", "identity", id="no-match"),
        pytest.param("zstd;q=0.5, gzip;q=0.8", "gzip", id="weights"),
        pytest.param("gzip;q=0", "identity", id="excluded"),
        pytest.param("identity, gzip;q=0.5", "identity", id="identity-preferred"),
        pytest.param("identity, gzip", "gzip", id="equal"),
        pytest.param("*", "gzip", id="anything"),
        pytest.param("*;q=0", "identity", id="nothing"),
        pytest.param("identity;q=0", "identity", id="nothing-that-we-have"),
        pytest.param("x-gzip", "gzip", id="old-name"),
        pytest.param("gzip;q=0, *", "identity", id="all-but-gzip"),
        pytest.param("br, " * 200 + "gzip", "gzip", id="long"),
    ],
)
def test_choice(accept_encoding, expected):
    assert choose_encoding(accept_encoding) == expected


@given(st.text())
def test_no_header_raises(accept_encoding):
    assert choose_encoding(accept_encoding) in {"identity", "gzip", "zstd"}


@given(st.binary())
def test_every_coding_gives_the_body_back(body):
    assert encode(body, "identity") == body
    assert gzip.decompress(encode(body, "gzip")) == body
    assert zstandard.ZstdDecompressor().decompress(encode(body, "zstd")) == body


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_the_same_body_gives_the_same_smaller_bytes(coding):
    body = b'{"filename":"acme-1.0-py3-none-any.whl"},' * 1000
    assert encode(body, coding) == encode(bytes(bytearray(body)), coding)
    assert len(encode(body, coding)) < len(body) / 20


def test_gzip_bears_no_time():
    assert encode(b"page", "gzip")[4:8] == b"\0\0\0\0"
