"""Directories, their groups and syncs, and alarms in the console."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from accounts import tasks
from accounts.domain.instance_roles import InstanceRole
from accounts.domain.verbs import Verb
from accounts.models import Alarm, Directory, DirectorySync, GroupMapping, Membership, Token, User
from accounts.services import alarms
from accounts.services.directories.settings import settings_of
from tests.admin.conftest import SignIn
from tests.admin.screens import address, do, errors, messages, refusal
from tests.evidence import collecting
from tests.factories.directories import map_group, openldap, silent_directory, slapd_values
from tests.factories.people import make_team, make_token, make_user

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = pytest.mark.django_db
FIELDS = {
    "title": "Head office",
    "kind": "ldap",
    "enabled": "on",
    "place": "0",
    "hosts": "127.0.0.1:1",
    "security": "ldaps",
    "ca_certificates": "",
    "verify_certificate": "on",
    "timeout": "5",
    "bind": "account",
    "bind_dn": "cn=tpi,dc=tpi",
    "new_bind_password": "",
    "user_template": "",
    "user_base": "ou=people,dc=tpi",
    "user_filter": "",
    "name_attribute": "",
    "group_base": "",
    "group_filter": "",
    "nesting": "walk",
    "page_size": "500",
    "removal_limit": "20",
}
"""What the form sends."""
SECRET = "the service's password"


@pytest.fixture
def root(administrator: User, sign_in: SignIn) -> Client:
    """The browser of an administrator of the instance."""
    return sign_in(administrator)


@pytest.fixture
def operator(sign_in: SignIn) -> Client:
    """The browser of an operator."""
    person = make_user("operator")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.OPERATOR.bit)
    return sign_in(User.objects.get(pk=person.pk))


def _buttons(browser: Client, row: Directory) -> set[str]:
    return set(re.findall(r"/do/([a-z-]+)/", browser.get(address(row)).content.decode()))


def test_a_directory_is_made_and_its_password_is_never_shown(root: Client) -> None:
    evidence = collecting()
    answer = root.post(address(Directory, "add"), FIELDS | {"name": "corp", "nesting": "", "new_bind_password": SECRET})
    assert answer.status_code == 302, errors(answer)
    row = Directory.objects.get(name="corp")
    assert answer.headers["Location"] == address(row)
    assert address(row, "test") in root.get(address(row)).content.decode()

    assert settings_of(row).bind_password == SECRET
    assert (row.nesting, row.verify_certificate, row.only_mapped) == ("walk", True, False)
    assert evidence.actions == ["directory.create"]
    assert SECRET not in str(evidence.audit[0].detail)
    for page in (address(row), address(Directory, "changelist"), "/admin/"):
        assert SECRET not in root.get(page).content.decode()


def test_a_domain_gets_the_nesting_that_is_usual_for_it(root: Client) -> None:
    fields = FIELDS | {"name": "ad", "kind": "active-directory", "nesting": "", "new_bind_password": SECRET}
    root.post(address(Directory, "add"), fields)
    assert Directory.objects.get(name="ad").nesting == "chain"


def test_a_change_without_a_password_keeps_it(root: Client) -> None:
    row, evidence = silent_directory(), collecting()
    assert root.post(address(row), FIELDS | {"title": "New"}).status_code == 302
    row.refresh_from_db()

    assert (row.title, settings_of(row).bind_password) == ("New", SECRET)
    assert evidence.actions == ["directory.change"]
    root.post(address(row), FIELDS | {"new_bind_password": "another"})
    row.refresh_from_db()
    assert settings_of(row).bind_password == "another"


def test_what_cannot_work_is_said_at_the_form(root: Client) -> None:
    row = silent_directory()
    assert "is not a host" in errors(root.post(address(row), FIELDS | {"hosts": "ldaps://x"}))
    assert "bind directly" in errors(root.post(address(row), FIELDS | {"bind_dn": ""}))
    assert Directory.objects.get().hosts == "127.0.0.1:1"


def _wrong(answer: Any) -> dict[str, str]:
    """What each field of the form is told, by the label that people see."""
    form = answer.context["adminform"].form
    return {
        str(form[name].label): " ".join(sentences) for name, sentences in form.errors.items() if name in form.fields
    }


def test_all_that_is_wrong_is_said_at_once_and_each_at_its_field(root: Client) -> None:
    wrong = {
        "hosts": "ldaps://x",
        "bind_dn": "",
        "user_base": "",
        "user_filter": "uid=*",
        "timeout": "0",
        "page_size": "x",
    }
    answer = root.post(address(Directory, "add"), FIELDS | {"name": "Not a slug", "nesting": ""} | wrong)
    told = _wrong(answer)
    assert set(told) == {
        "Name",
        "Hosts",
        "Bind account",
        "Base of people",
        "Filter of people",
        "Time limit",
        "Page size",
    }
    assert "is not a host" in told["Hosts"]
    assert "bind directly" in told["Bind account"]
    assert not answer.context["adminform"].form.non_field_errors()
    assert not Directory.objects.exists()


def test_a_password_that_would_go_elsewhere_is_asked_for_at_its_field(root: Client) -> None:
    row = silent_directory()
    moved = {"hosts": "127.0.0.1:2", "ca_certificates": "PEM", "group_filter": "(cn=%)"}
    answer = root.post(address(row), FIELDS | moved)
    told = _wrong(answer)
    assert set(told) == {"Bind account's password", "Filter of groups"}
    assert told["Bind account's password"].endswith("by what changed: Hosts, CA certificates.")
    assert "ca_certificates" not in errors(answer)
    assert root.post(address(row), FIELDS | {"hosts": "127.0.0.1:2", "new_bind_password": "again"}).status_code == 302


def test_one_from_the_environment_is_only_shown(root: Client) -> None:
    row = silent_directory(origin="environment")
    page = root.get(address(row)).content.decode()
    assert 'name="hosts"' not in page
    assert "TPI_LDAP_" in page
    assert _buttons(root, row) == {"plan", "sync"}
    root.post(address(row), FIELDS | {"title": "seized"})
    assert "TPI_LDAP_" in refusal(do(root, row, "delete", typed="corp"))
    assert "TPI_LDAP_" in refusal(do(root, row, "disable"))
    assert Directory.objects.get().title == ""


def test_the_list_says_how_each_is(root: Client) -> None:
    now = timezone.now()
    silent_directory("quiet")
    for name, values in {
        "well": {"last_ok_at": now},
        "away": {"failing_since": now, "failure": "connect: Nobody is there."},
        "paused": {"last_ok_at": now, "paused_at": now},
        "off": {"enabled": False},
    }.items():
        Directory.objects.filter(pk=silent_directory(name).pk).update(**values)
    page = root.get(address(Directory, "changelist")).content.decode()

    for word in ("not asked yet", "answering", "failing since", "sync paused", ">off<"):
        assert word in page
    assert "Nobody is there" in root.get(address(Directory.objects.get(name="away"))).content.decode()


def test_the_list_costs_the_same_for_one_and_for_many(root: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            root.get(address(Directory, "changelist"))
        return len(captured)

    def grow(name: str) -> None:
        DirectorySync.objects.create(directory=silent_directory(name), state="done", moved_at=timezone.now())

    grow("first")
    few = cost()
    for number in range(10):
        grow(f"more-{number}")
    assert cost() == few


def test_it_is_disabled_enabled_and_deleted_with_its_people(root: Client) -> None:
    row = silent_directory()
    person = make_user("ann")
    User.objects.filter(pk=person.pk).update(directory=row, directory_key="1")
    token, _ = make_token(person, [Verb.READ])
    do(root, row, "disable")
    assert not Directory.objects.get().enabled
    do(root, row, "enable")
    assert Directory.objects.get().enabled

    assert "not the name" in errors(do(root, row, "delete", typed="other"))
    do(root, row, "delete", typed="corp")
    assert "being removed: 0 of 1 people" in root.get(address(Directory, "changelist")).content.decode()
    assert _buttons(root, row) == set()
    assert 'name="hosts"' not in root.get(address(row)).content.decode()
    assert "being removed" in root.get("/admin/").content.decode()
    tasks.remove_directories()
    person.refresh_from_db()
    assert not Directory.objects.exists()
    assert not person.is_active
    assert Token.objects.get(pk=token.pk).revoked_at is not None


def test_the_test_tells_step_by_step(root: Client, slapd: Slapd) -> None:
    row = openldap(slapd)
    address_ = address(row, "test")
    assert "What came of it" not in root.get(address_).content.decode()
    page = root.post(address_, {"username": "alice"}).content.decode()
    assert page.count("badge-good") == 5
    assert "uid=alice" in page
    Directory.objects.update(hosts="127.0.0.1:1")
    page = root.post(address_, {"username": ""}).content.decode()
    assert (page.count("badge-bad"), page.count("not reached")) == (1, 4)
    assert "cannot be reached" in page


def test_the_groups_of_who_was_tried_lead_to_a_form_that_maps_them(
    root: Client, operator: Client, slapd: Slapd
) -> None:
    row = openldap(slapd)
    page = root.post(address(row, "test"), {"username": "alice"}).content.decode()
    assert "None of the groups of alice is mapped" in page
    links = [html.unescape(link) for link in re.findall(r'href="([^"]*group_dn=[^"]*)"', page)]
    assert len(links) == 3
    form = root.get(links[0]).content.decode()
    group = parse_qs(urlsplit(links[0]).query)["group_dn"][0]
    assert re.search(
        rf'name="group_dn"[^>]*value="{re.escape(group)}"|value="{re.escape(group)}"[^>]*name="group_dn"', form
    )
    fields = {"directory": "corp", "group_dn": group, "team": make_team("devs").name, "role": "", "instance_role": ""}
    assert root.post(links[0], fields).status_code == 302
    assert "member of devs" in root.post(address(row, "test"), {"username": "alice"}).content.decode()
    assert "group_dn=" not in operator.post(address(row, "test"), {"username": "alice"}).content.decode()
    slapd.add_person("dora")
    assert "No group of dora was found" in root.post(address(row, "test"), {"username": "dora"}).content.decode()


def _asked(browser: Client, row: Directory, action: str, capture: Any, **fields: str) -> Any:
    """The answer, and the arguments of the job that waits."""
    with capture(execute=True):
        answer = do(browser, row, action, **fields)
    [waiting] = OrmQ.objects.all()
    job = waiting.task
    waiting.delete()
    assert job["func"] == "accounts.tasks.sync_directory"
    assert messages(answer)[0].startswith("Directory 'corp' was put on the queue")
    assert answer.redirect_chain[-1][0] == f"{address(DirectorySync, 'changelist')}?directory=corp"
    return job["args"]


def test_a_plan_and_a_sync_are_jobs_and_their_reports_are_read(
    root: Client, slapd: Slapd, django_capture_on_commit_callbacks: Any
) -> None:
    row, team = openldap(slapd), make_team("devs")
    map_group(row, slapd.group_dn("devs"), team)
    arguments = _asked(root, row, "plan", django_capture_on_commit_callbacks)
    tasks.sync_directory(*arguments)
    plan = DirectorySync.objects.get()
    assert plan.dry_run
    assert plan.added > 0
    assert not Membership.objects.exists()
    page = root.get(address(plan)).content.decode()
    assert "What would be done" in page
    assert '<th scope="row" class="wrap-anywhere">alice</th>' in page

    arguments = _asked(root, row, "sync", django_capture_on_commit_callbacks)
    sentence = tasks.sync_directory(*arguments)
    assert f"{plan.added} accounts made" in sentence
    assert Membership.objects.filter(team=team, user__username="alice").exists()


def test_removals_are_accepted_by_the_name(root: Client, slapd: Slapd, django_capture_on_commit_callbacks: Any) -> None:
    row = openldap(slapd)
    assert "accept-removals" not in _buttons(root, row)
    Directory.objects.update(paused_at=timezone.now())
    assert _buttons(root, row) == {"plan", "accept-removals", "disable", "delete"}
    assert "is paused" in refusal(do(root, row, "sync"))
    assert "not the name" in errors(do(root, row, "accept-removals", typed="crop"))
    arguments = _asked(root, row, "accept-removals", django_capture_on_commit_callbacks, typed="corp")
    tasks.sync_directory(*arguments)
    assert Directory.objects.get().paused_at is None


def test_a_job_of_somebody_who_lost_the_right_does_nothing(root: Client, administrator: User, slapd: Slapd) -> None:
    row = openldap(slapd)
    User.objects.filter(pk=administrator.pk).update(is_superuser=False)
    assert "Only an operator" in tasks.sync_directory(row.pk, False, False, administrator.pk)
    User.objects.filter(pk=administrator.pk).update(is_active=False, is_superuser=True)
    assert "not there any more" in tasks.sync_directory(row.pk, False, False, administrator.pk)
    assert "not there any more" in tasks.sync_directory(987654)
    assert not DirectorySync.objects.exists()


def test_an_operator_looks_tests_and_syncs_and_does_not_configure(
    operator: Client, slapd: Slapd, django_capture_on_commit_callbacks: Any
) -> None:
    row = openldap(slapd)
    page = operator.get(address(row)).content.decode()
    assert 'name="hosts"' not in page
    assert "kept encrypted" in page
    assert _buttons(operator, row) == {"plan", "sync"}
    assert operator.get(address(Directory, "add")).status_code == 403
    assert operator.post(address(row), FIELDS | {"title": "seized"}).status_code == 403
    assert do(operator, row, "delete", typed="corp").status_code == 404
    assert operator.post(address(row, "test"), {"username": "alice"}).content.decode().count("badge-good") == 5
    assert _asked(operator, row, "sync", django_capture_on_commit_callbacks)
    assert operator.get(address(GroupMapping, "add")).status_code == 403
    assert Directory.objects.get().title == ""


def test_a_groups_meaning_is_added_and_deleted(root: Client, slapd: Slapd) -> None:
    row, team, evidence = openldap(slapd), make_team("devs"), collecting()
    add = address(GroupMapping, "add")
    group = {"directory": "corp", "group_dn": slapd.group_dn("devs"), "team": "", "role": "", "instance_role": ""}
    assert root.post(add, group | {"team": "devs", "role": "maintainer"}).status_code == 302
    assert root.post(add, group | {"instance_role": "auditor"}).status_code == 302
    assert "either to a team or" in errors(root.post(add, group))
    assert "not a distinguished name" in errors(root.post(add, group | {"group_dn": "devs", "team": "devs"}))
    assert "mapped so already" in errors(root.post(add, group | {"team": "devs", "role": "maintainer"}))

    prefilled = root.get(f"{add}?directory=corp").content.decode()
    assert re.search(r'<input[^>]*name="directory"[^>]*value="corp"|value="corp"[^>]*name="directory"', prefilled)
    assert f"{add}?directory=corp" in root.get(address(row)).content.decode()
    mapping = GroupMapping.objects.get(team=team)
    assert mapping.role == "maintainer"
    for link in ("?directory=corp", "?team=devs"):
        shown = root.get(address(GroupMapping, "changelist") + link).context["cl"].result_list
        assert mapping in shown
    assert f"{address(GroupMapping, 'changelist')}?team=devs" in root.get(address(team)).content.decode()
    do(root, mapping, "delete")
    assert evidence.actions == ["directory.map-group", "directory.map-group", "directory.unmap-group"]
    assert row.mappings.count() == 1


def test_a_sync_is_only_read(root: Client) -> None:
    evil = "<script>alert(1)</script>"
    sync = DirectorySync.objects.create(
        directory=silent_directory(),
        state="paused",
        moved_at=timezone.now(),
        ended_at=timezone.now(),
        sentence=evil,
        differences=[{"person": evil, "did": [evil]}, "not a difference"],
    )
    page = root.get(address(sync)).content.decode()
    assert "<script>alert" not in page
    assert "<caption>" in page
    assert root.get(address(DirectorySync, "add")).status_code == 403
    assert root.get(address(DirectorySync, "changelist") + "?kind=plan").context["cl"].result_list == []


def test_alarms_are_listed_open_first_and_seen_to(root: Client) -> None:
    old, new = alarms.ring("one", "The first."), alarms.ring("two", "The second.")
    do(root, new, "end")
    listed = root.get(address(Alarm, "changelist")).context["cl"].result_list
    assert [row.code for row in listed] == ["one", "two"]
    new.refresh_from_db()
    assert new.ended_by == "root"
    cards = {card.title: card for card in root.get("/admin/").context["cards"]}
    assert [line.text for line in cards["Alarms"].lines] == ["The first."]
    assert old.code in root.get(address(Alarm, "changelist") + "?state=open").content.decode()


def test_the_landing_page_shows_directories_to_who_runs_the_installation(
    root: Client, operator: Client, sign_in: SignIn
) -> None:
    empty = {card.title: card for card in root.get("/admin/").context["cards"]}["Directories"]
    assert empty.link_label == "Add a directory"
    row = silent_directory()
    DirectorySync.objects.create(directory=row, state="failed", moved_at=timezone.now())
    for browser in (root, operator):
        [line] = {card.title: card for card in browser.get("/admin/").context["cards"]}["Directories"].lines
        assert (line.mark, line.note) == ("not asked yet", "last sync failed")
    admin = make_user()
    make_team("mine", admins=[admin])
    titles = {card.title for card in sign_in(admin).get("/admin/").context["cards"]}
    assert not titles & {"Directories", "Alarms"}


def test_what_an_account_leaves_behind_has_a_page(root: Client, sign_in: SignIn) -> None:
    ann = make_user("ann")
    make_team("devs", admins=[ann])
    make_token(ann, [Verb.READ], name="<b>CI</b>")
    page = root.get(address(ann)).content.decode()
    assert "Would leave behind" in page
    report = root.get(address(ann, "leftbehind")).content.decode()
    assert "Has no other admin" in report
    assert "&lt;b&gt;CI&lt;/b&gt;" in report
    assert "1 team, 1 token" in root.get(address(ann, "do", "delete")).content.decode()
    User.objects.update(is_active=False, is_superuser=False)
    User.objects.filter(username="root").update(is_active=True, is_superuser=True)
    assert ">Left behind<" in root.get(address(ann)).content.decode()
    User.objects.filter(username="ann").update(is_active=True)
    assert sign_in(User.objects.get(username="ann")).get(address(ann, "leftbehind")).status_code in (302, 403)


def test_every_page_is_strict_and_labelled(root: Client, slapd: Slapd) -> None:
    row = openldap(slapd)
    mapping = map_group(row, slapd.group_dn("devs"), make_team("devs"))
    sync = DirectorySync.objects.create(
        directory=row, state="done", moved_at=timezone.now(), differences=[{"person": "alice", "did": ["made"]}]
    )
    rows = [row, mapping, sync, alarms.ring("one", "The first.")]
    pages = [address(Directory, "add"), address(GroupMapping, "add"), address(row, "test")]
    pages += [address(found) for found in rows] + [address(type(found), "changelist") for found in rows]
    pages += [address(row, "do", action) for action in ("plan", "sync", "disable", "delete", "accept-removals")]
    for url in pages:
        if "accept-removals" in url:
            Directory.objects.update(paused_at=timezone.now())  # else nobody is asked
        answer = root.get(url)
        page = answer.content.decode()
        assert answer.status_code == 200, url
        assert page.count("<h1") == 1, url
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle\s*=", page), url
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if 'type="hidden"' not in field and "aria-label=" not in field and 'type="checkbox"' not in field:
                found = re.search(r'\bid="([^"]+)"', field)
                assert found, (url, field)
                assert found[1] in labelled, (url, field)


def test_the_form_of_a_new_directory_reaches_a_real_server(root: Client, slapd: Slapd) -> None:
    values = slapd_values(slapd)
    fields = FIELDS | {"name": "corp", "nesting": ""} | values | {"new_bind_password": values["bind_password"]}
    del fields["bind_password"]
    assert root.post(address(Directory, "add"), fields).status_code == 302
    page = root.post(address(Directory.objects.get(), "test"), {"username": "alice"}).content.decode()
    assert page.count("badge-good") == 5
