from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import authentication
from accounts.authentication import actor_of, authenticate, remembered
from accounts.domain.actors import ANONYMOUS, Actor, Method
from accounts.models import Token
from accounts.services import passwords
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, make_token
from tests.wsgi_client import basic, bearer
from tpi_site.kit.errors import Unauthenticated

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def header(pair: dict[str, str]) -> str:
    return pair["Authorization"]


def refused(authorization: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        authenticate(authorization)
    return caught.value.code


def test_no_header_is_nobody() -> None:
    assert authenticate("") is ANONYMOUS


def test_a_token_is_taken_in_every_way_that_clients_send_it(cast: Cast) -> None:
    text = cast.token("reader")
    ways = [
        header(bearer(text)),
        f"bearer  {text} ",
        f"token {text}",
        header(basic("__token__", text)),
        header(basic("anything at all", text)),
        header(basic("", text)),
        header(basic(text, "")),
    ]
    for way in ways:
        assert authenticate(way).method is Method.TOKEN
        assert authenticate(way).username == "reader"


def test_a_users_name_and_password(cast: Cast) -> None:
    actor = authenticate(header(basic("reader", PASSWORD)))
    assert (actor.username, actor.method, actor.token) == ("reader", Method.PASSWORD, None)


def test_a_colon_belongs_to_the_password(cast: Cast) -> None:
    cast.reader.set_password("with: colons: inside")
    cast.reader.save()
    assert authenticate(header(basic("reader", "with: colons: inside"))).username == "reader"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Basic", "credentials-broken"),
        ("Basic ?", "credentials-broken"),
        ("Basic " + base64.b64encode(b"nocolon").decode(), "credentials-broken"),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), "credentials-broken"),
        ("Basic " + base64.b64encode(b"a\x00:b").decode(), "credentials-broken"),
        ("Basic " + base64.b64encode(b":").decode(), "password-wrong"),
        ("Bearer", "token-wrong"),
        ("Bearer tpi_nonsense", "token-wrong"),
        ("Negotiate abcdef", "scheme-unknown"),
        ("tpi_nonsense", "scheme-unknown"),
    ],
)
def test_what_is_broken_is_refused_with_its_reason(db: None, authorization: str, code: str) -> None:
    assert refused(authorization) == code


@given(st.text(max_size=200))
def test_no_header_makes_anything_but_a_refusal(authorization: str) -> None:
    if authorization.partition(" ")[0].lower() == "basic":
        return
    try:
        authenticate(authorization)
    except Unauthenticated:
        return
    assert not authorization


def test_good_credentials_are_remembered_for_one_generation(cast: Cast, django_assert_num_queries: Any) -> None:
    authorization = header(cast.bearer("reader"))
    assert remembered(authorization, 7) is None
    authenticate(authorization, 7)
    with django_assert_num_queries(0):
        known = remembered(authorization, 7)
    assert known is not None
    assert known.username == "reader"
    assert remembered(authorization, 8) is None
    assert remembered(f"{authorization} ", 7) is None


def test_wrong_credentials_are_not_remembered(cast: Cast) -> None:
    with pytest.raises(Unauthenticated):
        authenticate("Bearer tpi_nonsense", 7)
    assert remembered("Bearer tpi_nonsense", 7) is None


def test_a_token_is_not_remembered_beyond_its_expiry(cast: Cast) -> None:
    row, text = make_token(cast.reader, expires_at=timezone.now() + timedelta(seconds=30))
    authorization = header(bearer(text))
    Token.objects.filter(pk=row.pk).update(expires_at=timezone.now() + timedelta(microseconds=1))
    with pytest.raises(Unauthenticated):
        authenticate(authorization, 7)
    assert remembered(authorization, 7) is None


def test_the_memory_holds_no_credentials(cast: Cast) -> None:
    text = cast.token("reader")
    authenticate(header(bearer(text)), 7)
    authenticate(header(basic("reader", PASSWORD)), 7)
    held = repr(dict(authentication._known))
    assert PASSWORD not in held
    assert text[16:50] not in held


def test_the_memory_is_bounded(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "_REMEMBERED", 3)
    actor = Actor(1, "x", method=Method.TOKEN)
    for number in range(10):
        authentication._remember(f"Bearer {number}", actor, 7)
    assert len(authentication._known) == 3
    assert remembered("Bearer 9", 7) == actor


def test_passwords_are_remembered_only_as_long_as_the_operator_allows(cast: Cast, settings: Any) -> None:
    settings.TPI_VERIFIED_PASSWORD_SECONDS = 0
    authorization = header(basic("reader", PASSWORD))
    authenticate(authorization, 7)
    assert remembered(authorization, 7) is None


def test_a_session_is_an_actor_unless_the_account_is_disabled(cast: Cast, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = cast.reader
    assert (actor_of(request).username, actor_of(request).method) == ("reader", Method.SESSION)
    cast.reader.is_active = False
    assert actor_of(request).is_anonymous


def test_a_header_outweighs_the_session(cast: Cast, rf: RequestFactory) -> None:
    request = rf.get("/", headers=cast.bearer("uploader"))
    request.user = cast.reader
    assert actor_of(request).username == "uploader"


def test_the_limit_of_failures_counts_for_every_door(cast: Cast, settings: Any) -> None:
    settings.TPI_SIGN_IN_FAILURES = 5
    for _ in range(5):
        refused(header(basic("reader", "wrong")))
    from tpi_site.kit.errors import Throttled

    with pytest.raises(Throttled):
        authenticate(header(basic("reader", PASSWORD)))
    assert passwords.MAX_PASSWORD > len(PASSWORD)
