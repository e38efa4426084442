from __future__ import annotations

import pytest

from accounts.domain.actors import TokenScope
from accounts.domain.verbs import Verb
from indexapp.models import Index
from indexapp.services.pages import access
from tests.factories.cast import Cast
from tests.factories.people import actor_of, make_user
from tests.factories.publishing import give, make_group, make_index, make_project
from tpi_site.kit.errors import Forbidden, NotFound, Refusal, Unauthenticated

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def _names(cast: Cast, role: str) -> list[str]:
    return [index.name for index in access.visible_indexes(cast.actor(role))]


def test_everybody_sees_the_indexes_in_which_they_may_see_something(cast: Cast) -> None:
    make_index("secret")
    make_index("public", anonymous_read=True)

    assert _names(cast, "administrator") == ["main", "public", "secret"]
    assert _names(cast, "reader") == _names(cast, "member") == ["main", "public"]
    assert _names(cast, "outsider") == _names(cast, "anonymous") == ["public"]


def test_a_role_on_one_project_shows_its_index(cast: Cast) -> None:
    secret = make_index("secret")
    give(cast.outsider, [Verb.READ], secret, make_project(secret, "one"))

    assert _names(cast, "outsider") == ["secret"]


def test_a_group_is_seen_through_its_members(cast: Cast) -> None:
    make_group("empty")
    make_group("closed", make_index("secret"))
    make_group("both", Index.objects.get(name="secret"), cast.index)

    assert _names(cast, "reader") == ["both", "main"]
    assert _names(cast, "administrator") == ["both", "closed", "empty", "main", "secret"]


@pytest.mark.parametrize("name", ["main", "nothing"])
def test_a_closed_index_is_refused_like_one_that_is_not_there(cast: Cast, name: str) -> None:
    with pytest.raises(Forbidden) as refused:
        access.open_index(cast.actor("outsider"), name)
    assert refused.value.detail == (
        f"The user 'outsider' isn't allowed to read this from the index '{name}'; ask a team admin for the right."
    )
    with pytest.raises(Unauthenticated):
        access.open_index(cast.actor("anonymous"), name)


def test_a_token_that_is_not_for_reading_is_called_by_its_name(cast: Cast) -> None:
    uploader = cast.actor("uploader")
    scope = TokenScope("k", "ci", frozenset({Verb.UPLOAD}))
    with pytest.raises(Forbidden, match="The token 'ci' is not for reading"):
        access.open_index(uploader.within(scope), "main")


def test_administrators_are_told_that_an_index_is_not_there(cast: Cast) -> None:
    assert access.open_index(cast.actor("administrator"), "main").name == "main"
    with pytest.raises(NotFound):
        access.open_index(cast.actor("administrator"), "nothing")


def _refusal(cast: Cast, role: str, index: str, project: str) -> Refusal:
    with pytest.raises(Refusal) as refused:
        access.open_project(cast.actor(role), index, project)
    return refused.value


def test_a_project_is_opened_for_its_readers(cast: Cast) -> None:
    project = make_project(cast.index, "Acme.Tool")

    for role in ("administrator", "team_admin", "member", "uploader", "reader"):
        assert access.open_project(cast.actor(role), "main", "Acme_tool").page.pk == project.pk


@pytest.mark.parametrize("name", ["acme-tool", "nothing", "-not a name-", "\x00"])
def test_what_one_may_not_see_looks_like_what_is_not_there(cast: Cast, name: str) -> None:
    make_project(cast.index, "acme-tool")

    refusal = _refusal(cast, "outsider", "main", name)
    assert (type(refusal), refusal.detail) == (Forbidden, _refusal(cast, "outsider", "main", "other").detail)
    assert isinstance(_refusal(cast, "anonymous", "main", name), Unauthenticated)


def test_who_reads_the_whole_index_is_told_that_a_project_is_not_there(cast: Cast) -> None:
    assert isinstance(_refusal(cast, "reader", "main", "nothing"), NotFound)
    assert isinstance(_refusal(cast, "administrator", "nowhere", "nothing"), NotFound)
    assert isinstance(_refusal(cast, "reader", "nowhere", "nothing"), Forbidden)


def test_in_a_group_the_first_member_decides(cast: Cast) -> None:
    secret = make_index("secret")
    make_project(secret, "twin")
    make_project(cast.index, "twin")
    make_group("secret-first", secret, cast.index)
    make_group("main-first", cast.index, secret)

    assert isinstance(_refusal(cast, "reader", "secret-first", "twin"), Forbidden)
    assert access.open_project(cast.actor("reader"), "main-first", "twin").page.member.name == "main"


def test_a_token_form_offers_what_its_maker_sees(cast: Cast) -> None:
    make_index("secret", title="Secret things")

    names = [index.name for index in access.scope_indexes(actor_of(make_user()))]
    assert names == []
    assert [(one.name, one.title) for one in access.scope_indexes(cast.actor("administrator"))] == [
        ("main", ""),
        ("secret", "Secret things"),
    ]


def test_the_default_index_has_a_name(cast: Cast) -> None:
    assert access.default_index_name() == "main"
