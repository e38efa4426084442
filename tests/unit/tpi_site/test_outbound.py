from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.servers import receivers
from tpi_site.kit import outbound
from tpi_site.kit.outbound import OutboundFailed


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "fe80::1%eth0", "fd00::1", "0.0.0.0", "224.0.0.1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "100.64.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
     "2002:a00:1::1", "fec0::1", "feff::1", "::10.0.0.1", "::8.8.8.8"],
)  # fmt: skip
def test_the_neighbourhood_is_closed(settings: Any, address: str) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    assert not outbound.is_allowed(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_the_world_is_open(settings: Any, address: str) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    assert outbound.is_allowed(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_network_that_is_named_is_open(settings: Any, address: str) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["10.1.0.0/16"]
    assert outbound.is_allowed(address)
    assert not outbound.is_allowed("10.2.0.1")


def test_a_redirect_is_an_answer(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with receivers.http() as receiver:
        receiver.statuses = [302]
        answer = outbound.post(receiver.url, b"x", {"webhook-id": "1"})
    assert answer.status == 302
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 70 + ".example", "x..y"])
def test_a_name_that_nobody_has_is_told(host: str) -> None:
    with pytest.raises(OutboundFailed, match="cannot be resolved"):
        outbound.connect(host, 443)


def test_an_answer_that_drips_is_given_up_in_time(settings: Any) -> None:
    """Each byte comes well before the time-out, and the answer never."""
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    with receivers.http() as receiver:
        receiver.drips = True
        with pytest.raises(OutboundFailed, match="timed out"):
            outbound.post(receiver.url, b"x", {}, timeout=1.0)


class Resolver:
    """In place of the system's: ``names`` by their addresses; what is an address already stays one."""

    def __init__(self, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *more: Any, **keywords: Any) -> list[Any]:
        if host in self.names:
            self.asked.append(host)
        addresses = self.names.get(host, [host])
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def test_a_name_is_resolved_once_and_only_its_allowed_addresses_are_tried(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two are refused, nobody listens at the third, and the fourth answers."""
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.1/32", "127.0.0.3/32"]
    resolver = Resolver(many_example=["10.0.0.1", "169.254.169.254", "127.0.0.3", "127.0.0.1"])
    with receivers.http() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        answer = outbound.post(receiver.url.replace("127.0.0.1", "many.example"), b"x", {})
    assert (answer.status, resolver.asked) == (204, ["many.example"])


def test_a_name_whose_addresses_are_all_inside_is_not_asked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    with receivers.http() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", Resolver(inside_example=["127.0.0.1", "10.0.0.1"]))
        with pytest.raises(OutboundFailed, match=r"inside.example is at 127.0.0.1"):
            outbound.post(receiver.url.replace("127.0.0.1", "inside.example"), b"x", {})
    assert receiver.requests == []
