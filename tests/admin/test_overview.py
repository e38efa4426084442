from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import Task

from accounts.domain.verbs import Verb
from accounts.models import User
from indexapp.models import Project
from tests.admin.conftest import SignIn
from tests.admin.screens import Side
from tests.factories.people import make_team, make_token, make_user
from tests.factories.publishing import give, make_project, make_release
from tpi_site.kit.admin import cards
from tpi_site.kit.admin.cards import Card


def _cards(browser: Client) -> dict[str, Card]:
    return {card.title: card for card in browser.get("/admin/").context["cards"]}


def _figures(card: Card) -> dict[str, Any]:
    return {figure.label: figure.value for figure in card.figures}


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


def test_a_team_admin_sees_figures_of_what_they_look_after(red: Side, blue: Side, sign_in: SignIn) -> None:
    make_project(red.index, status="quarantined")
    make_project(blue.index, status="quarantined")
    found = _cards(sign_in(red.admin))

    assert _figures(found["What you look after"]) == {"Indexes": "1", "Projects": "2", "Quarantined": "1"}
    assert "Health" not in found
    assert "Jobs and disk" not in found


def test_numbers_lead_to_the_list_that_they_count(red: Side, root: Client) -> None:
    Project.objects.update(status="quarantined")
    figures = {figure.label: figure.url for figure in _cards(root)["What you look after"].figures}
    listed = root.get(figures["Quarantined"]).context["cl"].result_list

    assert [row.name for row in listed] == ["red-project"]


def test_every_link_of_the_overview_leads_somewhere(red: Side, blue: Side, root: Client) -> None:
    now = timezone.now()
    Task.objects.create(id="1" * 32, name="job", func="f", started=now, stopped=now, success=False)
    make_token(red.admin, [Verb.READ], name="soon", expires_at=now + timedelta(days=3))
    page = root.get("/admin/").content.decode()
    for url in set(re.findall(r'href="(/admin/[^"]*)"', page)):
        assert root.get(url.replace("&amp;", "&")).status_code == 200, url


def test_recent_releases_are_ones_own(red: Side, blue: Side, sign_in: SignIn) -> None:
    make_release(red.project, "2.0", is_yanked=True)
    lines = _cards(sign_in(red.admin))["Recent releases"].lines

    assert [(line.text, line.mark) for line in lines] == [("red-project 2.0", "yanked"), ("red-project 1.0", "")]


def test_recent_releases_of_an_index_and_a_project_elsewhere_come_together(
    red: Side, blue: Side, sign_in: SignIn
) -> None:
    give(red.admin, [Verb.ADMINISTER], blue.index, blue.project)
    make_release(make_project(blue.index, "hidden"))
    lines = _cards(sign_in(red.admin))["Recent releases"].lines

    assert [line.text for line in lines] == ["blue-project 1.0", "red-project 1.0"]


def test_tokens_that_end_soon_are_ones_own_and_everybodys_for_administrators(
    red: Side, blue: Side, root: Client, sign_in: SignIn
) -> None:
    soon = timezone.now() + timedelta(days=5)
    for side in (red, blue):
        make_token(side.admin, [Verb.READ], name=f"{side.index.name} soon", expires_at=soon)
    title = "Tokens that expire within 14 days"

    assert [line.text for line in _cards(sign_in(red.admin))[title].lines] == ["red-index soon"]
    assert len(_cards(root)[title].lines) == 2


def test_administrators_see_health_jobs_and_disk(root: Client, main: Any) -> None:
    now = timezone.now()
    Task.objects.create(id="1" * 32, name="job", func="jobs.sweep", started=now, stopped=now, success=False)
    found = _cards(root)

    assert {line.text: line.mark for line in found["Health"].lines}["Database"] == "ok"
    assert _figures(found["Jobs and disk"])["Failed jobs"] == "1"
    assert [line.text for line in found["Jobs and disk"].lines] == ["jobs.sweep"]


def test_what_is_empty_says_the_next_step(db: None, sign_in: SignIn) -> None:
    person = make_user()
    make_team("mine", admins=[person])
    page = sign_in(person).get("/admin/").content.decode()

    assert "an administrator can give your team a role" in page
    assert "Nothing has been published yet" in page
    assert "Issue a token" in page


def test_a_figure_stops_counting(red: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        make_project(red.index)
    monkeypatch.setattr(cards, "MANY", 4)

    assert cards.figure("Projects", [Project.objects.all()], "").value == "4+"


def test_the_overview_costs_the_same_for_one_row_and_for_fifty(red: Side, sign_in: SignIn) -> None:
    browser = sign_in(red.admin)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get("/admin/")
        return len(captured)

    few = cost()
    for _ in range(50):
        make_release(make_project(red.index), "1.0")
        make_token(red.admin, [Verb.READ], expires_at=timezone.now() + timedelta(days=1))

    assert cost() == few
