"""In which region a client is: the narrowest network decides, and what cannot be used is refused in words."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.client_regions import Regions

_WORDS = ["10.0.0.0/8=us", "10.1.0.0/16=EU-de", "10.1.2.3/32=eu-fr", "2001:db8::/32=asia", "0.0.0.0/0=rest"]


@pytest.mark.parametrize(
    ("address", "region"),
    [
        ("10.2.0.1", "us"),
        ("10.1.9.9", "eu-de"),
        ("10.1.2.3", "eu-fr"),
        ("192.0.2.1", "rest"),
        ("2001:db8::1", "asia"),
        ("2001:db9::1", ""),
    ],
)
def test_the_narrowest_network_says_the_region(address: str, region: str) -> None:
    assert Regions(_WORDS).of(ip_address(address)) == region
    assert Regions(["\n".join(_WORDS)]).of(ip_address(address)) == region
    assert Regions().of(ip_address(address)) == ""


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("10.0.0.0/8", "is not a network and its region"),
        ("10.0.0.0/8=", "is not a network and its region"),
        ("10.0.0.0/8=eu--de", "is not a network and its region"),
        ("10.0.0.0/8=eu_de", "is not a network and its region"),
        ("10.0.0.0/8=" + "e" * 65, "is not a network and its region"),
        ("10.0.0.1/8=eu", "'10.0.0.1/8' is not a network"),
        ("far=eu", "'far' is not a network"),
        ("10.0.0.0/8=eu 10.0.0.0/8=us", "10.0.0.0/8 is said to be in two regions"),
    ],
)
def test_what_is_no_network_and_its_region_is_refused(word: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"network|regions") as refused:
        Regions([word])
    assert sentence in str(refused.value)


_NETWORKS = st.dictionaries(
    st.builds(
        lambda number, length: ip_network((number >> (32 - length) << (32 - length), length)),
        st.integers(0, 2**32 - 1),
        st.integers(1, 32),
    ),
    st.sampled_from(["eu", "us", "asia-jp"]),
)


@given(_NETWORKS, st.integers(0, 2**32 - 1))
def test_it_is_what_a_look_at_every_network_finds(networks: dict[object, str], number: int) -> None:
    address = ip_address(number)
    having = [network for network in networks if address in network]  # type: ignore[operator]  # ip_network's union
    expected = networks[max(having, key=lambda one: one.prefixlen)] if having else ""  # type: ignore[attr-defined]
    assert Regions(f"{network}={region}" for network, region in networks.items()).of(address) == expected
