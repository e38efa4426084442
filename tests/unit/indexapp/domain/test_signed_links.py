"""Addresses that are good for some minutes."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlsplit

import pytest

from indexapp.domain import signed_links

URL = "https://mirror.example/base/files/ab/cd/ef/acme-1.0%2Blocal.whl"
PATH = "/base/files/ab/cd/ef/acme-1.0+local.whl"
KEY = "k" * 20


def test_an_address_has_the_name_of_the_index_where_the_site_wants_it() -> None:
    assert signed_links.address("https://m.example/", "main", "ab/x+y.whl") == "https://m.example/files/ab/x%2By.whl"
    assert (
        signed_links.address("https://m.example/{index}", "main", "ab/x.whl") == "https://m.example/main/files/ab/x.whl"
    )


def test_nginx_gets_what_its_documentation_computes() -> None:
    """``echo -n '2147483647/path KEY' | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =``."""
    digest = hashlib.md5(f"2147483647{PATH} {KEY}".encode(), usedforsecurity=False).digest()
    md5 = base64.b64encode(digest).decode().translate(str.maketrans("+/", "-_")).rstrip("=")
    assert signed_links.for_nginx(URL, KEY, 2147483647) == f"{URL}?md5={md5}&expires=2147483647"


def test_another_tpi_believes_what_was_signed_until_it_is_over() -> None:
    query = urlsplit(signed_links.for_tpi(URL, KEY, 1000)).query
    assert signed_links.is_good(PATH, query, ("other" * 5, KEY), 1000)
    assert not signed_links.is_good(PATH, query, (KEY,), 1001)
    assert not signed_links.is_good(PATH, query, ("other" * 5,), 999)
    assert not signed_links.is_good(PATH, query, (), 999)
    assert not signed_links.is_good(f"{PATH}.metadata", query, (KEY,), 999)
    assert not signed_links.is_good(PATH, query.replace("1000", "2000"), (KEY,), 999)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "tpi-signature=x",
        "tpi-expires=9999&tpi-signature=",
        "tpi-expires=x&tpi-signature=é",
        "tpi-signature=" + "a" * 400,
    ],
)
def test_what_is_no_signature_is_none(query: str) -> None:
    assert not signed_links.is_good(PATH, query, (KEY,), 1)
