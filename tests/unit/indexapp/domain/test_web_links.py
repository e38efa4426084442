from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.web_links import WebLink, web_links


def test_links_keep_the_authors_order_and_stand_once() -> None:
    found = web_links(
        {"Docs": "https://docs.tpi.example/x", "Home": "https://tpi.example"},
        home_page="https://tpi.example/",
        download_url="http://files.tpi.example:8080/a",
    )

    assert found == [
        WebLink("Homepage", "https://tpi.example/", "tpi.example"),
        WebLink("Docs", "https://docs.tpi.example/x", "docs.tpi.example"),
        WebLink("Download", "http://files.tpi.example:8080/a", "files.tpi.example"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://x",
        "data:text/html,x",
        "//tpi.example/x",
        "/relative",
        "https:///nothing",
        "https://[::1",
        'https://tpi.example/" onclick="x',
        "https://tpi.example/a b",
        "https://tpi.example\\@evil.example/",
        "java\nscript:alert(1)",
        "https://tpi.example/" + "a" * 3000,
        "",
    ],
)
def test_what_is_not_plainly_http_is_left_out(url: str) -> None:
    assert web_links({"Evil": url}) == []


@given(st.text())
def test_nothing_is_raised(url: str) -> None:
    assert all(link.url.lower().startswith("http") for link in web_links({"x": url}, url, url))
