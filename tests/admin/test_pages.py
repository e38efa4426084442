"""What every page of the console must be: without inline script or style, escaped, and made for assistive technology."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import Task

from accounts.models import User
from indexapp.models import Index, Project, Release
from tests.admin.conftest import SignIn
from tests.admin.screens import ACTIONS, SCREENS, Side, address
from tests.factories.publishing import make_group

_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE)
_EVIL = '<script>alert(1)</script><b onclick="x">'

_NOT_YET = {"unyank", "clear", "rotate"}
"""What is not asked of the rows as they are made, nor of who does not own the token."""


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


def _pages(side: Side) -> list[str]:
    pages = ["/admin/", address(User, "changelist"), address(User, "add"), address(side.admin)]
    pages += ["/admin/django_q/ormq/", "/admin/django_q/success/", "/admin/django_q/schedule/"]
    for screen, row in side.rows.items():
        pages += [address(row), address(type(row), "changelist")]
        pages += [address(row, "do", action) for action in ACTIONS.get(screen, []) if action not in _NOT_YET]
        if screen in ("team", "index", "project", "role", "prefix", "token", "membership"):
            pages.append(address(type(row), "add"))
    return pages


def test_no_page_has_inline_script_or_style_and_each_has_the_strict_policy(root: Client, red: Side) -> None:
    pages = [*_pages(red), address(make_group("all", red.index))]
    for url in pages:
        answer = root.get(url)
        assert answer.status_code == 200, url
        assert _INLINE.findall(answer.content.decode()) == [], url
        assert "script-src 'self'; style-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "no-store" in answer.headers["Cache-Control"]


def test_every_page_has_one_heading_a_title_and_labelled_fields(root: Client, red: Side) -> None:
    for url in _pages(red):
        page = root.get(url).content.decode()
        assert page.count("<h1") == 1, url
        assert re.search(r"<title>[^<]+ · TPI console</title>", page), url
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if 'type="hidden"' in field or "aria-label=" in field or 'type="checkbox"' in field:
                continue
            found = re.search(r'\bid="([^"]+)"', field)
            assert found, (url, field)
            assert found[1] in labelled, (url, field)


def test_what_others_wrote_is_shown_as_text(root: Client, red: Side) -> None:
    Project.objects.update(summary=_EVIL, status_reason=_EVIL)
    Release.objects.update(summary=_EVIL, metadata={"summary": _EVIL})
    Index.objects.filter(pk=red.index.pk).update(title=_EVIL)
    now = timezone.now()
    Task.objects.create(id="1" * 32, name="job", func="f", started=now, stopped=now, success=False, result=_EVIL)
    pages = [*_pages(red), "/admin/django_q/failure/", f"/admin/django_q/failure/{'1' * 32}/change/"]
    for url in pages:
        assert "<script>alert" not in root.get(url).content.decode(), url


def test_a_page_links_to_what_belongs_to_its_row(root: Client, red: Side) -> None:
    for screen in SCREENS:
        page = root.get(address(red.rows[screen])).content.decode()
        for url in re.findall(r'<ul class="related">(.*?)</ul>', page, re.DOTALL):
            for link in re.findall(r'href="([^"]+)"', url):
                assert root.get(link.replace("&amp;", "&")).status_code == 200, (screen, link)


def test_the_address_of_the_history_leads_to_the_log(root: Client, red: Side) -> None:
    answer = root.get(address(red.project, "history"), follow=True)
    assert [str(row.kind) for row in answer.context["cl"].result_list] == ["file-added"]


def test_buttons_fit_the_state(root: Client, red: Side) -> None:
    def buttons() -> set[str]:
        return set(re.findall(r"/do/([a-z-]+)/", root.get(address(red.release)).content.decode()))

    assert buttons() == {"yank", "delete"}
    Release.objects.update(is_yanked=True)
    assert buttons() == {"unyank", "delete"}


def test_form_errors_are_tied_to_their_fields(root: Client) -> None:
    page = root.post(address(Index, "add"), {"name": "Not A Name", "kind": "hosted"}).content.decode()
    field = re.search(r'<input[^>]*name="name"[^>]*>', page)
    assert field
    assert 'aria-invalid="true"' in field[0]
    described = re.search(r'aria-describedby="([^"]+)"', field[0])
    assert described
    assert all(f'id="{name}"' in page for name in described[1].split())
    assert "<title>Error: New index" in page
