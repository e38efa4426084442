"""A token's networks hold on the fast path too, where credentials come from memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.domain.verbs import ALL_VERBS
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import make_token
from tests.factories.publishing import multipart, published
from tests.wsgi_client import Answer, WsgiClient, basic, bearer

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

URLS = ("/simple/acme-tool/", "/simple/", "/main/pypi/acme-tool/json", "/api/v1/indexes/main/")
INSIDE, OUTSIDE = "203.0.113.9", "198.51.100.1"


@pytest.fixture
def proxied(settings: Any) -> None:
    settings.TPI_TRUSTED_PROXIES = ["192.0.2.7"]


@pytest.mark.parametrize("sent_as", [bearer, lambda text: basic("__token__", text)])
@pytest.mark.usefixtures("proxied")
def test_every_door_asks_where_the_request_comes_from(
    cast: Cast, machine: WsgiClient, sent_as: Callable[[str], dict[str, str]]
) -> None:
    published(cast.index)
    asker = machine.signed(sent_as(make_token(cast.reader, networks=["203.0.113.0/24"])[1]))

    def ask(url: str, address: str) -> Answer:
        return asker.get(url, X_Forwarded_For=address)

    for url in URLS:
        for _ in range(2):  # the second time from memory
            assert ask(url, INSIDE).status == 200
            refused = ask(url, OUTSIDE)
            assert (refused.status, refused.code) == (401, "token-network")
            assert OUTSIDE in refused.json["detail"]
        assert ask(url, f"::ffff:{INSIDE}").status == 200
        # What stands left of the proxy's own word is the client's.
        assert ask(url, f"{INSIDE}, {OUTSIDE}").status == 401


@pytest.mark.usefixtures("proxied")
def test_uploads_ask_too(cast: Cast, machine: WsgiClient) -> None:
    _, text = make_token(cast.uploader, ALL_VERBS, networks=["203.0.113.0/24"])
    body, content_type = multipart(build_wheel())
    uploader = machine.signed(bearer(text))

    def send(address: str) -> int:
        return uploader.post("/legacy/", body, Content_Type=content_type, X_Forwarded_For=address).status

    assert send(OUTSIDE) == 401
    assert send(INSIDE) == 200


def test_the_word_of_a_proxy_that_is_not_trusted_opens_nothing(cast: Cast, machine: WsgiClient) -> None:
    published(cast.index)
    asker = machine.signed(bearer(make_token(cast.reader, networks=["203.0.113.0/24"])[1]))
    assert asker.get("/simple/", X_Forwarded_For=INSIDE).status == 401
