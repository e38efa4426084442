from __future__ import annotations

import html
import re

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from indexapp.models import File, Project, Release
from indexapp.services import projects, releases
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import make_group, make_index, make_project, make_release, upload
from tests.unit.indexapp.views.browse.conftest import As

pytestmark = pytest.mark.django_db


def _text(client: Client, page: str, status: int = 200) -> str:
    answer = client.get(page)
    assert answer.status_code == status, answer.content
    return html.unescape(answer.content.decode())


def _words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_a_stranger_is_welcomed_where_nothing_is_open(browser: As) -> None:
    text = _text(browser("anonymous"), "/")

    assert 'href="/account/sign-in/?next=/"' in text
    assert "main" not in _words(text)


def test_home_shows_indexes_and_what_is_new(cast: Cast, browser: As) -> None:
    make_release(make_project(cast.index, "acme-tool"), "1.0", summary="A <b>tool</b>")
    make_index("secret")
    answer = browser("reader").get("/")
    text = answer.content.decode()

    assert 'href="/main/"' in text
    assert "secret" not in text
    assert 'href="/main/project/acme-tool/1.0/"' in text
    assert "A &lt;b&gt;tool&lt;/b&gt;" in text
    assert "just now" in text


def test_a_newcomer_is_told_whom_to_ask(browser: As) -> None:
    assert "ask" not in _words(_text(browser("reader"), "/"))
    assert "You hold no right on any index" in _text(browser("outsider"), "/")
    assert "You hold no right on any index" in _text(browser("outsider"), "/help/clients/")


@pytest.mark.parametrize("role", ["administrator", "team_admin", "reader"])
def test_the_console_is_linked_for_those_whom_it_lets_in(browser: As, role: str) -> None:
    client = browser(role)

    assert ('href="/admin/"' in _text(client, "/")) == (client.get("/admin/").status_code == 200)


def test_search_shows_what_it_found_and_keeps_what_was_typed(cast: Cast, browser: As) -> None:
    make_project(cast.index, "acme-tool", summary="Runs")
    text = browser("reader").get("/search/", {"q": 'acme "<script>'}).content.decode()

    assert "acme &quot;&lt;script&gt;" in text
    assert "Nothing found" in text
    assert 'href="/main/project/acme-tool/"' in _text(browser("reader"), "/search/?q=ACME")
    assert 'href="/main/project/acme-tool/"' in _text(browser("reader"), "/search/?q=acme&index=main")


@pytest.mark.parametrize(
    "q", ["", "%00", "%ff%fe", "!!!", "a" * 5000, '"*NEAR(', "AND OR NOT", "%F0%9F%90%8D", "' OR 1=1 --"]
)
@pytest.mark.parametrize("page", ["/search/?q=", "/main/?q=", "/main/?after=", "/main/?before=", "/search/?q=a&after="])
def test_hostile_queries_are_answered(browser: As, page: str, q: str) -> None:
    assert browser("reader").get(page + q).status_code == 200


