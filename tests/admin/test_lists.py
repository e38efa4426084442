"""Lists cost the same for one row and for fifty, count nothing, and find what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, Membership, Token, User
from accounts.services import audit
from indexapp.domain.change_kinds import ChangeKind
from indexapp.models import Change, File, Index, Project, Release, ReservedPrefix
from indexapp.services import changes
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address
from tests.factories.people import SYSTEM, make_team, make_token, make_user
from tests.factories.publishing import give, make_file, make_index, make_project, make_release

pytestmark = pytest.mark.database

Grow = Callable[[Side, int], Any]


def _team(side: Side, number: int) -> Any:
    return make_team("", make_user(), admins=[side.admin])


def _index(side: Side, number: int) -> Any:
    return give(side.team, [Verb.ADMINISTER], make_index())


def _project(side: Side, number: int) -> Any:
    return make_release(make_project(side.index))


def _release(side: Side, number: int) -> Any:
    return make_release(side.project, f"2.{number}")


def _file(side: Side, number: int) -> Any:
    return make_file(side.release, f"red_project-1.0-{number}-py3-none-any.whl")


def _role(side: Side, number: int) -> Any:
    return give(make_team() if number % 2 else make_user(), [Verb.READ], side.index, make_project(side.index))


def _prefix(side: Side, number: int) -> Any:
    return ReservedPrefix.objects.create(prefix=f"more-{number}", team=side.team, index=side.index)


def _token(side: Side, number: int) -> Any:
    return make_token(side.admin, [Verb.READ], indexes=["red-index"])


def _membership(side: Side, number: int) -> Any:
    return Membership.objects.create(team=side.team, user=make_user())


def _change(side: Side, number: int) -> Any:
    return changes.record(actor=SYSTEM, kind=ChangeKind.FILE_ADDED, index=side.index, project=side.project)


def _audit(side: Side, number: int) -> Any:
    return audit.record(actor=SYSTEM, action="team.change", subject=side.team)


def _user(side: Side, number: int) -> Any:
    return make_user()


GROWTH: dict[str, Grow] = {
    "team": _team,
    "index": _index,
    "project": _project,
    "release": _release,
    "file": _file,
    "role": _role,
    "prefix": _prefix,
    "token": _token,
    "membership": _membership,
    "change": _change,
    "audit": _audit,
}
COUNTS = {
    "team": 9,
    "index": 9,
    "project": 11,
    "release": 10,
    "file": 10,
    "role": 10,
    "prefix": 10,
    "token": 7,
    "membership": 8,
    "change": 10,
    "audit": 8,
    "user": 5,
}
"""Queries of a list for a team admin (for users: an administrator), those of session and entrance (five at most) included."""


def _queries(browser: Client, url: str) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert browser.get(url).status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize("screen", list(GROWTH))
def test_a_list_costs_the_same_for_one_row_and_for_fifty(red: Side, sign_in: SignIn, screen: str) -> None:
    browser, url = sign_in(red.admin), address(type(red.rows[screen]), "changelist")
    few = _queries(browser, url)
    for number in range(50):
        GROWTH[screen](red, number)
    many = _queries(browser, url)

    assert len(many) == len(few) == COUNTS[screen], many
    assert not any("COUNT(" in query and "GROUP BY" not in query for query in many)


def test_the_list_of_users_costs_the_same_for_one_row_and_for_fifty(administrator: User, sign_in: SignIn) -> None:
    browser, url = sign_in(administrator), address(User, "changelist")
    few = _queries(browser, url)
    for _ in range(49):
        make_user()

    assert len(_queries(browser, url)) == len(few) == COUNTS["user"]


@pytest.mark.parametrize("screen", list(GROWTH))
def test_who_administers_everything_pays_no_more(red: Side, administrator: User, sign_in: SignIn, screen: str) -> None:
    assert len(_queries(sign_in(administrator), address(type(red.rows[screen]), "changelist"))) <= COUNTS[screen]


def test_a_team_page_costs_the_same_for_one_member_and_for_fifty(red: Side, sign_in: SignIn) -> None:
    browser = sign_in(red.admin)
    browser.get(address(red.team))
    few = len(_queries(browser, address(red.team)))
    for number in range(50):
        _membership(red, number)

    assert len(_queries(browser, address(red.team))) == few


def test_pages_lead_on_and_back(red: Side, sign_in: SignIn) -> None:
    for number in range(60):
        _release(red, number)
    browser, url = sign_in(red.admin), address(Release, "changelist")
    first, second = browser.get(url).context["cl"], browser.get(f"{url}?p=2").context["cl"]

    assert (len(first.result_list), first.previous_url, first.next_url) == (50, "", "?p=2")
    assert (len(second.result_list), second.previous_url, second.next_url) == (11, "?p=1", "")
    assert [row.version for row in first.result_list][:2] == ["2.59", "2.58"]
    assert not {row.pk for row in first.result_list} & {row.pk for row in second.result_list}
    assert "1–50, more follow" in browser.get(url).content.decode()
    assert "51–61" in browser.get(f"{url}?p=2").content.decode()


@pytest.mark.parametrize("page", ["0", "-1", "2", "201", "99999999999999999999", "x"])
def test_pages_that_are_not_there_lead_to_the_first(red: Side, sign_in: SignIn, page: str) -> None:
    answer = sign_in(red.admin).get(f"{address(Release, 'changelist')}?p={page}", follow=True)

    assert answer.status_code == 200
    assert len(answer.context["cl"].result_list) == 1


def test_paging_ends_where_it_would_be_slow(red: Side, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from tpi_site.kit.admin import lists

    monkeypatch.setattr(lists, "MAX_PAGES", 1)
    for number in range(60):
        _release(red, number)
    page = sign_in(red.admin).get(address(Release, "changelist"))

    assert page.context["cl"].next_url == ""
    assert "Paging ends here" in page.content.decode()


def _shown(browser: Client, model: type[Any], query: str) -> list[str]:
    response = browser.get(f"{address(model, 'changelist')}?{query}")
    assert response.status_code == 200
    return sorted(str(row) for row in response.context["cl"].result_list)


@pytest.fixture
def shelf(red: Side, sign_in: SignIn) -> Client:
    """The red team's admin, with some projects more."""
    for name, summary in (("Acme.Tool", "Builds things"), ("acme-web", "Serves things"), ("other", "Nothing")):
        make_file(make_release(make_project(red.index, name, summary=summary)))
    return sign_in(red.admin)


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        (Project, "q=acme", ["Acme.Tool", "acme-web"]),
        (Project, "q=thing", ["Acme.Tool", "acme-web"]),
        (Project, "q=serv acme", ["acme-web"]),
        (Project, "q=!!!", []),
        (Release, "q=acme", ["Acme.Tool 1.0", "acme-web 1.0"]),
        (Release, "project=red-index/acme-web", ["acme-web 1.0"]),
        (File, "q=acme_web-1.0-py3-none-any.whl", ["acme_web-1.0-py3-none-any.whl"]),
        (File, "q=web", ["acme_web-1.0-py3-none-any.whl"]),
        (File, "q=ACME_web-1.0-py3-none-any.whl", []),
        (File, "project=red-index/other", ["other-1.0-py3-none-any.whl"]),
        (File, "release=red-index/other/1", ["other-1.0-py3-none-any.whl"]),
        (File, "release=red-index/other/", []),
        (File, "release=", ["acme_tool-1.0-py3-none-any.whl"]),
        (Index, "q=red", ["red-index"]),
        (Index, "kind=group", []),
        (AuditEntry, "q=red-team", ["test: team.change red-team"]),
        (AuditEntry, "object_type=team&object_name=red-team", ["test: team.change red-team"]),
        (Change, "kind=file-deleted", []),
        (Change, "project=red-index/none", []),
    ],
)
def test_searches_and_filters_find_what_fits(shelf: Client, model: type[Any], query: str, found: list[str]) -> None:
    if query == "release=":
        assert len(_shown(shelf, model, query)) == 4
    else:
        assert _shown(shelf, model, query) == found


