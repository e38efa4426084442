from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.domain.networks import are_within, contains, parse_networks, place_of
from tpi_site.kit.errors import Invalid


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        (["192.0.2.0/24"], ["192.0.2.0/24"]),
        ([" 192.0.2.7 "], ["192.0.2.7/32"]),
        (["2001:DB8::/32"], ["2001:db8::/32"]),
        (["::ffff:192.0.2.0/120"], ["192.0.2.0/24"]),
        (["::ffff:192.0.2.7"], ["192.0.2.7/32"]),
        (["192.0.2.0/255.255.255.0", "192.0.2.0/24"], ["192.0.2.0/24"]),
        (["2001:db8::/32", "198.51.100.0/24", "192.0.2.0/24"], ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]),
        ([], []),
    ],
)
def test_networks_are_written_in_one_way(texts: list[str], written: list[str]) -> None:
    assert [str(network) for network in parse_networks(texts)] == written
    assert parse_networks(written) == parse_networks(texts)


@pytest.mark.parametrize("text", ["", "home", "192.0.2.0/33", "192.0.2.1/24", "192.0.2", "::1%eth0/64x", "1", "\x00"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_networks([text])
    assert caught.value.code == "token-networks"


def test_there_are_at_most_twenty() -> None:
    assert len(parse_networks([f"192.0.2.{number}" for number in range(20)])) == 20
    with pytest.raises(Invalid):
        parse_networks([f"192.0.2.{number}" for number in range(21)])


@given(st.text(max_size=80))
def test_nothing_makes_anything_but_a_refusal(text: str) -> None:
    with contextlib.suppress(Invalid):
        parse_networks([text])
    assert contains(parse_networks(["192.0.2.0/24"]), text) in (True, False)


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("192.0.2.0", True),
        ("192.0.2.255", True),
        ("192.0.3.0", False),
        ("::ffff:192.0.2.9", True),
        ("::ffff:c000:209", True),
        ("::192.0.2.9", False),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_an_address_is_in_or_out(address: str, is_in: bool) -> None:
    assert contains(parse_networks(["192.0.2.0/24", "2001:db8::/32"]), address) is is_in


@pytest.mark.parametrize(
    ("inner", "outer", "are"),
    [
        ([], [], True),
        (["192.0.2.0/24"], [], True),
        ([], ["192.0.2.0/24"], False),
        (["192.0.2.0/25", "192.0.2.128/25"], ["192.0.2.0/24"], True),
        (["192.0.2.0/24", "198.51.100.1"], ["192.0.2.0/24"], False),
        (["2001:db8::/48"], ["2001:db8::/32", "192.0.2.0/24"], True),
        (["0.0.0.0/0"], ["::/0"], False),
        (["::/0"], ["0.0.0.0/0"], False),
    ],
)
def test_networks_are_within_others_or_not(inner: list[str], outer: list[str], are: bool) -> None:
    assert are_within(parse_networks(inner), parse_networks(outer)) is are


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1:ffff::1", "2001:db8:0:1::"),
        ("2001:db8:0:1::2", "2001:db8:0:1::"),
        ("2001:db8:0:2::2", "2001:db8:0:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_what_is_counted_as_one_place(address: str, place: str) -> None:
    assert place_of(address) == place
