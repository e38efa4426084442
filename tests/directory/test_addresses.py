from __future__ import annotations

import socket

import pytest

from tests.servers.ports import ClaimedAddress, free_port


def test_an_address_is_claimed_once_and_free_again_when_it_is_released() -> None:
    port = free_port()
    first = ClaimedAddress(purpose="a test", first=100, ports=[port])
    second = ClaimedAddress(purpose="a test", first=100, ports=[port])
    assert first.address != second.address
    first.release()
    third = ClaimedAddress(purpose="a test", first=100, ports=[port])
    assert third.address == first.address
    second.release()
    third.release()


def test_an_address_with_a_listener_is_passed_over() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.100", 0))
        listener.listen()
        port = listener.getsockname()[1]
        claim = ClaimedAddress(purpose="another test", first=100, ports=[port])
        claim.release()
        assert claim.address != "127.0.0.100"
        with pytest.raises(AssertionError, match="does a server listen"):
            ClaimedAddress(purpose="another test", first=100, ports=[port], choices=1)
