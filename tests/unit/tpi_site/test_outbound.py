from __future__ import annotations

from typing import Any

import pytest

from tests.servers import receivers
from tpi_site.kit import outbound
from tpi_site.kit.outbound import OutboundFailed


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "fe80::1%eth0", "fd00::1", "0.0.0.0", "224.0.0.1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_the_neighbourhood_is_closed(settings: Any, address: str) -> None:
    settings.TPI_OUTBOUND_NETWORKS = []
    assert not outbound.is_allowed(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
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