def test_results_lead_to_more(cast: Cast, browser: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexapp.services.pages.lists.RESULTS_SIZE", 1)
    for name in ("acme-a", "acme-b"):
        make_project(cast.index, name)
    client = browser("reader")
    first = _text(client, "/search/?q=acme&index=main")
    onward = re.search(r'href="([^"]+)" rel="next"', first)

    assert onward is not None
    second = _text(client, onward[1])
    assert ("project/acme-a/" in first, "project/acme-b/" in first) == (True, False)
    assert ("project/acme-a/" in second, "project/acme-b/" in second) == (False, True)
    assert 'rel="next"' not in second


def test_an_index_pages_by_name(cast: Cast, browser: As, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexapp.services.pages.lists.PAGE_SIZE", 1)
    for name in ("acme-a", "acme-b", "other"):
        make_project(cast.index, name)
    client = browser("reader")
    onward = re.search(r'href="([^"]+)" rel="next"', _text(client, "/main/?q=acme"))

    assert onward is not None
    second = _text(client, onward[1])
    assert "acme-b" in second
    assert 'rel="next"' not in second
    assert 'href="/main/?q=acme&before=acme-b" rel="prev"' in second


def test_a_group_says_in_which_order_it_asks(cast: Cast, browser: As) -> None:
    make_group("both", cast.index, make_index("second", anonymous_read=True))

    assert "Asks in this order: main , then second" in _words(_text(browser("reader"), "/both/"))
    assert "takes no uploads" in _text(browser("reader"), "/help/clients/?index=both")


def test_a_project_page_tells_how_to_install(cast: Cast, browser: As) -> None:
    upload(cast.index, build_wheel(headers=[("Requires-Python", ">=3.9")], description="Title\n=====\n"))
    text = _text(browser("reader"), "/main/project/acme-tool/")

    assert "pip install --index-url http://testserver/main/simple/ acme-tool<" in text
    assert "uv add --default-index main=http://testserver/main/simple/ acme-tool<" in text
    assert "poetry add --source main acme-tool<" in text
    file = File.objects.get()
    assert f'href="/main/files/{file.sha256[:2]}/{file.sha256[2:4]}/{file.sha256[4:]}/{file.filename}" download' in text
    assert f"{file.filename}.metadata" in text
    assert file.sha256 in text
    assert "by test" in text
    assert text.count("<h1") == 1


def test_links_to_files_work(cast: Cast, browser: As) -> None:
    upload(cast.index)
    make_group("both", cast.index)
    answer = browser("reader").get("/both/project/acme-tool/")
    link = re.search(r'href="(/both/files/[^"]+\.whl)"', answer.content.decode())

    assert link is not None
    assert Client().get(link[1], headers=cast.bearer("reader")).status_code == 200


@override_settings(TPI_URL="https://tpi.example/pkg", FORCE_SCRIPT_NAME="/pkg")
def test_addresses_are_the_public_ones(cast: Cast, browser: As) -> None:
    upload(cast.index)
    text = _text(browser("reader"), "/main/project/acme-tool/")

    assert "--index-url https://tpi.example/pkg/main/simple/ acme-tool" in text
    assert "https://tpi.example/pkg/main/legacy/" in _text(browser("reader"), "/help/clients/")


def test_uploaders_names_are_for_people_who_signed_in(cast: Cast, browser: As) -> None:
    upload(make_index("public", anonymous_read=True))

    assert "by test" in _text(browser("outsider"), "/public/project/acme-tool/")
    assert "by test" not in _text(browser("anonymous"), "/public/project/acme-tool/")


def test_a_named_release_is_pinned_and_leads_to_the_newer_one(cast: Cast, browser: As) -> None:
    project = make_project(cast.index, "acme-tool")
    make_release(project, "1.0")
    make_release(project, "1!2.0+local")
    old = _text(browser("reader"), "/main/project/acme-tool/1.0/")

    assert "acme-tool==1.0<" in old
    assert "Installers would take version 1!2.0+local" in _words(old)
    assert "'acme-tool==1!2.0+local'<" in _text(browser("reader"), "/main/project/acme-tool/1!2.0+local/")


def test_marks_are_told_in_words(cast: Cast, browser: As) -> None:
    project = make_project(cast.index, "acme-tool")
    make_release(project, "1.0")
    make_release(project, "2.0rc1")
    releases.yank(actor=SYSTEM, release=Release.objects.get(version="1.0"), reason="eats <disks>")
    text = browser("reader").get("/main/project/acme-tool/1.0/").content.decode()

    assert "Yanked." in text
    assert "Reason: eats &lt;disks&gt;" in text
    assert "Pre-release" in _text(browser("reader"), "/main/project/acme-tool/")


@pytest.mark.parametrize(
    ("status", "words"),
    [("archived", "uploads are refused. Why so"), ("deprecated", "advise against using this project. Why so")],
)
def test_status_and_reason_stand_in_a_banner(cast: Cast, browser: As, status: str, words: str) -> None:
    project = make_project(cast.index, "acme-tool")
    make_release(project)
    projects.set_status(actor=SYSTEM, project=project, status=status, reason="Why so")
    text = _text(browser("reader"), "/main/project/acme-tool/")

    assert words in _words(text)
    assert "pip install" in text


def test_a_quarantined_project_offers_nothing_to_install(cast: Cast, browser: As) -> None:
    upload(cast.index)
    projects.set_status(actor=SYSTEM, project=Project.objects.get(), status="quarantined", reason="Incident 42")
    text = _text(browser("reader"), "/main/project/acme-tool/")

    assert "Incident 42" in text
    assert "pip install" not in text
    assert "/main/files/" not in text


def test_a_hostile_upload_cannot_write_into_the_page(cast: Cast, browser: As) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    headers = [
        ("Summary", evil),
        ("Author", evil),
        ("Keywords", evil),
        ("License", evil),
        ("Classifier", f"Private :: {evil}"),
        ("Project-URL", f"{evil}, https://x.example/"),
        ("Project-URL", "Evil, javascript:alert(1)"),
        ("Description-Content-Type", "text/markdown"),
    ]
    upload(
        cast.index, build_wheel(headers=headers, description=f"{evil}\n\n[x](javascript:alert(1))\n\n<h1 id='content'>")
    )
    text = browser("reader").get("/main/project/acme-tool/").content.decode()

    assert "<script>" not in text
    assert "onerror=" not in re.sub(r"&lt;.*?&gt;", "", text)
    assert 'href="javascript:' not in text
    assert text.count('id="content"') == 1
    assert text.count("<h1") == 1


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/main", "/main/"),
        ("/main/project/Acme_Tool/", "/main/project/acme-tool/"),
        ("/main/project/acme-tool", "/main/project/acme-tool/"),
        ("/main/project/acme.tool/1.0", "/main/project/acme-tool/1.0/"),
        ("/project/Acme.Tool/", "/main/project/acme-tool/"),
    ],
)
def test_other_spellings_lead_to_the_one_address(browser: As, asked: str, answered: str) -> None:
    answer = browser("reader").get(asked)

    assert answer.status_code in (301, 302)
    assert answer.headers["Location"] == answered


