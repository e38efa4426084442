from __future__ import annotations

import pytest

from accounts.domain.verbs import Verb
from tests.factories.cast import Cast
from tests.factories.people import make_token
from tests.unit.indexapp.views.browse.conftest import As

pytestmark = pytest.mark.django_db

PAGE = "/help/rights/"


def test_the_form_begins_with_oneself_and_the_answer_stands_below_it(cast: Cast, browser: As) -> None:
    assert 'value="reader"' in browser("reader").get(PAGE).content.decode()
    text = browser("reader").get(PAGE, {"user": "reader", "verb": "read", "index": "main"}).content.decode()
    role = cast.index.roles.get(user=cast.reader)
    assert f"Role {role.pk} gives &#x27;reader&#x27; read on the whole index" in text
    assert "Yes" in text


@pytest.mark.parametrize(
    "query", [{"user": "member"}, {"user": "nobody"}, {"verb": "fly"}, {"index": ""}, {"index": "\x00"}]
)
def test_a_question_that_one_may_not_ask_is_an_error_of_the_form(
    cast: Cast, browser: As, query: dict[str, str]
) -> None:
    answer = browser("reader").get(PAGE, {"user": "reader", "verb": "read", "index": "main"} | query)
    assert answer.status_code == 422
    assert "Yes" not in answer.content.decode()


def test_a_token_of_ones_own_is_asked_about_by_its_name(cast: Cast, browser: As) -> None:
    make_token(cast.reader, [Verb.UPLOAD], name="laptop")
    query = {"user": "reader", "verb": "read", "index": "main", "token": "laptop"}
    text = browser("reader").get(PAGE, query).content.decode()
    assert "No, &#x27;reader&#x27; may not read the index &#x27;main&#x27; with the token &#x27;laptop&#x27;." in text
    assert "is not for the verb read" in text
    answer = browser("reader").get(PAGE, query | {"token": "nothing"})
    assert answer.status_code == 422
    assert "id_token_error" in answer.content.decode()


def test_a_link_begins_the_form(cast: Cast, browser: As) -> None:
    text = browser("maintainer").get(PAGE, {"user": "svc-build", "token": "abc"}).content.decode()
    assert 'value="svc-build"' in text
    assert 'value="abc"' in text


def test_what_is_asked_is_shown_as_text(cast: Cast, browser: As) -> None:
    hostile = "<script>alert(1)</script>"
    text = browser("administrator").get(PAGE, {"user": "reader", "verb": "read", "index": "main", "project": hostile})
    assert hostile not in text.content.decode()


def test_who_has_not_signed_in_is_sent_to_do_so(browser: As) -> None:
    assert browser("anonymous").get(PAGE).headers["Location"].startswith("/account/sign-in/")
