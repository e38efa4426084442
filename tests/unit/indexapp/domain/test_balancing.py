"""Which sites a client is sent to."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexapp.domain.balancing import SPREAD, TARGET, Client, Health, Site, candidates, next_share, order, ordered

REGIONS = ["", "eu", "eu-de", "eu-de-by", "us", "us-ca"]
DIGESTS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000)]
HERE = Client(ip_address("192.0.2.7"), "eu-de")

addresses = st.one_of(st.none(), st.ip_addresses())
clients = st.builds(Client, addresses, st.sampled_from(REGIONS))
digests = st.sampled_from(DIGESTS)
networks = st.sampled_from(
    [ip_network(text) for text in ("192.0.2.0/24", "192.0.0.0/16", "0.0.0.0/0", "2001:db8::/32", "::/0")]
)


@st.composite
def sites(draw: st.DrawFn) -> Site:
    return Site(
        id=draw(st.text("abcdefgh", min_size=1, max_size=3)),
        weight=draw(st.floats(0, 50)),
        regions=tuple(draw(st.lists(st.sampled_from(REGIONS[1:]), max_size=2))),
        networks=tuple(draw(st.lists(networks, max_size=2))),
        health=draw(st.sampled_from(Health)),
        share=draw(st.sampled_from([0.0, 0.3, 1.0])),
    )


worlds = st.lists(sites(), max_size=8, unique_by=lambda site: site.id)


@given(clients, worlds, digests, st.integers(0, 9))
def test_only_sites_that_may_be_used_come_and_each_once(
    client: Client, all_: list[Site], digest: str, most: int
) -> None:
    found = order(client, all_, digest, most=most)
    assert len(found) == len({site.id for site in found}) <= most
    for site in found:
        assert site in all_
        assert site.health in (Health.HEALTHY, Health.SLOW)
        assert site.weight > 0
        assert site.share > 0
        if site.networks and not site.regions:
            assert any(
                client.address is not None and client.address.version == network.version and client.address in network
                for network in site.networks
            )


@given(clients, worlds, digests, st.randoms())
def test_it_is_the_same_whatever_the_order_of_sites(
    client: Client, all_: list[Site], digest: str, random: object
) -> None:
    shuffled = list(all_)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert order(client, shuffled, digest) == order(client, all_, digest)


@given(clients, worlds, digests)
def test_fewer_are_the_first_of_more(client: Client, all_: list[Site], digest: str) -> None:
    whole = order(client, all_, digest, most=99)
    assert all(order(client, all_, digest, most=most) == whole[:most] for most in range(len(whole) + 1))
    assert {site.id for site in whole} == {one.site.id for one in candidates(client, all_)}


@given(clients, worlds, digests)
def test_who_leaves_moves_nobody_else(client: Client, all_: list[Site], digest: str) -> None:
    whole = order(client, all_, digest, most=99)
    for gone in all_:
        without = [site for site in whole if site.id != gone.id]
        assert order(client, [site for site in all_ if site.id != gone.id], digest, most=99) == without
        failing = [replace(site, health=Health.FAILING) if site.id == gone.id else site for site in all_]
        assert order(client, failing, digest, most=99) == without


@given(clients, worlds, digests, st.floats(1, 10))
def test_more_weight_never_sends_anybody_away(client: Client, all_: list[Site], digest: str, factor: float) -> None:
    all_ = [*all_, Site(id="always")]
    first = order(client, all_, digest)
    heavier = [replace(site, weight=site.weight * factor) if site.id == first[0].id else site for site in all_]
    assert order(client, heavier, digest)[0].id == first[0].id


@given(clients, worlds, digests, st.floats(0, 1))
def test_a_larger_share_has_all_that_the_smaller_had(
    client: Client, all_: list[Site], digest: str, more: float
) -> None:
    all_ = [*all_, Site(id="always")]
    first = order(client, all_, digest)
    freer = [replace(site, share=max(site.share, more)) if site.id == first[0].id else site for site in all_]
    assert order(client, freer, digest)[0].id == first[0].id


@given(clients, worlds, digests)
def test_the_nearest_site_at_ease_comes_first(client: Client, all_: list[Site], digest: str) -> None:
    near = candidates(client, [*all_, Site(id="always")])
    at_ease = [one for one in near if one.site.share == 1 and one.site.health is Health.HEALTHY]
    first = ordered(near, digest, client.part)[0]
    nearness = {one.site.id: one.nearness for one in near}
    assert nearness[first.id] >= at_ease[0].nearness


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (HERE, ["narrow", "wide", "eu-de", "eu", "us"]),
        (Client(ip_address("192.0.9.9"), "eu-fr"), ["wide", "eu", "eu-de", "us"]),
        (Client(ip_address("2001:db8::1"), "us-ca"), ["us", "eu", "eu-de"]),
        (Client(None, "eu"), ["eu", "eu-de", "us"]),
    ],
)
def test_what_is_near(client: Client, expected: list[str]) -> None:
    all_ = [
        Site(id="us", regions=("us",)),
        Site(id="eu", regions=("eu",)),
        Site(id="eu-de", regions=("eu-de",)),
        Site(id="wide", networks=(ip_network("192.0.0.0/16"),)),
        Site(id="narrow", networks=(ip_network("192.0.2.0/24"),)),
    ]
    found = [one.site.id for one in candidates(client, all_)]
    assert len(found) == len(expected)
    near = {one.site.id: one.nearness for one in candidates(client, all_)}
    assert [near[name] for name in expected] == sorted(near.values(), reverse=True)
    assert order(client, all_, DIGESTS[0])[0].id in (expected[0], *(n for n in near if near[n] == near[expected[0]]))


def shares(all_: list[Site], client: Client = HERE) -> Counter[str]:
    near = candidates(client, all_)
    return Counter(found[0].id for digest in DIGESTS if (found := ordered(near, digest, client.part)))


def test_each_has_its_share_by_weight() -> None:
    weights = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
    found = shares([Site(id=name, weight=weight) for name, weight in weights.items()])
    for name, weight in weights.items():
        assert abs(found[name] / len(DIGESTS) / (weight / 10) - 1) < 0.05


def test_who_comes_takes_its_share_from_all_and_moves_nothing_else() -> None:
    before = [Site(id=name) for name in "abcd"]
    after = [*before, Site(id="new")]
    moved = Counter(
        one[0].id
        for digest in DIGESTS
        if (one := order(HERE, before, digest)) and order(HERE, after, digest)[0].id != one[0].id
    )
    assert all(
        order(HERE, after, digest)[0].id in ("new", order(HERE, before, digest)[0].id) for digest in DIGESTS[:2000]
    )
    assert abs(sum(moved.values()) / len(DIGESTS) - 0.2) < 0.02
    assert max(moved.values()) < 1.2 * min(moved.values())


def test_a_site_has_its_share_of_what_would_be_its() -> None:
    def of_first(share: float) -> float:
        return shares([Site(id="a", share=share), Site(id="b")])["a"] / len(DIGESTS)

    at = [of_first(share) for share in (1, 0.5, 0.1, 0)]
    assert at[3] == 0
    assert abs(at[0] - 0.5) < 0.02
    assert abs(at[1] - at[0] / 2) < 0.02
    assert abs(at[2] - at[0] / 10) < 0.02


def test_what_a_site_is_not_given_goes_where_there_is_room_and_comes_back_to_it_last() -> None:
    near, far = Site(id="near", regions=("eu-de",), share=0.25), Site(id="far", regions=("us",))
    found = Counter(tuple(site.id for site in order(HERE, [near, far], digest)) for digest in DIGESTS)
    assert {*found} == {("near", "far"), ("far", "near")}
    assert abs(found["near", "far"] / len(DIGESTS) - 0.25) < 0.02


@given(st.floats(0.01, 1), st.floats(0.01, 20))
def test_a_share_comes_to_rest_where_the_site_is_full_enough(share: float, wished: float) -> None:
    """``wished`` is what would be asked of the site if it had all its digests, as a part of its capacity."""
    goal = max(0.01, min(1.0, TARGET / wished))
    for _ in range(60):
        after = next_share(share, wished * share)
        assert 0 < after <= 1
        assert min(share, goal) - 1e-9 <= after <= max(share, goal) + 1e-9, "it does not swing"
        share = after
    assert abs(share / goal - 1) < 0.01


def test_a_site_of_which_nothing_was_asked_is_given_more_slowly() -> None:
    assert next_share(0.2, 0) == pytest.approx(0.3)
    assert next_share(0.9, 0) == 1


def test_a_slow_site_comes_last_and_is_better_than_none() -> None:
    slow, far = Site(id="slow", regions=("eu-de",), health=Health.SLOW), Site(id="far", regions=("us",))
    assert [site.id for site in order(HERE, [slow, far], DIGESTS[0])] == ["far", "slow"]
    assert [site.id for site in order(HERE, [slow], DIGESTS[0])] == ["slow"]


def test_a_popular_file_is_spread_over_sites_and_a_network_stays_with_one() -> None:
    all_ = [Site(id=str(number)) for number in range(4)]
    clients_ = [Client(ip_address(f"10.{a}.{b}.1")) for a in range(40) for b in range(25)]
    assert 0.9 * SPREAD < len({client.part for client in clients_}) <= SPREAD
    assert len({order(client, all_, DIGESTS[0])[0].id for client in clients_}) == 1
    found = Counter(order(client, all_, DIGESTS[0], is_popular=True)[0].id for client in clients_)
    assert all(abs(found[site.id] / len(clients_) - 1 / 4) < 0.15 for site in all_)
    for client in clients_[:20]:
        beside = Client(ip_address(int(client.address or 0) + 200))
        of_both = [order(each, all_, DIGESTS[0], is_popular=True) for each in (client, beside)]
        assert of_both[0] == of_both[1]


def test_the_answer_is_that_of_every_release() -> None:
    """Caches at the sites are warm for these answers: another rule empties them all."""
    all_ = [Site(id=f"site-{number}", weight=number) for number in range(1, 6)]
    found = [
        [
            "".join(site.id[-1] for site in order(HERE, all_, digest, is_popular=is_popular, most=5))
            for digest in DIGESTS[:6]
        ]
        for is_popular in (False, True)
    ]
    assert found == [
        ["53421", "52314", "54321", "43512", "25143", "45231"],
        ["25431", "35421", "51423", "41352", "45132", "24513"],
    ]
