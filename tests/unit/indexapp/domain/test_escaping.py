from __future__ import annotations

import html
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.escaping import html_bytes, html_text, json_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme-1.0+local.whl", "acme-1.0+local.whl"),
        ('<a href="x">&', "&lt;a href=&quot;x&quot;&gt;&amp;"),
        ("it's", "it&#x27;s"),
        ("two\r\nlines", "two&#13;&#10;lines"),
    ],
)
def test_html_text(text, expected):
    assert html_text(text) == expected


@given(st.text())
def test_html_text_reads_back_and_closes_nothing(text):
    escaped = html_text(text)
    assert html.unescape(escaped) == text
    assert not set("<>\"'\r\n") & set(escaped)


@given(st.text(st.characters(exclude_categories=())))
def test_anything_can_be_encoded(text):
    assert html_bytes(text).isascii()
    assert json.loads(json_text(text)) == text
    assert json_text(text).isascii()
