from __future__ import annotations

from typing import Any

import pytest

from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_group, published
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]

DOCUMENT = "/main/pypi/acme-tool/json"


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    published(cast.index, build_wheel())
    return machine.signed(cast.bearer("reader"))


def test_addresses_name_the_host_that_was_asked(reader: WsgiClient) -> None:
    [file] = reader.get(DOCUMENT, Host="pypi.example:8080").json["urls"]
    assert file["url"].startswith("http://pypi.example:8080/packages/main/")


@pytest.mark.parametrize("host", ['evil"<x>', "evil.example", ""])
def test_a_host_that_settings_do_not_name_is_refused(reader: WsgiClient, settings: Any, host: str) -> None:
    settings.ALLOWED_HOSTS = ["tpi.example"]
    answer = reader.get(DOCUMENT, Host=host)
    assert (answer.status, answer.code) == (400, "host-unknown")
    assert reader.get(DOCUMENT).status == 200


@pytest.mark.parametrize("base", ["", "/main"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_that_nothing_is_attested_is_a_problem_document_everywhere(
    *, cast: Cast, machine: WsgiClient, plain_django: WsgiClient, base: str, signed: bool, accept: str
) -> None:
    published(cast.index, build_wheel())
    headers = cast.bearer("reader") if signed else {}
    address = f"{base}/integrity/acme-tool/1.0/acme_tool-1.0-py3-none-any.whl/provenance"
    fast = machine.signed(headers).get(address, Accept=accept)
    assert (fast.status, fast.code) == ((404, "provenance-none") if signed else (401, "unauthenticated"))
    slow = plain_django.signed(headers).get(address, Accept=accept)
    for name in ("Content-Type", "WWW-Authenticate", "Cache-Control", "Vary"):
        assert fast.headers[name] == slow.headers[name]
    assert (fast.status, fast.reason, fast.body) == (slow.status, slow.reason, slow.body)
    assert "X-Frame-Options" not in fast.headers, "this one came from Django"


@pytest.mark.parametrize("address", ["/simple/", "/simple/acme-tool/", "/pypi/acme-tool/json"])
def test_a_group_of_tokens_only_takes_no_password_though_its_member_does(
    cast: Cast, reader: WsgiClient, machine: WsgiClient, address: str
) -> None:
    make_group("all", cast.index)
    make_group("strict", cast.index, allow_passwords=False)
    by_password = machine.signed(cast.basic("reader"))
    assert by_password.get(f"/all{address}").status == 200
    assert by_password.get(f"/strict{address}").status == 403
    assert reader.get(f"/strict{address}").status == 200
