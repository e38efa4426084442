from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.domain.verbs import Verb
from indexapp.models import Index, Project, Release
from indexapp.services import search
from indexapp.services.pages import access, lists
from tests.factories.cast import Cast
from tests.factories.publishing import give, make_group, make_index, make_project, make_release

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages so short that a handful of rows fills several."""
    monkeypatch.setattr(lists, "PAGE_SIZE", 2)
    monkeypatch.setattr(lists, "RESULTS_SIZE", 2)


def _page(cast: Cast, role: str, index: str = "main", **arguments: str) -> lists.KeyPage:
    actor = cast.actor(role)
    return lists.page_of_index(access.open_index(actor, index), actor, **arguments)


def _found(cast: Cast, text: str, *, role: str = "administrator", index: str = "", after: str = "") -> lists.KeyPage:
    actor = cast.actor(role)
    return lists.results(actor, text, access.open_index(actor, index) if index else None, after=after)


def _named(page: lists.KeyPage) -> list[str]:
    return [row.project.normalized_name for row in page.rows]


def _project(index: Index, name: str, summary: str = "") -> Project:
    project = make_project(index, name, summary=summary)
    search.put(project)
    return project


def test_pages_lead_to_each_other_in_both_directions(cast: Cast, few: None) -> None:
    for name in ("e", "c", "a", "d", "b"):
        make_project(cast.index, name)

    first = _page(cast, "reader")
    second = _page(cast, "reader", after=first.next)
    third = _page(cast, "reader", after=second.next)

    assert [_named(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert (first.previous, third.next) == ("", "")
    assert _named(_page(cast, "reader", before=third.previous)) == ["c", "d"]
    back = _page(cast, "reader", before=second.previous)
    assert (_named(back), back.previous, back.next) == (["a", "b"], "", "b")


def test_a_prefix_is_normalised_and_taken_literally(cast: Cast) -> None:
    for name in ("acme", "acme-tool", "acmeology", "b_cme", "zebra"):
        make_project(cast.index, name)

    assert _named(_page(cast, "reader", prefix="Acme_")) == ["acme-tool"]
    assert _named(_page(cast, "reader", prefix="acme")) == ["acme", "acme-tool", "acmeology"]
    assert _named(_page(cast, "reader", prefix="%")) == []


def test_only_what_one_may_see_is_listed(cast: Cast) -> None:
    make_project(cast.index, "hidden")
    give(cast.outsider, [Verb.READ], cast.index, make_project(cast.index, "shown"))

    assert _named(_page(cast, "outsider")) == ["shown"]


def test_a_group_lists_each_name_once_of_the_member_that_decides(cast: Cast) -> None:
    second = make_index("second", anonymous_read=True)
    for index, names in ((cast.index, ("one", "twin")), (second, ("twin", "two"))):
        for name in names:
            make_project(index, name)
    make_group("both", cast.index, second)

    page = _page(cast, "reader", "both")

    assert [(row.project.normalized_name, row.project.index.name) for row in page.rows] == [
        ("one", "main"),
        ("twin", "main"),
        ("two", "second"),
    ]
    assert _named(_page(cast, "outsider", "both")) == ["two"], "a name that a hidden member decides stays hidden"


def test_rows_carry_the_version_that_installers_take(cast: Cast) -> None:
    project = make_project(cast.index, "acme")
    make_project(cast.index, "bare")
    for version in ("1.9", "1.10", "2.0rc1"):
        make_release(project, version)
    make_release(project, "3.0", is_yanked=True)

    assert [(row.project.name, row.version) for row in _page(cast, "reader").rows] == [("acme", "1.10"), ("bare", "")]


def test_the_very_name_is_found_first_then_its_beginnings_then_the_rest(cast: Cast) -> None:
    _project(cast.index, "a-pack", "the acme of packs")
    _project(cast.index, "acme-tool")
    _project(cast.index, "acme")
    _project(cast.index, "zebra", "acme stripes")

    assert _named(_found(cast, "ACME")) == ["acme", "acme-tool", "a-pack", "zebra"]
    assert _named(_found(cast, "acme tool")) == ["acme-tool"]
    assert _named(_found(cast, "strip")) == ["zebra"]


def test_results_go_on_without_gaps_or_repetition(cast: Cast, few: None) -> None:
    second = make_index("second")
    for index in (cast.index, second):
        for name in ("acme", "acme-a", "acme-b", "other"):
            _project(index, name, "acme")
    seen: list[tuple[str, str]] = []
    after = ""
    while True:
        page = _found(cast, "acme", after=after)
        seen += [(row.project.normalized_name, row.project.index.name) for row in page.rows]
        after = page.next
        if not after:
            break

    names = ["acme", "acme-a", "acme-b", "other"]
    assert seen == [(name, index) for name in names for index in ("main", "second")]


def test_search_keeps_to_what_one_may_see_and_to_the_index(cast: Cast) -> None:
    secret = make_index("secret")
    _project(secret, "acme-secret")
    _project(cast.index, "acme-open")

    assert _named(_found(cast, "acme", role="reader")) == ["acme-open"]
    assert _named(_found(cast, "acme", role="outsider")) == []
    assert _named(_found(cast, "acme", index="secret")) == ["acme-secret"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(text=st.text(max_size=300), after=st.text(max_size=60))
def test_no_query_and_no_cursor_breaks_the_search(cast: Cast, text: str, after: str) -> None:
    assert _found(cast, text.replace("\x00", ""), after=after).rows == []


@pytest.mark.parametrize("after", ["0:1:\x00", "9" * 18 + ":1:a", "0:" + "9" * 18 + ":a", "²:1:a", "0:1", ":::"])
def test_a_forged_cursor_is_harmless(cast: Cast, after: str) -> None:
    _project(cast.index, "acme")

    assert len(_found(cast, "acme", after=after).rows) <= 1


def _aged(release: Release, days: int) -> None:
    Release.objects.filter(pk=release.pk).update(created_at=timezone.now() - timedelta(days=days))


def test_recent_releases_are_the_readers_own_newest_first(cast: Cast) -> None:
    acme = make_project(cast.index, "acme")
    _aged(make_release(acme, "1.0"), 2)
    _aged(make_release(acme, "1.1"), 1)
    _aged(make_release(acme, "0.1"), lists.RECENT_DAYS + 1)
    make_release(make_project(cast.index, "suspect", status=Project.Status.QUARANTINED))
    make_release(make_project(make_index("secret"), "hidden"))

    assert [str(release) for release in lists.recent_releases(cast.actor("reader"))] == ["acme 1.1", "acme 1.0"]
    assert lists.recent_releases(cast.actor("outsider")) == []
