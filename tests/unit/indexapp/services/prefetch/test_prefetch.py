"""Prefetches from a real upstream, by the services."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry
from indexapp.models import File, Index, MirroredFile, MirroredProject, PrefetchItem, PrefetchJob, Upstream
from indexapp.services.mirrors import eviction, merges, pinning
from indexapp.services.prefetch import asking, running, showing
from indexapp.services.prefetch.asking import Request
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import give, make_group, make_index, make_mirror, make_project, published
from tests.servers.static_index import Behaviour, StaticIndex
from tests.threads import together
from tpi_site.kit.errors import Conflict, Forbidden, Invalid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

LIST = "acme-tool==1.0\nacme-fast\n"


def _request(text: str = LIST, **values: object) -> Request:
    return Request("requirements.txt", text, pythons=["3.12"], **values)  # type: ignore[arg-type]


def _run(job: PrefetchJob) -> PrefetchJob:
    """Slice after slice, as the job cluster does it."""
    while not job.is_over:
        running.run(job.pk)
        job.refresh_from_db()
    return job


def _prefetch(index: Index, text: str = LIST, **values: object) -> PrefetchJob:
    return _run(asking.begin(actor=SYSTEM, index=index, request=_request(text, **values)))


def _items(job: PrefetchJob) -> dict[str, str]:
    return {str(item): item.state for item in job.items.all()}


def test_the_files_are_in_the_store(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = _prefetch(mirror)
    wheel = "acme_fast-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    assert _items(job) == {"acme_tool-1.0-py3-none-any.whl": "done", wheel: "done"}
    assert (job.state, job.total, job.done, job.failed) == ("done", 2, 2, 0)
    held = File.objects.filter(blob__isnull=False)
    assert {file.filename: file.sha256 for file in held} == {
        name: hashlib.sha256(upstream.files[name].content).hexdigest() for name in _items(job)
    }
    assert job.fetched_bytes == sum(len(upstream.files[name].content) for name in _items(job))
    assert job.started_at is not None
    assert job.ended_at is not None


def test_what_is_here_is_not_fetched_again(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    _prefetch(mirror)
    job = _prefetch(mirror)
    assert (job.state, job.done, job.fetched_bytes) == ("done", 2, 0)
    assert upstream.count("acme_tool-1.0-py3-none-any.whl") == 1


def test_other_targets_and_sdists(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = _prefetch(mirror, "acme-fast; sys_platform == 'win32'", platforms=["windows-amd64"], with_sdists=True)
    assert set(_items(job)) == {"acme_fast-1.0-cp312-cp312-win_amd64.whl", "acme_fast-1.0.tar.gz"}
    job = _prefetch(mirror, "acme-fast; sys_platform == 'win32'")
    assert (_items(job), job.state) == ({"acme-fast": "skipped"}, "done")


def test_what_cannot_be_had_is_told(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = _prefetch(mirror, "acme-tool==9.9\nno-such-thing\nacme-tool==2.0\n")
    assert job.state == "failed"
    assert job.message == "2 of 3 could not be had."
    reasons = {str(item): item.reason for item in job.items.filter(state="failed")}
    assert reasons["acme-tool"] == "The index has no version of 'acme-tool==9.9'."
    assert reasons["no-such-thing"].startswith("There is no project")


def test_an_upstream_that_fails_is_asked_three_times(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    upstream.behaviour = Behaviour(status=500, on="file")
    job = _prefetch(mirror, "acme-tool==1.0")
    item = job.items.get()
    assert (job.state, item.state, item.attempts) == ("failed", "failed", 3)
    assert item.reason


def test_a_page_that_is_older_than_the_list_is_asked_for_again(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    _prefetch(mirror, "acme-tool==1.0")
    upstream.publish(build_wheel("acme-tool", "3.0"))
    MirroredProject.objects.update(checked_at=timezone.now() - timedelta(minutes=1))
    job = _prefetch(mirror, "acme-tool==3.0")
    assert _items(job) == {"acme_tool-3.0-py3-none-any.whl": "done"}


def test_through_a_group_what_is_ours_is_left_alone(upstream: StaticIndex) -> None:
    ours = make_index("ours")
    make_project(ours, "acme-fast")
    group = make_group("all", ours, make_mirror("outside", upstream.url))
    job = _prefetch(group)
    assert _items(job) == {"acme_tool-1.0-py3-none-any.whl": "done", "acme-fast": "ours"}
    assert job.state == "done"
    assert job.items.get(project="acme-fast").reason == "The name is ours, and no upstream is asked for it."
    assert upstream.count("/simple/acme-fast/") == 0


def test_a_name_of_ours_is_told_to_who_may_read_it_alone(upstream: StaticIndex, cast: Cast) -> None:
    """To others it is like a name that is nowhere; the guess of one costs nothing, and tells nothing."""
    secret, mirror = make_index("secret"), make_mirror("outside", upstream.url)
    published(secret, build_wheel("acme-secret", "1.0"))
    published(secret, build_wheel("acme-told", "1.0"))
    published(secret, build_wheel("acme-tool", "3.0"))
    group = make_group("all", secret, mirror)
    merges.create(actor=SYSTEM, group=group, name="acme-tool", reason="They are the same people.")
    for index in (group, mirror):
        give(cast.team_admin, [Verb.READ, Verb.ADMINISTER], index)
    give(cast.team_admin, [Verb.READ], secret, secret.projects.get(normalized_name="acme-told"))
    asked = _request("acme-secret\nacme-told\nno-such-thing\nacme-tool==3.0\nacme-tool\n")
    for index in (group, mirror):
        job = _run(asking.begin(actor=cast.actor("team_admin"), index=index, request=asked))
        found = {item.wanted["name"] + item.wanted["specifier"]: item for item in job.items.exclude(wanted={})}
        assert found["acme-told"].state == "ours"
        assert {found[name].state for name in ("acme-secret", "no-such-thing")} == {"failed"}
        assert found["acme-secret"].reason == found["no-such-thing"].reason.replace("no-such-thing", "acme-secret")
        assert found.get("acme-tool==3.0", found["acme-secret"]).state == "failed"
    assert _items(_prefetch(group, "acme-secret\nacme-tool==3.0\n")) == {"acme-secret": "ours", "acme-tool": "ours"}
    assert upstream.count("/simple/acme-secret/") == 0


def test_another_who_looks_is_told_by_their_own_right(upstream: StaticIndex, cast: Cast) -> None:
    """Who began it may know that a name is ours: in what others read of it, it is like one that is not there."""
    secret, mirror = make_index("secret"), make_mirror("outside", upstream.url)
    published(secret, build_wheel("acme-secret", "1.0"))
    published(secret, build_wheel("acme-told", "1.0"))
    published(secret, build_wheel("acme-tool", "3.0"))
    group = make_group("all", secret, mirror)
    merges.create(actor=SYSTEM, group=group, name="acme-tool", reason="They are the same people.")
    give(cast.team_admin, [Verb.READ, Verb.ADMINISTER], group)
    give(cast.team_admin, [Verb.READ], secret, secret.projects.get(normalized_name="acme-told"))
    looker = cast.actor("team_admin")
    job = _prefetch(group, "acme-secret\nacme-told\nacme-tool==3.0\nacme-tool==1.0\n")
    assert (job.state, job.done, job.failed) == ("done", 4, 0)
    assert {str(item): item.told_state for item in showing.items(SYSTEM, job)} == _items(job)
    found = {str(item): (item.told_state, showing.reason(item)) for item in showing.items(looker, job)}
    assert found == {
        "acme-secret": ("failed", "There is no project 'acme-secret' in 'all' or upstream."),
        "acme-told": ("ours", "The name is ours, and no upstream is asked for it."),
        "acme-tool": ("failed", "The index has no version of 'acme-tool==3.0'."),
        "acme_tool-1.0-py3-none-any.whl": ("done", ""),
    }
    assert [showing.in_state(looker, PrefetchJob.objects.all(), state).count() for state in ("done", "failed")] == [
        0,
        1,
    ]
    assert showing.in_state(SYSTEM, PrefetchJob.objects.all(), "done").get() == job
    showing.fit(SYSTEM, [job])
    assert (job.state, job.done, job.failed, job.message) == ("done", 4, 0, "")
    showing.fit(looker, [job])
    assert (job.state, job.done, job.failed, job.message) == ("failed", 2, 2, "2 of 4 could not be had.")


def test_of_a_merged_name_the_mirrors_files_are_fetched(upstream: StaticIndex) -> None:
    ours = make_index("ours")
    published(ours, build_wheel("acme-tool", "1.0"))
    group = make_group("all", ours, make_mirror("outside", upstream.url))
    merges.create(actor=SYSTEM, group=group, name="acme-tool", reason="They are the same people.")
    job = _prefetch(group, "acme-tool==2.0\nacme-tool==1.0\n")
    assert _items(job) == {"acme_tool-2.0-py3-none-any.whl": "done", "acme-tool": "ours"}
    assert "'" not in job.items.get(state="ours").reason  # which index has it, who prefetches need not know
    assert upstream.count("acme_tool-1.0-py3-none-any.whl") == 0


def test_a_quarantined_project_is_not_fetched(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    upstream.mark("acme-tool", "quarantined", "under attack")
    job = _prefetch(mirror, "acme-tool==2.0")
    assert job.items.get().reason == "'acme-tool' is quarantined in 'outside'."
    assert upstream.count(".whl") == 0


def test_it_goes_on_where_a_slice_ended(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = asking.begin(actor=SYSTEM, index=mirror, request=_request())
    assert running.run(job.pk, seconds=0) == "running"
    assert upstream.requests == []
    assert _run(job).state == "done"


def test_one_that_died_is_resumed_when_its_lease_is_over(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = asking.begin(actor=SYSTEM, index=mirror, request=_request("acme-tool==1.0"))
    PrefetchJob.objects.update(state="running", lease_until=timezone.now() + timedelta(minutes=1))
    assert running.run(job.pk) is None
    assert running.resume() == 0
    PrefetchJob.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert running.resume() >= 1
    assert _run(job).state == "done"


def test_two_workers_do_it_once(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = asking.begin(actor=SYSTEM, index=mirror, request=_request())
    together([lambda: running.run(job.pk), lambda: running.run(job.pk)])
    assert _run(job).state == "done"
    assert upstream.count("acme_tool-1.0-py3-none-any.whl") == 1


def test_a_cancelled_one_begins_nothing_more(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    job = asking.begin(actor=SYSTEM, index=mirror, request=_request())
    asking.cancel(actor=SYSTEM, job=job)
    assert (job.state, job.message) == ("cancelled", "Cancelled by test.")
    assert running.run(job.pk) is None
    assert upstream.requests == []
    with pytest.raises(Conflict):
        asking.cancel(actor=SYSTEM, job=job)


def test_old_ones_are_forgotten(upstream: StaticIndex) -> None:
    job = _prefetch(make_mirror("outside", upstream.url), "acme-tool==1.0")
    running.resume()
    assert PrefetchJob.objects.filter(pk=job.pk).exists()
    PrefetchJob.objects.update(ended_at=timezone.now() - running.KEPT - timedelta(days=1))
    running.resume()
    assert not PrefetchItem.objects.exists()


def test_what_the_policy_keeps_back_is_never_asked_for(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    group = make_group("all", mirror)
    make_rule(group, projects=["acme-tool"], versions=">=2", reason="It steals keys.")
    job = _prefetch(group, "acme-tool==2.0\nacme-tool==1.0\n")
    assert job.state == "failed"
    items = {item.filename: item for item in job.items.all()}
    assert "It steals keys." in items["acme_tool-2.0-py3-none-any.whl"].reason
    assert items["acme_tool-1.0-py3-none-any.whl"].state == "done"
    assert upstream.count("acme_tool-2.0-py3-none-any.whl") == 0
    # The rule is the group's; through the mirror itself it does not hold.
    assert _prefetch(mirror, "acme-tool==2.0").state == "done"


def test_a_hidden_version_is_not_chosen_for_who_pins_none(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    make_rule(mirror, effect="hide", projects=["acme-tool"], versions=">=2", reason="Not yet.")
    job = _prefetch(mirror, "acme-tool\n")
    assert _items(job) == {"acme_tool-1.0-py3-none-any.whl": "done"}
    assert "Not yet." in _prefetch(mirror, "acme-tool==2.0\n").items.get().reason


def test_who_may_begin_one(upstream: StaticIndex, cast: Cast) -> None:
    mirror = make_mirror("outside", upstream.url)
    group = make_group("all", cast.index, mirror)
    give(cast.team_admin, [Verb.ADMINISTER], group)
    with pytest.raises(Forbidden):
        asking.begin(actor=cast.actor("team_admin"), index=mirror, request=_request())
    with pytest.raises(Forbidden):  # the group is theirs, and its mirror is not
        asking.begin(actor=cast.actor("team_admin"), index=group, request=_request())
    give(cast.team_admin, [Verb.ADMINISTER], mirror)
    job = asking.begin(actor=cast.actor("team_admin"), index=group, request=_request())
    assert job.created_by == "team_admin"
    entry = AuditEntry.objects.get(action="prefetch.begin")
    assert entry.detail["targets"] == ["3.12 linux-x86_64"]
    assert list(asking.visible_to(cast.actor("team_admin"))) == [job]
    assert list(asking.visible_to(cast.actor("reader"))) == []


def test_an_index_without_upstream_is_refused(cast: Cast) -> None:
    with pytest.raises(Invalid, match="fetches from no upstream"):
        asking.begin(actor=SYSTEM, index=cast.index, request=_request())


def test_what_is_pinned_stays_when_there_is_no_room(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    Upstream.objects.update(room=1, keep_hours=0)
    _prefetch(mirror, "acme-tool==1.0\nacme-fast\n")
    kept = _prefetch(mirror, "acme-tool==1.0\n", pins=True)
    assert AuditEntry.objects.filter(action="prefetch.begin").order_by("-pk")[0].detail["pins"] is True
    MirroredFile.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    here = File.objects.filter(blob__isnull=False).values_list("filename", flat=True)
    assert eviction.run(actor=SYSTEM) == 1
    assert set(here.all()) == set(_items(kept))
    assert pinning.unpin_all(actor=SYSTEM, index=mirror) == 1
    assert eviction.run(actor=SYSTEM) == 1
    assert not here.all()


def test_too_many_at_once_are_refused(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    for _ in range(20):
        asking.begin(actor=SYSTEM, index=mirror, request=_request())
    with pytest.raises(Conflict, match="under way"):
        asking.begin(actor=SYSTEM, index=mirror, request=_request())


def test_looking_ahead_fetches_no_file(upstream: StaticIndex) -> None:
    mirror = make_mirror("outside", upstream.url)
    _, found = asking.look_ahead(SYSTEM, mirror, _request("acme-tool\nno-such-thing"))
    told = [(one.word, one.name) for one in found]
    assert told == [("fetch", "acme_tool-2.0-py3-none-any.whl"), ("failed", "no-such-thing")]
    assert upstream.count(".whl") == 0
    assert not PrefetchJob.objects.exists()


@pytest.mark.parametrize(
    ("content", "code"), [(b"\xff\xfe", "list-invalid"), (b"#" * (16 * 2**20 + 1), "list-too-large")]
)
def test_what_is_no_text(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        asking.as_text(content)
    assert refused.value.code == code
