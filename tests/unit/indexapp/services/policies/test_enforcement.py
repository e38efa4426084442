"""Every way by which a file is had, or named, asks the same gate."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from indexapp.models import File, Index, PolicyHold
from indexapp.services.policies import exceptions, hiding, holds, left_refused, rules
from indexapp.services.serving import project_pages
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_exception, make_rule
from tests.factories.publishing import give, make_group, make_index, published
from tests.wsgi_client import WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]
VERSIONS = ("1.0", "1.1", "2.0")


def wheel(version: str, name: str = "acme-tool", **more: Any) -> Built:
    return build_wheel(name, version, **more)


@pytest.fixture
def files(cast: Cast) -> dict[str, File]:
    return {version: published(cast.index, wheel(version)) for version in VERSIONS}


@pytest.fixture
def reader(cast: Cast, machine: WsgiClient) -> WsgiClient:
    return machine.signed(cast.bearer("reader"))


def address(file: File, index: str = "main") -> str:
    digest = file.sha256
    return f"/{index}/files/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{file.filename}"


def listed(reader: WsgiClient, path: str = "/simple/acme-tool/") -> list[str]:
    """The versions on the page, which JSON and HTML must agree on."""
    answer = reader.get(path, Accept="application/vnd.pypi.simple.v1+json")
    assert answer.status == 200
    page = json.loads(answer.body)
    names = [file["filename"] for file in page["files"]]
    html = reader.get(path, Accept="text/html").body.decode()
    assert [name for name in names if f">{name}</a>" in html] == names
    assert html.count("</a>") == len(names)
    assert page["versions"] == [name.split("-")[1] for name in names]
    return list(page["versions"])


def projects(reader: WsgiClient, path: str = "/simple/") -> list[str]:
    answer = reader.get(path, Accept="application/vnd.pypi.simple.v1+json")
    return [row["name"] for row in json.loads(answer.body)["projects"]]


def test_a_blocked_file_stays_listed_and_is_refused_in_every_way(files: dict[str, File], reader: WsgiClient) -> None:
    for path in (address(files["2.0"]), f"{address(files['2.0'])}.metadata"):
        assert reader.get(path).status == 200, "and so is remembered by the process"
    make_rule(None, projects=["acme-*"], versions=">=2", reason="It steals keys.", contact="security@tpi.example")
    assert listed(reader) == list(VERSIONS)
    for path in (address(files["2.0"]), f"{address(files['2.0'])}.metadata"):
        for answer in (
            reader.get(path),
            reader.get(path, Range="bytes=0-3"),
            reader.get(path, If_None_Match=f'"{files["2.0"].sha256}"'),
            reader.get(path.replace("/main/files", "/packages/main")),
        ):
            assert (answer.status, answer.code) == (403, "policy-blocked")
            assert "no-store" in answer.headers["Cache-Control"]
        assert reader.head(path).status == 403
    assert reader.get(address(files["1.1"])).status == 200


def test_the_sentence_says_which_rule_why_since_when_what_instead_and_whom_to_ask(
    files: dict[str, File], reader: WsgiClient
) -> None:
    rule = make_rule(
        None, name="keys", projects=["acme-*"], versions=">=2", reason="It steals keys.", contact="a@tpi.example"
    )
    answer = reader.get(address(files["2.0"]))
    today = f"{rule.since:%Y-%m-%d}"
    sentence = (
        f"The policy rule 'keys' blocks acme-tool 2.0 (since {today}): It steals keys. Allowed: acme-tool 1.1. "
        "Exceptions: a@tpi.example."
    )
    assert json.loads(answer.body)["detail"] == sentence
    assert answer.reason == sentence


def test_of_no_allowed_version_the_sentence_says_so(files: dict[str, File], reader: WsgiClient, cast: Cast) -> None:
    make_rule(cast.index, name="all", projects=["acme-tool"])
    detail = json.loads(reader.get(address(files["2.0"])).body)["detail"]
    assert detail.endswith("No version of it is allowed. Exceptions: who administers the index, or a security officer.")


def test_a_hidden_file_is_on_no_page_and_is_refused_all_the_same(files: dict[str, File], reader: WsgiClient) -> None:
    assert listed(reader) == list(VERSIONS)
    make_rule(None, "hide", versions="2.0")
    assert listed(reader) == ["1.0", "1.1"]
    assert reader.get(address(files["2.0"])).code == "policy-blocked"


def test_a_page_has_another_entity_tag_with_the_policy(files: dict[str, File], reader: WsgiClient) -> None:
    before = reader.get("/simple/acme-tool/").headers["ETag"]
    rule = make_rule(None, "hide", versions="2.0")
    after = reader.get("/simple/acme-tool/").headers["ETag"]
    assert after != before
    assert reader.get("/simple/acme-tool/", If_None_Match=before).status == 200
    rules.remove(actor=SYSTEM, rule=rule)
    assert reader.get("/simple/acme-tool/").headers["ETag"] == before


def test_a_change_after_a_rule_leaves_what_is_hidden_hidden(
    files: dict[str, File], reader: WsgiClient, cast: Cast
) -> None:
    make_rule(None, "hide", versions="2.*")
    assert listed(reader) == ["1.0", "1.1"]
    published(cast.index, wheel("2.1"))
    published(cast.index, wheel("1.2"))
    assert listed(reader) == ["1.0", "1.1", "1.2"]


def test_a_project_that_is_hidden_as_a_whole_leaves_lists_and_searches(
    files: dict[str, File], reader: WsgiClient, cast: Cast
) -> None:
    published(cast.index, wheel("1.0", "acme-other"))
    assert projects(reader) == ["acme-other", "acme-tool"]
    rule = make_rule(None, "hide", projects=["acme-tool"])
    assert projects(reader) == ["acme-other"]
    assert listed(reader) == [], "an empty page, so that no installer looks elsewhere"
    assert "acme-tool" not in reader.get("/search/?q=acme", Accept="text/html").body.decode()
    assert "acme-tool" not in reader.get("/main/", Accept="text/html").body.decode()
    rules.change(actor=SYSTEM, rule=rule, conditions={"projects": ["acme-tool"], "versions": "<9"})
    assert projects(reader) == ["acme-other"]
    assert "acme-tool" not in reader.get("/search/?q=acme", Accept="text/html").body.decode()
    rules.change(actor=SYSTEM, rule=rule, conditions={"projects": ["acme-tool"], "versions": "<2"})
    assert projects(reader) == ["acme-other", "acme-tool"]


def test_a_change_of_one_project_has_the_files_of_no_other_read_for_a_list(
    files: dict[str, File], reader: WsgiClient, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(cast.index, wheel("1.0", "acme-other"))
    make_rule(None, "hide", projects=["acme-*"], versions="<2")
    read: list[str] = []
    really = hiding.hides

    def hides(screening: Any, project_id: int, name: str, serial: int) -> tuple[bool, float]:
        read.append(name)
        return really(screening, project_id, name, serial)

    monkeypatch.setattr(hiding, "hides", hides)
    assert projects(reader) == ["acme-tool"]
    assert sorted(read) == ["acme-other", "acme-tool"]
    published(cast.index, wheel("2.0", "acme-other"))
    assert projects(reader) == ["acme-other", "acme-tool"]
    assert read[2:] == ["acme-other"]
    make_rule(None, "hide", projects=["acme-*"])
    assert projects(reader) == []


def test_the_json_api_leaves_out_what_is_hidden_and_refuses_what_is_blocked(
    files: dict[str, File], reader: WsgiClient
) -> None:
    make_rule(None, "hide", versions="2.0")
    make_rule(None, "block", versions="1.0")
    whole = json.loads(reader.get("/pypi/acme-tool/json").body)
    assert (whole["info"]["version"], sorted(whole["releases"])) == ("1.1", ["1.0", "1.1"])
    assert reader.get("/pypi/acme-tool/1.1/json").status == 200
    for version in ("1.0", "2.0"):
        answer = reader.get(f"/pypi/acme-tool/{version}/json")
        assert (answer.status, answer.code) == (403, "policy-blocked")
    rules.move(actor=SYSTEM, rule=make_rule(None, "hide", projects=["acme-tool"]), position=1)
    assert reader.get("/pypi/acme-tool/json").code == "policy-blocked"


def test_rest_lists_leave_out_what_is_hidden(files: dict[str, File], reader: WsgiClient) -> None:
    make_rule(None, "hide", versions="2.0")

    def names(path: str) -> list[str]:
        return [row["name"] for row in json.loads(reader.get(f"/api/v1/indexes/main/{path}").body)["results"]]

    assert names("projects/acme-tool/releases/") == ["1.1", "1.0"]
    assert len(names("projects/acme-tool/files/")) == 2
    for version, status in (("1.1", 200), ("2.0", 404)):
        release = f"/api/v1/indexes/main/projects/acme-tool/releases/{version}/"
        filename = files[version].filename
        file = f"/api/v1/indexes/main/projects/acme-tool/files/{filename}/"
        for address_ in (release, file, f"{release}files/{filename}/"):
            assert reader.get(address_).status == status, address_
    assert json.loads(reader.get("/api/v1/indexes/main/projects/acme-tool/").body)["latest_version"] == "1.1"
    listed = json.loads(reader.get("/api/v1/indexes/main/projects/").body)["results"]
    assert [row["latest_version"] for row in listed] == ["1.1"]
    make_rule(None, "hide", projects=["acme-tool"])
    assert names("projects/") == []


def test_the_page_for_people_shows_the_rule(files: dict[str, File], reader: WsgiClient) -> None:
    make_rule(None, "hide", versions="2.0")
    make_rule(None, "block", name="old & bad", versions="1.0")
    latest = reader.get("/main/project/acme-tool/", Accept="text/html").body.decode()
    assert "acme_tool-1.1-" in latest
    assert "acme_tool-2.0-" not in latest
    assert "old &amp; bad" in reader.get("/main/project/acme-tool/1.0/", Accept="text/html").body.decode()
    assert reader.get("/main/project/acme-tool/2.0/", Accept="text/html").status == 403


def test_a_cool_down_ends_by_time_alone(
    files: dict[str, File], reader: WsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    File.objects.exclude(pk=files["1.0"].pk).update(uploaded_at=timezone.now() - timedelta(days=3))
    make_rule(None, "hide", younger_than_days=2)
    assert listed(reader) == ["1.1", "2.0"]
    assert reader.get(address(files["1.0"])).status == 403
    assert "1.0" not in json.loads(reader.get("/pypi/acme-tool/json").body)["releases"]
    later = timedelta(days=2, seconds=1)
    really, now = timezone.now, time.time
    monkeypatch.setattr("django.utils.timezone.now", lambda: really() + later)
    monkeypatch.setattr("time.time", lambda: now() + later.total_seconds())
    assert listed(reader) == list(VERSIONS)
    assert reader.get(address(files["1.0"])).status == 200


def test_an_exception_lets_through_until_it_ends(
    files: dict[str, File], reader: WsgiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = make_rule(None, "hide", versions=">=1.1")
    assert listed(reader) == ["1.0"]
    row = make_exception("acme-tool", "2.0", rule=rule)
    assert listed(reader) == ["1.0", "2.0"]
    assert reader.get(address(files["2.0"])).status == 200
    assert reader.get(address(files["1.1"])).status == 403
    really, now = timezone.now, time.time
    with monkeypatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: really() + timedelta(hours=2))
        patch.setattr("time.time", lambda: now() + 7200)
        assert reader.get(address(files["2.0"])).status == 403
        assert listed(reader) == ["1.0"]
    exceptions.revoke(actor=SYSTEM, exception=row)
    assert reader.get(address(files["2.0"])).status == 403
    assert listed(reader) == ["1.0"]


def test_what_is_held_waits_for_a_review(files: dict[str, File], reader: WsgiClient) -> None:
    make_rule(None, "hold", name="look first", versions="2.0")
    for _ in range(2):
        answer = reader.get(address(files["2.0"]))
        assert (answer.status, answer.code) == (403, "policy-blocked")
        assert "until somebody has reviewed it" in json.loads(answer.body)["detail"]
    assert (holds.write(), holds.write()) == (1, 0)
    hold = PolicyHold.objects.get()
    assert (hold.project, hold.version, hold.state, hold.asked_by) == ("acme-tool", "2.0", "pending", "reader")
    holds.decide(actor=SYSTEM, hold=hold, approve=True, reason="looked at")
    assert reader.get(address(files["2.0"])).status == 200
    holds.decide(actor=SYSTEM, hold=hold, approve=False, reason="found something")
    told = json.loads(reader.get(address(files["2.0"])).body)["detail"]
    assert "blocks, after a review, acme-tool 2.0" in told
    assert ": found something. Allowed: acme-tool 1.1." in told


def test_a_file_that_comes_after_the_review_is_held_anew(
    cast: Cast, files: dict[str, File], reader: WsgiClient
) -> None:
    make_rule(None, "hold", versions="2.0")
    reader.get(address(files["2.0"]))
    holds.write()
    hold = holds.decide(actor=SYSTEM, hold=PolicyHold.objects.get(), approve=True)
    late = published(cast.index, wheel("2.0", build="7"))
    assert reader.get(address(late)).code == "policy-blocked"
    assert reader.get(address(files["2.0"])).status == 200
    assert (holds.write(), holds.write()) == (1, 0)
    hold.refresh_from_db()
    assert hold.state == "pending", "somebody has to look again"
    rules.change(actor=SYSTEM, rule=make_rule(None, projects=["unrelated"]), is_enabled=False)
    assert reader.get(address(files["2.0"])).status == 200, "what was looked at stays"
    holds.decide(actor=SYSTEM, hold=hold, approve=True)
    assert reader.get(address(late)).status == 200


def test_a_warning_is_in_the_log_and_stops_nothing(
    files: dict[str, File], reader: WsgiClient, caplog: pytest.LogCaptureFixture
) -> None:
    make_rule(None, "warn", name="old", versions="1.0")
    assert reader.get(address(files["1.0"])).status == 200
    assert "The policy rule 'old' notes" in caplog.text
    make_rule(None, "block", versions="1.0")
    assert reader.get(address(files["1.0"])).status == 403


def test_an_indexs_own_rules_come_first_and_a_group_narrows_its_members(cast: Cast, machine: WsgiClient) -> None:
    other = make_index("other")
    group = make_group("group", cast.index, other)
    mine, theirs = published(cast.index, wheel("1.0")), published(other, wheel("1.0", "rival"))
    reader = machine.signed(cast.bearer("administrator"))
    make_rule(None, "block")
    make_rule(cast.index, "allow")
    assert (reader.get(address(mine)).status, reader.get(address(theirs, "other")).status) == (200, 403)
    assert (reader.get(address(mine, "group")).status, reader.get(address(theirs, "group")).status) == (200, 403)
    make_rule(group, "hide", projects=["acme-tool"])
    assert reader.get(address(mine)).status == 200
    assert reader.get(address(mine, "group")).status == 403
    assert projects(reader, "/group/simple/") == ["rival"]
    assert "acme-tool" in projects(reader, "/main/simple/")


def test_who_guards_an_index_opens_no_way_round_the_rules_of_all(
    cast: Cast, files: dict[str, File], reader: WsgiClient
) -> None:
    """The admin lifts the index's own rules, behind which a security officer allows what they leave."""
    admin, officer = cast.actor("team_admin"), cast.actor("security_officer")
    hold = make_rule(cast.index, "hold", name="look first", versions="1.*")
    rules.create(actor=officer, index=cast.index, name="ours", effect="allow", conditions={"projects": ["acme-*"]})
    rules.create(actor=officer, index=None, name="no 1.0", effect="block", conditions={"versions": "1.0"})
    rules.create(actor=officer, index=None, name="no 2.0", effect="block", conditions={"versions": "2.0"})
    assert [reader.get(address(files[version])).status for version in VERSIONS] == [403, 403, 200]
    holds.write()
    for row in PolicyHold.objects.all():
        holds.decide(actor=admin, hold=row, approve=True)
    assert "'no 1.0'" in reader.get(address(files["1.0"])).body.decode()
    assert [reader.get(address(files[version])).status for version in VERSIONS] == [403, 200, 200]
    PolicyHold.objects.all().delete()
    expires_at = timezone.now() + timedelta(hours=1)
    granted = {"index": cast.index, "project": "acme-tool", "reason": "Read.", "expires_at": expires_at}
    row = exceptions.grant(actor=admin, rule=hold, **granted)
    assert "'no 1.0'" in reader.get(address(files["1.0"])).body.decode()
    assert left_refused.still_refused(row, admin) == ["'no 1.0' of all indexes"]
    exceptions.grant(actor=officer, **granted)
    assert reader.get(address(files["1.0"])).status == 200