def test_a_file_is_found_by_its_digest(shelf: Client) -> None:
    file = File.objects.get(filename="other-1.0-py3-none-any.whl")
    assert _shown(shelf, File, f"q={file.blob.sha256.upper()}") == [file.filename]


def test_states_are_filters(shelf: Client, red: Side) -> None:
    Project.objects.filter(name="other").update(status="quarantined")
    Release.objects.filter(project__name="other").update(is_yanked=True)
    File.objects.filter(project__name="acme-web").update(is_yanked=True)

    assert _shown(shelf, Project, "status=quarantined") == ["other"]
    assert _shown(shelf, Project, "status=archived") == []
    assert len(_shown(shelf, Project, "status=active")) == 3
    assert _shown(shelf, Release, "yanked=yes") == ["other 1.0"]
    assert _shown(shelf, File, "yanked=yes") == ["acme_web-1.0-py3-none-any.whl"]
    assert _shown(shelf, File, "yanked=yes&index=red-index") == ["acme_web-1.0-py3-none-any.whl"]


def test_tokens_are_filtered_by_their_state(red: Side, sign_in: SignIn) -> None:
    from datetime import timedelta

    from django.utils import timezone

    now, browser = timezone.now(), sign_in(red.admin)
    for name, days in (("soon", 3), ("later", 90)):
        make_token(red.admin, [Verb.READ], name=name, expires_at=now + timedelta(days=days))
    make_token(red.admin, [Verb.READ], name="ended")
    Token.objects.filter(name="ended").update(expires_at=now - timedelta(days=1))
    make_token(red.admin, [Verb.READ], name="gone")
    Token.objects.filter(name="gone").update(revoked_at=now)

    def names(query: str) -> list[str]:
        return [text.split(" ")[0] for text in _shown(browser, Token, query)]

    assert names("state=active") == ["later", "red-token", "soon"]
    assert names("state=expiring") == ["soon"]
    assert names("state=expired") == ["ended"]
    assert names("state=revoked") == ["gone"]
    assert names("state=policy") == []
    assert names("kind=personal&state=active") == ["later", "red-token", "soon"]
    assert names("kind=service") == []


@pytest.mark.parametrize(
    "query", ["q=%00", "kind=%00", "index=%00", "project=%00", "status=x", "o=1.-2.x", "e=1", "all="]
)
def test_odd_queries_break_nothing(red: Side, sign_in: SignIn, query: str) -> None:
    browser = sign_in(red.admin)
    for model in (Project, File, Change, Index):
        assert browser.get(f"{address(model, 'changelist')}?{query}", follow=True).status_code in (200, 400)


def test_an_empty_list_says_the_next_step(administrator: User, sign_in: SignIn) -> None:
    page = sign_in(administrator).get(address(Project, "changelist")).content.decode()
    assert "The first upload of a name makes its project" in page
    assert "New project" in page


def test_a_search_without_result_says_how_to_see_all(shelf: Client) -> None:
    page = shelf.get(f"{address(Project, 'changelist')}?q=zzz").content.decode()
    assert "Nothing fits" in page
    assert "Show all" in page
