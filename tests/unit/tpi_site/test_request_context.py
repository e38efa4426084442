from __future__ import annotations

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import given
from hypothesis import strategies as st

from tests.wsgi_client import WsgiClient
from tpi_site.kit.request_context import begin, client_address, is_within

PROXIES = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.66, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.66, 198.51.100.9, 10.1.2.3", "198.51.100.9"),
        ("10.0.0.1", "10.5.5.5, 10.6.6.6", "10.0.0.1"),
        ("2001:db8::1", "2001:db9::7", "2001:db9::7"),
        ("10.0.0.1", " , ,198.51.100.9,", "198.51.100.9"),
        ("", "198.51.100.9", ""),
    ],
)
def test_only_what_a_trusted_proxy_says_counts(settings: Any, peer: str, forwarded: str, address: str) -> None:
    settings.TPI_TRUSTED_PROXIES = PROXIES
    assert client_address({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == address


def test_without_proxies_nobody_is_believed(settings: Any) -> None:
    settings.TPI_TRUSTED_PROXIES = []
    assert client_address({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.9"}) == "10.0.0.1"


@given(st.text(max_size=300))
def test_whatever_is_forwarded_fits_an_audit_entry(forwarded: str) -> None:
    from django.test import override_settings

    with override_settings(TPI_TRUSTED_PROXIES=PROXIES):
        address = client_address({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded})
    assert len(address) <= 64


@pytest.mark.parametrize("address", ["", "nonsense", "10.0.0.1:80", "fe80::1%eth0"])
def test_an_unreadable_address_lies_nowhere(address: str) -> None:
    assert not is_within(address, PROXIES)


def test_a_trusted_proxys_well_formed_request_id_is_kept(settings: Any) -> None:
    settings.TPI_TRUSTED_PROXIES = PROXIES
    given = {"HTTP_X_REQUEST_ID": "build-17.a_b", "REMOTE_ADDR": "10.0.0.1"}
    assert begin(given).request_id == "build-17.a_b"


@pytest.mark.parametrize("proxies", [[], PROXIES])
@pytest.mark.parametrize("peer", ["192.0.2.1", ""])
def test_a_clients_own_request_id_is_not(settings: Any, proxies: list[str], peer: str) -> None:
    settings.TPI_TRUSTED_PROXIES = proxies
    given = {"HTTP_X_REQUEST_ID": "somebody-elses", "HTTP_X_FORWARDED_FOR": "10.0.0.1", "REMOTE_ADDR": peer}
    assert begin(given).request_id != "somebody-elses"


@pytest.mark.parametrize("given_id", ["", "two words", "x" * 65, "line\nbreak", "umläut", '"quote"'])
def test_any_other_is_drawn_anew(settings: Any, given_id: str) -> None:
    settings.TPI_TRUSTED_PROXIES = PROXIES
    drawn = begin({"HTTP_X_REQUEST_ID": given_id, "REMOTE_ADDR": "10.0.0.1"}).request_id
    assert len(drawn) == 16
    assert drawn != begin({}).request_id


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("proxies", "said", "is_believed"),
    [
        ([], "https", False),
        (["198.51.100.0/24"], "https", False),
        (["192.0.2.7"], "https", True),
        (["192.0.2.0/24"], "http", False),
        (["192.0.2.0/24"], "HTTPS, http", False),
    ],
)
def test_only_a_trusted_proxy_says_that_the_client_came_by_https(
    settings: Any, proxies: list[str], said: str, is_believed: bool
) -> None:
    """Else anybody could make us set cookies and promise HTTPS for a connection that is none."""
    settings.TPI_TRUSTED_PROXIES = proxies
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SECURE_HSTS_SECONDS = 60
    answer = WsgiClient(WSGIHandler()).get("/livez", X_Forwarded_Proto=said)
    assert answer.status == 200
    assert ("Strict-Transport-Security" in answer.headers) == is_believed
