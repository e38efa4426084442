"""Quotas of indexes and teams: counted in the upload's transaction, told at the soft limit, held at the hard one."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from django.test import Client

from accounts.domain.verbs import Verb
from accounts.models import Alarm
from indexapp.models import File, Index, Project, Quota
from indexapp.services import projects, quota_settings, releases
from tests import evidence
from tests.builders.core_metadata import Built
from tests.builders.wheels import build_wheel
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import PASSWORD, SYSTEM, make_team
from tests.factories.publishing import give, make_index, multipart, published, upload
from tests.threads import together
from tests.unit.indexapp.services.integrity.test_checking import fsck
from tests.wsgi_client import Answer, WsgiClient

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _no_trash(settings: Any) -> None:
    """What is deleted counts no more at once."""
    settings.TPI_TRASH_DAYS = 0


JSON = {"Content-Type": "application/json"}


def wheel(number: int, name: str = "acme-tool") -> Built:
    return build_wheel(name, f"{number}.0")


def used(holder: Any) -> int:
    column = "index" if isinstance(holder, Index) else "team"
    return Quota.objects.get(**{column: holder}).used


def limit(holder: Any, **limits: int | None) -> None:
    quota_settings.set_limits(actor=SYSTEM, holder=holder, **limits)


def open_alarms() -> list[str]:
    return list(Alarm.objects.filter(ended_at=None).values_list("subject", flat=True))


def test_uploads_deletions_and_replacements_are_counted(cast: Cast) -> None:
    first, second = published(cast.index, wheel(1)), published(cast.index, wheel(2, "other"))
    assert used(cast.index) == first.size + second.size
    assert upload(cast.index, wheel(1)).is_new is False
    assert used(cast.index) == first.size + second.size
    releases.delete_file(actor=SYSTEM, file=first)
    assert used(cast.index) == second.size
    projects.delete(actor=SYSTEM, project=second.project)
    assert used(cast.index) == 0

    snapshots = make_index("snapshots", profile=Index.Profile.SNAPSHOT)
    published(snapshots, wheel(1))
    again = published(snapshots, build_wheel("acme-tool", "1.0", files={"more.bin": bytes(9000)}))
    assert used(snapshots) == again.size
    assert fsck()[0] == 0


def test_shared_bytes_count_in_each_index(cast: Cast) -> None:
    other = make_index("other")
    first, second = published(cast.index), published(other)
    assert first.blob_id == second.blob_id
    assert (used(cast.index), used(other)) == (first.size, first.size)


def test_the_hard_limit_refuses_and_leaves_nothing(cast: Cast, machine: WsgiClient) -> None:
    size = published(cast.index, wheel(1)).size
    limit(cast.index, hard_limit=size + 9)
    body, content_type = multipart(wheel(2))
    uploader = machine.signed(cast.bearer("uploader"))
    before = evidence.publishing()
    answer = uploader.post("/legacy/", body, Content_Type=content_type)
    assert (answer.status, answer.code) == (507, "quota-full")
    assert answer.reason.startswith(
        f"The index main is full: its quota is {size + 9} bytes, of which {size} are in use"
    )
    assert evidence.publishing() == before
    limit(cast.index, hard_limit=2 * size)
    assert uploader.post("/legacy/", body, Content_Type=content_type).status == 200


def test_what_is_full_is_read_yanked_and_deleted(cast: Cast, machine: WsgiClient) -> None:
    file = published(cast.index)
    limit(cast.index, hard_limit=1)
    assert machine.signed(cast.bearer("reader")).get("/simple/acme-tool/").status == 200
    releases.yank(actor=cast.actor("team_admin"), release=file.release)
    releases.delete(actor=cast.actor("team_admin"), release=file.release)
    assert not File.objects.exists()


def test_the_soft_limit_rings_once_and_again_only_after_it_was_kept(cast: Cast) -> None:
    first = published(cast.index, wheel(1))
    limit(cast.index, soft_limit=first.size)
    assert open_alarms() == []
    second = published(cast.index, wheel(2))
    assert open_alarms() == ["index main"]
    published(cast.index, wheel(3))
    alarm = Alarm.objects.get()
    assert alarm.count == 1
    assert re.fullmatch(
        r"The index main holds [\d.]+ K?i?B, more than its soft quota of [\d.]+ K?i?B\.", alarm.sentence
    )
    for version in ("3.0", "2.0"):
        releases.delete(actor=SYSTEM, release=second.project.releases.get(version=version))
    assert open_alarms() == []
    published(cast.index, build_wheel("acme-tool", "4.0"))
    assert open_alarms() == ["index main"]
    limit(cast.index, soft_limit=None)
    assert open_alarms() == []


@pytest.mark.parametrize(
    "limits", [{"soft_limit": 0}, {"hard_limit": -1}, {"soft_limit": 9, "hard_limit": 8}, {"hard_limit": 2**63}]
)
def test_limits_that_make_no_sense(cast: Cast, limits: dict[str, int]) -> None:
    Quota.objects.create(index=cast.index)
    with refused("quota-invalid"):
        limit(cast.index, **limits)


def test_a_project_counts_for_the_team_by_whose_right_it_was_made(cast: Cast) -> None:
    file = published(cast.index, wheel(1), actor=cast.actor("member"))
    assert file.project.team == cast.team
    assert used(cast.team) == file.size
    limit(cast.team, hard_limit=file.size)
    with refused("quota-full"):
        upload(cast.index, wheel(2), actor=cast.actor("administrator"))
    own = published(cast.index, wheel(1, "mine"), actor=cast.actor("uploader"))
    assert own.project.team is None
    releases.delete_file(actor=SYSTEM, file=file)
    assert used(cast.team) == 0


def test_a_project_is_put_on_another_account(cast: Cast) -> None:
    file = published(cast.index, wheel(1), actor=cast.actor("member"))
    other = make_team("other")
    quota_settings.assign(actor=SYSTEM, project=file.project, team=other)
    assert (used(cast.team), used(other)) == (0, file.size)
    limit(cast.team, hard_limit=1)
    with refused("quota-full"):
        quota_settings.assign(actor=SYSTEM, project=Project.objects.get(), team=cast.team)
    quota_settings.assign(actor=SYSTEM, project=Project.objects.get(), team=None)
    assert (used(cast.team), used(other), fsck()[0]) == (0, 0, 0)
    with refused("operator-needed"):
        quota_settings.assign(actor=cast.actor("team_admin"), project=Project.objects.get(), team=other)


def test_who_sets_them_is_not_who_fills_them(cast: Cast) -> None:
    give(cast.outsider, [Verb.ADMINISTER], cast.index)
    Quota.objects.create(index=cast.index)
    for role in ("outsider", "team_admin", "security_officer", "auditor"):
        with refused("operator-needed"):
            quota_settings.set_limits(actor=cast.actor(role), holder=cast.index, hard_limit=5)
    quota_settings.set_limits(actor=cast.actor("operator"), holder=cast.index, hard_limit=5)
    assert quota_settings.of_index(cast.actor("team_admin"), cast.index).hard_limit == 5


def test_a_wrong_account_is_found_and_repaired(cast: Cast) -> None:
    file = published(cast.index, wheel(1), actor=cast.actor("member"))
    Quota.objects.update(used=7)
    code, found = fsck()
    assert (code, sorted((line["code"], line["subject"]) for line in found[:-1])) == (
        1,
        [("quota-used", "index main"), ("quota-used", "team tools")],
    )
    assert fsck("--repair")[0] == 0
    assert (used(cast.index), used(cast.team)) == (file.size, file.size)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whose", ["index", "team"])
def test_uploads_at_the_same_moment_do_not_pass_the_limit_together(cast: Cast, machine: WsgiClient, whose: str) -> None:
    """Different projects, so that no project's lock keeps them apart; there is room for three of eight."""
    names = [f"tool-{chr(97 + number)}" for number in range(8)]
    built = [wheel(1, name) for name in names]
    most = 3 * max(len(each.content) for each in built)
    assert 4 * min(len(each.content) for each in built) > most
    limit(cast.index if whose == "index" else cast.team, hard_limit=most)
    client = machine.signed(cast.bearer("member"))

    def post(each: Built) -> Answer:
        body, content_type = multipart(each)
        return client.post("/legacy/", body, Content_Type=content_type)

    found = together([partial(post, each) for each in built])
    statuses = sorted(answer.status for answer in found if isinstance(answer, Answer))
    assert statuses == [200] * 3 + [507] * 5
    held = sum(File.objects.values_list("size", flat=True))
    assert (File.objects.count(), used(cast.index), used(cast.team)) == (3, held, held)
    assert held <= most
    assert Project.objects.count() == 3
    assert len(evidence.files()) == 6
    assert fsck()[0] == 0


def test_rest_and_console_show_how_full_it_is(cast: Cast, machine: WsgiClient, client: Client) -> None:
    size = published(cast.index).size
    operator = machine.signed(cast.bearer("operator"))
    address = "/api/v1/indexes/main/quota/"
    assert operator.request("PATCH", address, body=b'{"hard_limit": %d}' % (4 * size), headers=JSON).json == {
        "index": "main",
        "team": None,
        "used": size,
        "soft_limit": None,
        "hard_limit": 4 * size,
        "free": 3 * size,
        "share": 0.25,
    }
    client.force_login(cast.team_admin)
    page = client.get("/admin/indexapp/quota/").content.decode()
    assert '<meter min="0" max="1"' in page
    assert "25%" in page
    client.force_login(cast.operator)
    quota = Quota.objects.get(index=cast.index)
    client.post("/account/confirm/", {"password": PASSWORD})
    answer = client.post(f"/admin/indexapp/quota/{quota.pk}/change/", {"soft_limit": "1 GiB", "hard_limit": "2 GiB"})
    assert answer.status_code == 302
    quota.refresh_from_db()
    assert (quota.soft_limit, quota.hard_limit) == (2**30, 2**31)
