"""The console of mirrors: made, set, tried out, asked, judged, merged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.models import User
from indexapp.models import File, Index, Merge, MirroredFile, MirroredProject, Upstream
from indexapp.services.mirrors import addresses, merges, refreshing
from tests.admin.conftest import SignIn
from tests.admin.screens import address, buttons, do, errors, messages
from tests.builders.wheels import build_wheel
from tests.evidence import collecting
from tests.factories.people import SYSTEM, make_user
from tests.factories.policies import make_rule
from tests.factories.publishing import give, make_group, published
from tests.factories.upstreams import make_mirror, page_of
from tests.plugins import process_memory
from tests.servers.static_index import Behaviour, StaticIndex

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {
    "name": "outside",
    "kind": "mirror",
    "title": "",
    "members": "",
    "project_creation": "uploaders",
    "profile": "enterprise",
    "allow_passwords": "on",
}
FORM = {
    "username": "",
    "ca_certificates": "",
    "client_certificate": "",
    "proxy_url": "",
    "page_seconds": "600",
    "missing_seconds": "300",
    "on_removal": "keep",
    "on_yank": "hide",
    "on_quarantine": "hide",
    "keep_hours": "24",
    "room": "",
}
"""What the form of an upstream sends when nothing was changed, but the address."""


@pytest.fixture(autouse=True)
def _loopback(settings: Any) -> None:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    with StaticIndex([build_wheel("theirs", "2.0")]) as server:
        yield server


@pytest.fixture
def mirror(main: Index, upstream: StaticIndex) -> Index:
    return make_mirror(upstream.url)


@pytest.fixture
def officer(sign_in: SignIn, db: None) -> Client:
    person = make_user("officer")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.SECURITY_OFFICER.bit)
    return sign_in(User.objects.get(pk=person.pk))


def _row() -> Upstream:
    return Upstream.objects.select_related("index").get()


def test_a_mirror_is_made_with_its_address(root: Client, upstream: StaticIndex) -> None:
    answer = root.post(address(Index, "add"), {**NEW, "upstream_url": upstream.url}, follow=True)
    assert answer.redirect_chain, errors(answer)
    assert _row().url == upstream.url
    page = root.get(address(Index.objects.get(name="outside"))).content.decode()
    assert address(_row()) in page


def test_an_address_for_another_kind_is_refused_at_the_form(root: Client, upstream: StaticIndex) -> None:
    answer = root.post(address(Index, "add"), {**NEW, "kind": "hosted", "upstream_url": upstream.url})
    assert "has no upstream" in errors(answer)
    assert not Index.objects.filter(name="outside").exists()


def test_settings_are_changed_and_secrets_kept(root: Client, mirror: Index) -> None:
    url, found = _row().url, collecting()
    given = {**FORM, "url": url, "username": "ci", "new_password": "very secret", "room": "5 GB"}
    answer = root.post(address(_row()), given, follow=True)
    assert answer.redirect_chain, errors(answer)
    assert found.actions == ["upstream.change"]
    assert (_row().room, _row().username) == (5 * 10**9, "ci")
    assert b"very secret" not in root.get(address(_row())).content
    root.post(address(_row()), {**given, "new_password": "", "page_seconds": "60"})
    assert addresses.of(Index.objects.get(pk=mirror.pk)).password == "very secret"
    root.post(address(_row()), {**given, "new_password": "", "username": ""})
    assert _row().password == ""


def test_what_is_wrong_is_said_and_changes_nothing(root: Client, mirror: Index) -> None:
    before = Upstream.objects.values().get()
    answer = root.post(address(_row()), {**FORM, "url": "ftp://pypi.corp.example/"})
    assert "simple repository" in errors(answer)
    assert Upstream.objects.values().get() == before


def test_another_address_has_to_be_meant(root: Client, mirror: Index) -> None:
    page_of(mirror, "theirs")
    other = "https://pypi.corp.example/simple/"
    assert "force" in errors(root.post(address(_row()), {**FORM, "url": other}))
    assert root.post(address(_row()), {**FORM, "url": other, "force": "on"}).status_code == 302
    assert _row().url == other


def test_an_operator_sets_terms_and_not_where_it_is(operator: Client, mirror: Index) -> None:
    url = _row().url
    page = operator.get(address(_row())).content.decode()
    assert 'name="page_seconds"' in page
    assert 'name="url"' not in page
    assert 'name="new_password"' not in page
    given = {**FORM, "url": "https://attacker.example/simple/", "is_offline": "on"}
    assert operator.post(address(_row()), given).status_code == 302
    assert (_row().url, _row().is_offline) == (url, True)
    answer = operator.post(address(_row()), {**given, "username": "ci", "new_password": "x"})
    assert "Only an administrator of the instance" in errors(answer)
    assert (_row().username, _row().password) == ("", "")


def test_what_is_taken_back_is_told_as_it_is_done(root: Client, mirror: Index, sign_in: SignIn) -> None:
    form = root.get(address(_row())).context["adminform"].form
    assert "on no page" in dict(form.fields["on_removal"].choices)["hide"]
    assert "stays listed, marked yanked" in dict(form.fields["on_yank"].choices)["hide"]
    assert "without the mark" in dict(form.fields["on_yank"].choices)["keep"]
    assert "marked deprecated" in dict(form.fields["on_quarantine"].choices)["keep"]
    person = make_user("auditor")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.AUDITOR.bit | InstanceRole.OPERATOR.bit)
    page = sign_in(User.objects.get(pk=person.pk)).get(address(_row())).content.decode()
    assert 'name="on_yank"' not in page
    assert "stays listed, marked yanked" in page


def test_the_test_says_in_words_what_came_of_it(root: Client, mirror: Index, upstream: StaticIndex) -> None:
    page = address(_row(), "test")
    assert b"What came of it" not in root.get(page).content
    assert upstream.requests == []
    assert b"It answers in JSON" in root.post(page).content
    upstream.behaviour = Behaviour(status=403)
    assert b"wants other credentials" in root.post(page).content
    Upstream.objects.update(is_offline=True)
    assert b"is offline" in root.post(page).content


def test_a_project_is_asked_for(root: Client, mirror: Index, upstream: StaticIndex) -> None:
    page_of(mirror, "theirs")
    row, found = MirroredProject.objects.get(), collecting()
    answer = do(root, row, "refresh")
    assert "was asked for" in messages(answer)[0]
    assert found.actions == ["mirror.refresh"]
    assert upstream.count("/theirs/") == 2
    upstream.behaviour = Behaviour(status=503)
    do(root, row, "refresh")
    assert b"failed" in root.get(address(MirroredProject, "changelist")).content


def test_other_bytes_are_judged(root: Client, officer: Client, mirror: Index, upstream: StaticIndex) -> None:
    page_of(mirror, "theirs")
    assert b"No upstream has other bytes" in root.get(address(MirroredFile, "changelist")).content
    upstream.publish(build_wheel("theirs", "2.0", description="other bytes"))
    refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
    row = MirroredFile.objects.get()
    assert b"undecided" in officer.get(address(MirroredFile, "changelist")).content
    assert buttons(officer, row) == {"keep-ours", "take-theirs"}
    do(officer, row, "keep-ours")
    assert MirroredFile.objects.get().conflict_at is None
    do(officer, row, "take-theirs")
    assert not File.objects.exists()


def test_a_security_officer_merges_a_name(officer: Client, main: Index, mirror: Index) -> None:
    group, found = make_group("everything", main, mirror), collecting()
    given = {"group": group.pk, "name": "acme-tool", "reason": "ours is a fork"}
    answer = officer.post(address(Merge, "add"), given, follow=True)
    assert answer.redirect_chain, errors(answer)
    assert found.actions == ["merge.create"]
    row = Merge.objects.get()
    assert buttons(officer, row) == {"delete"}
    do(officer, row, "delete")
    assert found.actions == ["merge.create", "merge.revoke"]
    assert buttons(officer, row) == set()


def test_a_mirror_is_deleted_with_what_it_holds(root: Client, mirror: Index) -> None:
    page_of(mirror, "theirs")
    answer = do(root, mirror, "delete", typed="outside")
    assert "was deleted" in messages(answer)[0]
    assert not File.objects.exists()


class TestPages:
    """What people read of a mirrored project."""

    @pytest.fixture
    def page(self, root: Client, mirror: Index) -> Any:
        assert page_of(mirror, "theirs") is not None
        return lambda index="outside", name="theirs": root.get(f"/{index}/project/{name}/").content.decode()

    def test_where_it_is_from(self, page: Any, upstream: StaticIndex) -> None:
        assert "Mirrored from" in page()
        assert upstream.url in page()
        assert "Gone upstream" not in page()

    def test_that_it_is_gone_fails_or_was_changed(self, page: Any, mirror: Index, upstream: StaticIndex) -> None:
        upstream.publish(build_wheel("theirs", "2.0", description="other bytes"))
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert "Changed upstream" in page()
        assert f'href="{address(MirroredFile.objects.get())}"' in page()
        upstream.remove("theirs-2.0-py3-none-any.whl")
        upstream.behaviour = Behaviour(status=404)
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert "Gone upstream" in page()
        upstream.behaviour = Behaviour(status=503)
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        assert "does not answer for this project" in page()

    def test_a_conflict_is_linked_for_who_decides_about_it(
        self, page: Any, mirror: Index, upstream: StaticIndex, sign_in: SignIn
    ) -> None:
        upstream.publish(build_wheel("theirs", "2.0", description="other bytes"))
        refreshing.refresh(actor=SYSTEM, index=mirror, name="theirs")
        for verb, is_linked in ((Verb.READ, False), (Verb.ADMINISTER, True)):
            person = make_user(f"may-{verb.value}")
            give(person, [verb], mirror)
            text = sign_in(person).get("/outside/project/theirs/").content.decode()
            assert "Changed upstream" in text
            assert ("/admin/indexapp/mirroredfile/" in text) is is_linked
            assert ("decides what becomes of it" in text) is not is_linked

    def test_that_a_name_of_ours_is_merged(self, page: Any, main: Index, mirror: Index) -> None:
        group = make_group("everything", main, mirror)
        process_memory.forget()
        published(main, build_wheel("theirs", "1.0"))
        assert "Merged." not in page("everything")
        merges.create(actor=SYSTEM, group=group, name="theirs", reason="ours is a fork")
        page_of(group, "theirs")
        assert "Merged." in page("everything")
        assert "Mirrored from" not in page("everything")

    def test_a_merged_page_has_what_both_have_and_says_where_it_is_from(
        self, root: Client, main: Index, mirror: Index, upstream: StaticIndex, sign_in: SignIn
    ) -> None:
        tags, name = "cp312-cp312-win_amd64", "acme_tool-{}-{}.whl"
        for built in (build_wheel(version="1.0"), build_wheel(version="1.0", tags=tags), build_wheel(version="2.0")):
            upstream.publish(built)
        group = make_group("everything", main, mirror)
        published(main, build_wheel(version="1.0", description="ours"))
        merges.create(actor=SYSTEM, group=group, name="acme-tool", reason="ours is a fork")
        page_of(group, "acme-tool")

        def words(path: str, browser: Client = root) -> str:
            text = re.sub(r"<[^>]+>", " ", browser.get(f"/everything/project/acme-tool/{path}").content.decode())
            return " ".join(text.split())

        latest, older = words(""), words("1.0/")
        assert f"{name.format('2.0', 'py3-none-any')} from outside" in latest
        assert f"{name.format('1.0', 'py3-none-any')} from main" in older
        assert f"{name.format('1.0', tags)} from outside" in older
        assert older.count(f"{name.format('1.0', 'py3-none-any')} from") == 1
        assert "2.0 outside" in latest
        assert "1.0 main and outside" in latest
        make_rule(mirror, projects=["acme-tool"], versions="==2.0", reason="Not ours.")
        assert "The policy rule" in words("2.0/")
        assert "The policy rule" not in words("1.0/")
        make_rule(mirror, "hide", projects=["acme-tool"], versions="==1.0")
        assert "from outside" not in words("1.0/")
        assert "1.0 main 2" in words("")
        reader = make_user("reads-ours")
        give(reader, [Verb.READ], main)
        assert "outside" not in words("", sign_in(reader))


def test_the_command_says_whether_an_upstream_can_be_used(
    mirror: Index, upstream: StaticIndex, capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    call_command("test_upstream", "outside")
    assert "It answers in JSON" in capsys.readouterr().out
    upstream.behaviour = Behaviour(status=500)
    with pytest.raises(CommandError):
        call_command("test_upstream", "outside")
    assert "answered in" in capsys.readouterr().out
    settings.TPI_OUTBOUND_NETWORKS = []
    with pytest.raises(CommandError):
        call_command("test_upstream", "outside")
    assert capsys.readouterr().out == ""
    with pytest.raises(CommandError, match="outside"):
        call_command("test_upstream", "other")