def test_what_stays_refused_is_told_by_what_one_may_see(cast: Cast) -> None:
    """A private project is like one that is not there, and rules of other people's indexes are not named."""
    member = make_index("member")
    group = make_group("group", member, cast.index)
    for index, name in ((cast.index, "acme-tool"), (member, "hidden-thing"), (member, "told-thing")):
        published(index, wheel("1.0", name))
    told = member.projects.get(normalized_name="told-thing")
    give(cast.team_admin, [Verb.ADMINISTER], group)
    give(cast.team_admin, [Verb.READ], member, told)
    first = make_rule(group, "hold", name="first")
    make_rule(group, name="second")
    make_rule(member, name="theirs")

    def after(name: str, role: str, versions: str = "") -> list[str]:
        row = exceptions.grant(
            actor=cast.actor("administrator"),
            index=group,
            rule=first,
            project=name,
            versions=versions,
            reason="Read.",
            expires_at=timezone.now() + timedelta(hours=1),
        )
        return left_refused.still_refused(row, cast.actor(role))

    for versions in ("", "1.0", "2.0"):
        assert after("hidden-thing", "team_admin", versions) == after("nowhere", "team_admin", versions) == []
    assert after("told-thing", "team_admin") == after("acme-tool", "team_admin") == ["'second' of the index 'group'"]
    everything = {"'second' of the index 'group'", "'theirs' of the index 'member'"}
    assert set(after("hidden-thing", "security_officer")) == everything
    held = PolicyHold.objects.create(index=member, rule=first, project="hidden-thing", version="1.0")
    assert left_refused.after_approval(held, cast.actor("team_admin")) == []
    assert set(left_refused.after_approval(held, cast.actor("security_officer"))) == everything
    held.project = "told-thing"
    assert left_refused.after_approval(held, cast.actor("team_admin")) == ["'second' of the index 'group'"]