@pytest.mark.parametrize("name", ["simple", "files", "pypi", "legacy", "project"])
def test_a_project_may_be_called_like_an_address(cast: Cast, browser: As, name: str) -> None:
    make_release(make_project(cast.index, name))

    assert _text(browser("reader"), f"/main/project/{name}/").count("<h1") == 1


@pytest.mark.parametrize("name", ["simple", "search", "help", "account", "static", "api", "pypi"])
def test_the_sites_own_addresses_are_no_indexes(browser: As, name: str) -> None:
    answer = browser("administrator").get(f"/{name}/project/x/")

    assert answer.status_code == 404
    assert "There is no project" not in answer.content.decode()


def test_a_page_that_is_nowhere_says_so_kindly(browser: As) -> None:
    assert "Nothing here" in _text(browser("reader"), "/nowhere/at/all/", 404)


def test_client_settings_name_the_chosen_index(cast: Cast, browser: As) -> None:
    make_index("second", anonymous_read=True)
    client = browser("reader")

    assert "http://testserver/main/simple/" in _text(client, "/help/clients/"), "the default index by default"
    second = _text(client, "/help/clients/?index=second")
    assert "http://testserver/second/legacy/" in second
    assert 'href="/account/tokens/new/?index=second"' in second
    assert "http://testserver/main/simple/" in _text(client, "/help/clients/?index=nothing")


def test_what_the_policy_keeps_back_is_marked_with_the_whole_sentence(cast: Cast, browser: As) -> None:
    for version in ("1.0", "2.0"):
        upload(cast.index, build_wheel("acme-tool", version))
    make_rule(None, name="keys", versions="==2.0", reason="It steals keys.", contact="#packages")
    since = f"{timezone.now():%Y-%m-%d}"
    sentence = f"The policy rule 'keys' blocks acme-tool 2.0 (since {since}): It steals keys."
    whole = f"Kept back. {sentence} Allowed: acme-tool 1.0. Exceptions: #packages."
    page = _words(_text(browser("reader"), "/main/project/acme-tool/"))
    assert whole in page
    assert "acme_tool-2.0-py3-none-any.whl Kept back" in page
    assert page.count(sentence) == 2, "at the release and at its file"
    assert "pip install" not in page
    other = _words(_text(browser("reader"), "/main/project/acme-tool/1.0/"))
    assert sentence not in other
    assert "2.0 Kept back" in other
    assert "pip install" in other


def test_a_project_that_the_policy_hides_says_so(cast: Cast, browser: As) -> None:
    upload(cast.index, build_wheel("acme-tool", "1.0"))
    make_rule(None, effect="hide", name="young", younger_than_days=7)
    page = _words(_text(browser("reader"), "/main/project/acme-tool/"))
    assert "The policy rule 'young' blocks acme-tool 1.0" in page
    assert "Nothing published yet" not in page
