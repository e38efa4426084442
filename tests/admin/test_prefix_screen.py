"""Reserved prefixes as those see them who look after a team and administer nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry, User
from indexapp.models import Index, ReservedPrefix
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address, errors
from tests.factories.people import join, make_team, make_user
from tests.factories.publishing import give, make_index

pytestmark = pytest.mark.django_db
LIST = address(ReservedPrefix, "changelist")
ADD = address(ReservedPrefix, "add")


@pytest.fixture
def index() -> Index:
    return make_index("shared")


@pytest.fixture(params=["maintainer", "admin"])
def browser(request: pytest.FixtureRequest, index: Index, sign_in: SignIn) -> Client:
    """That of somebody with this place in the team 'green', which uploads to an index that others administer."""
    person, team = make_user("gina"), make_team("green")
    join(person, team, role=request.param)
    give(team, [Verb.UPLOAD], index)
    return sign_in(person)


def test_the_menu_leads_to_the_prefixes(browser: Client) -> None:
    assert f'href="{LIST}"' in browser.get("/admin/").content.decode()


def test_who_is_only_a_member_is_not_let_in(index: Index, sign_in: SignIn) -> None:
    person = make_user("member")
    make_team("green", person)
    assert sign_in(person).get(LIST).status_code in (302, 403)


def test_the_form_offers_what_the_service_takes(browser: Client, blue: Side) -> None:
    page = browser.get(ADD).content.decode()
    assert "All indexes" not in page
    assert "shared</option>" in page
    assert "blue-index" not in page
    assert "at least 3 characters" in page
    shared = Index.objects.get(name="shared").pk
    told = {
        errors(browser.post(ADD, {"prefix": "acme", "team": name, "index": shared})) for name in ("blue-team", "no")
    }
    assert len(told) == 1
    assert "isn't allowed to administer" in told.pop()
    assert browser.post(ADD, {"prefix": "acme", "team": "green", "index": shared}).status_code == 302
    assert "required" in errors(browser.post(ADD, {"prefix": "tool", "team": "green", "index": ""}))
    assert ReservedPrefix.objects.get(prefix="acme").index == Index.objects.get(name="shared")


def test_one_that_holds_everywhere_is_shown_and_not_offered(browser: Client) -> None:
    team = User.objects.get(username="gina").teams.get()
    everywhere = ReservedPrefix.objects.create(prefix="corp", team=team)
    here = ReservedPrefix.objects.create(prefix="tool", team=team, index=Index.objects.get(name="shared"))
    assert "corp" in browser.get(LIST).content.decode()
    assert "Give free" not in browser.get(address(everywhere)).content.decode()
    assert "Give free" in browser.get(address(here)).content.decode()


def test_an_administrator_reserves_everywhere_for_anybody(administrator: User, sign_in: SignIn, blue: Side) -> None:
    browser = sign_in(administrator)
    assert "All indexes" in browser.get(ADD).content.decode()
    assert browser.post(ADD, {"prefix": "acme", "team": "blue-team", "index": ""}).status_code == 302


def test_who_administers_the_index_is_not_told_which_teams_there_are_by_the_prefix(
    red: Side, blue: Side, sign_in: SignIn
) -> None:
    ReservedPrefix.objects.create(prefix="corp", team=blue.team)
    make_team("third")
    browser, place = sign_in(red.admin), red.index.pk
    told = {errors(browser.post(ADD, {"prefix": "corp", "team": name, "index": place})) for name in ("third", "no")}
    assert "reserved everywhere" in told.pop()
    assert not told
    assert "of exactly this name" in errors(browser.post(ADD, {"prefix": "acme", "team": "no", "index": place}))
    [attempt] = AuditEntry.objects.filter(action="prefix.reserve", outcome="refused")
    assert (attempt.actor_name, attempt.reason) == ("red-admin", "holder-unknown")