def test_a_hidden_name_of_the_first_member_is_not_taken_from_the_next(cast: Cast, machine: WsgiClient) -> None:
    other = make_index("other")
    make_group("group", cast.index, other)
    published(cast.index, wheel("1.0"))
    published(other, wheel("9.0"))
    reader = machine.signed(cast.bearer("administrator"))
    make_rule(cast.index, "hide", projects=["acme-tool"])
    assert listed(reader, "/group/simple/acme-tool/") == []


def test_who_may_not_read_is_told_nothing_of_the_policy(
    files: dict[str, File], machine: WsgiClient, cast: Cast
) -> None:
    make_rule(None)
    assert machine.signed(cast.bearer("outsider")).get(address(files["2.0"])).code == "right-missing"
    assert machine.get(address(files["2.0"])).status == 401


@pytest.mark.usefixtures("files")
def test_a_page_that_no_change_of_the_policy_concerns_is_kept(reader: WsgiClient, main: Index) -> None:
    reader.get("/simple/acme-tool/")
    [page] = project_pages._pages.values()
    make_rule(None, "hide", projects=["unrelated"])
    reader.get("/simple/acme-tool/")
    assert list(project_pages._pages.values()) == [page]
    make_rule(None, "hide", versions="1.0")
    reader.get("/simple/acme-tool/")
    assert list(project_pages._pages.values()) != [page]
