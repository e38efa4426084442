from __future__ import annotations

import socket

from tpi_site.kit import ports


def test_an_address_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        bind = f"127.0.0.1:{listener.getsockname()[1]}"
        assert not ports.is_free(bind)
        assert not ports.wait_until_free(bind, seconds=0)
    assert ports.wait_until_free(bind, seconds=5)
