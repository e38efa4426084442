"""Copies of a real upstream, by the services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from accounts.models import AuditEntry
from indexapp.models import File, Index, MirroredFile, MirroredProject, MirrorPlan, PlannedName
from indexapp.services.mirrors import asking, copying, plans, verifying
from indexapp.storage import default_storage
from tests.builders.sdists import build_sdist
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_rule
from tests.factories.publishing import give, make_group, make_index, make_mirror, make_project
from tests.servers.static_index import Behaviour, StaticFile, StaticIndex
from tests.threads import together
from tpi_site.kit.errors import Forbidden, Invalid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture(autouse=True)
def _loopback_may_be_asked(settings: Any) -> Iterator[None]:
    settings.TPI_OUTBOUND_NETWORKS = ["127.0.0.0/8"]
    yield
    asking.forget_all()


@pytest.fixture
def upstream() -> Iterator[StaticIndex]:
    files = [
        build_wheel("acme-tool", "1.0"),
        build_wheel("acme-tool", "2.0"),
        build_sdist("acme-tool", "2.0"),
        build_wheel("acme-fast", "1.0"),
        build_wheel("other", "1.0"),
    ]
    with StaticIndex(files) as server:
        yield server


def _planned(upstream: StaticIndex, **values: Any) -> Index:
    mirror = make_mirror("outside", upstream.url)
    plans.change(actor=SYSTEM, index=mirror, is_on=True, **values)
    return mirror


def _held(mirror: Index) -> set[str]:
    return set(File.objects.filter(index=mirror, blob__isnull=False).values_list("filename", flat=True))


def _copy(mirror: Index) -> MirrorPlan:
    """Slice after slice, as the job cluster does it."""
    while copying.run(mirror.pk) == MirrorPlan.State.COPYING:
        pass
    return MirrorPlan.objects.get(pk=mirror.pk)


def _next_round(mirror: Index) -> MirrorPlan:
    MirrorPlan.objects.update(listed_at=timezone.now() - timedelta(days=1))
    return _copy(mirror)


def test_all_of_it(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    plan = _copy(mirror)
    assert _held(mirror) == set(upstream.files)
    assert (plan.state, plan.cursor, PlannedName.objects.count()) == ("idle", upstream.serial, 0)
    assert copying.held_bytes(plan) == sum(len(file.content) for file in upstream.files.values())


def test_only_what_changed_is_asked_for_again(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    _copy(mirror)
    upstream.publish(build_wheel("other", "2.0"))
    upstream.requests.clear()
    plan = _next_round(mirror)
    assert [asked.path for asked in upstream.requests if asked.path.startswith("/simple/")] == [
        "/simple/",
        "/simple/other/",
    ]
    assert "other-2.0-py3-none-any.whl" in _held(mirror)
    assert plan.cursor == upstream.serial


def test_a_filter(upstream: StaticIndex) -> None:
    mirror = _planned(upstream, include=["acme-*"], exclude=["*-fast"], newest=1, with_sdists=False)
    _copy(mirror)
    assert _held(mirror) == {"acme_tool-2.0-py3-none-any.whl"}
    assert upstream.count("/simple/other/") == 0


def test_a_wider_filter_looks_at_everything_again(upstream: StaticIndex) -> None:
    mirror = _planned(upstream, include=["other"])
    _copy(mirror)
    plans.change(actor=SYSTEM, index=mirror, include=["other", "acme-fast"])
    _copy(mirror)
    assert _held(mirror) == {"other-1.0-py3-none-any.whl", "acme_fast-1.0-py3-none-any.whl"}


@pytest.mark.parametrize("behaviour", [Behaviour(forms=("html",)), Behaviour(forms=("html",), hashes="none")])
def test_an_upstream_that_tells_no_serials_is_walked_by_etag(upstream: StaticIndex, behaviour: Behaviour) -> None:
    upstream.behaviour = behaviour
    mirror = _planned(upstream)
    _copy(mirror)
    assert _held(mirror) == set(upstream.files)
    upstream.publish(build_wheel("other", "2.0"))
    upstream.requests.clear()
    _next_round(mirror)
    assert "other-2.0-py3-none-any.whl" in _held(mirror)
    assert upstream.count(".whl") == 1
    assert all("if-none-match" in asked.headers for asked in upstream.requests if asked.path.endswith("acme-tool/"))


def test_an_upstream_without_a_list_gives_what_is_named(upstream: StaticIndex) -> None:
    upstream.behaviour = Behaviour(has_list=False)
    mirror = _planned(upstream, include=["other", "acme-*"])
    _copy(mirror)
    assert _held(mirror) == {"other-1.0-py3-none-any.whl"}


def test_what_the_upstream_took_back_is_noted(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    _copy(mirror)
    upstream.remove("other-1.0-py3-none-any.whl")
    _next_round(mirror)
    beside = MirroredFile.objects.get(file__filename="other-1.0-py3-none-any.whl")
    assert beside.removed_at is not None or MirroredProject.objects.get(normalized_name="other").is_gone


def test_ours_are_not_asked_for(upstream: StaticIndex) -> None:
    ours = make_index("ours")
    make_project(ours, "other")
    mirror = _planned(upstream)
    make_group("all", ours, mirror)
    _copy(mirror)
    assert upstream.count("/simple/other/") == 0
    assert PlannedName.objects.count() == 0


def test_it_goes_on_where_a_slice_ended(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    assert copying.run(mirror.pk, seconds=0) == "copying"
    assert PlannedName.objects.count() == 3
    upstream.requests.clear()
    assert _copy(mirror).state == "idle"
    assert upstream.count("/simple/") == 0  # the list was not read again
    assert _held(mirror) == set(upstream.files)


def test_a_lease_keeps_others_off_until_it_is_over(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    MirrorPlan.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    assert copying.run(mirror.pk) is None
    MirrorPlan.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    together([lambda: copying.run(mirror.pk), lambda: copying.run(mirror.pk)])
    assert _copy(mirror).state == "idle"
    assert upstream.count("other-1.0-py3-none-any.whl") == 1


def test_one_that_is_off_or_offline_asks_nobody(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    plans.change(actor=SYSTEM, index=mirror, is_on=False)
    assert copying.run(mirror.pk) is None
    other = make_mirror("offline", upstream.url, upstream={"is_offline": True})
    plans.change(actor=SYSTEM, index=other, is_on=True)
    assert copying.run(other.pk) is None
    assert copying.run_all() == 0
    assert upstream.requests == []


def test_the_budget_ends_it(upstream: StaticIndex) -> None:
    largest = max(len(file.content) for file in upstream.files.values())
    mirror = _planned(upstream, byte_budget=largest)
    plan = _copy(mirror)
    assert plan.state == "full"
    assert copying.held_bytes(plan) <= largest
    plans.change(actor=SYSTEM, index=mirror, byte_budget=None)
    assert _copy(mirror).state == "idle"
    assert _held(mirror) == set(upstream.files)


def test_a_list_that_fails_leaves_the_cursor(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    upstream.behaviour = Behaviour(fault="truncate", on="list")
    plan = _copy(mirror)
    assert (plan.state, plan.cursor, plan.listed_at) == ("failed", 0, None)
    assert plan.message
    upstream.behaviour = Behaviour()
    assert _copy(mirror).state == "idle"


def test_a_name_that_fails_is_put_off_and_then_given_up(upstream: StaticIndex) -> None:
    mirror = _planned(upstream, include=["other"])
    upstream.behaviour = Behaviour(status=500, on="page")
    waits = []
    for _ in range(copying.MOST_ATTEMPTS):
        _copy(mirror)
        planned = PlannedName.objects.get()
        assert planned.not_before is not None
        waits.append(planned.not_before - timezone.now())
        PlannedName.objects.update(not_before=None)
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(days=6)
    assert planned.reason
    upstream.behaviour = Behaviour()
    _copy(mirror)
    assert _held(mirror) == {"other-1.0-py3-none-any.whl"}


def test_a_file_with_other_bytes_is_told_and_the_others_come(upstream: StaticIndex) -> None:
    file = upstream.files["acme_tool-1.0-py3-none-any.whl"]
    upstream.publish(StaticFile(file.filename, file.content, digests={"sha256": "0" * 64}))
    mirror = _planned(upstream, include=["acme-tool"])
    _copy(mirror)
    assert file.filename not in _held(mirror)
    assert PlannedName.objects.get().reason


def test_what_the_policy_keeps_back_is_not_copied(upstream: StaticIndex) -> None:
    mirror = _planned(upstream, include=["acme-tool"])
    make_rule(mirror, projects=["acme-tool"], versions=">=2", reason="It steals keys.")
    _copy(mirror)
    assert _held(mirror) == {"acme_tool-1.0-py3-none-any.whl"}
    assert "It steals keys." in PlannedName.objects.get().reason
    assert upstream.count("acme_tool-2.0-py3-none-any.whl") == upstream.count(".tar.gz") == 0


def test_an_upstream_that_counts_anew_is_copied_anew(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    _copy(mirror)
    MirrorPlan.objects.update(cursor=10**9)
    upstream.publish(build_wheel("other", "2.0"))
    _next_round(mirror)
    assert "other-2.0-py3-none-any.whl" not in _held(mirror)
    plan = _copy(mirror)
    assert plan.cursor == upstream.serial
    assert "other-2.0-py3-none-any.whl" in _held(mirror)


def test_verification_says_what_differs_and_changes_nothing(upstream: StaticIndex) -> None:
    mirror = _planned(upstream)
    _copy(mirror)
    assert list(verifying.differences(mirror)) == []
    changed = upstream.files["other-1.0-py3-none-any.whl"]
    upstream.publish(StaticFile(changed.filename, build_wheel("other", "1.0", description="x").content))
    upstream.remove("acme_tool-1.0-py3-none-any.whl")
    upstream.publish(build_wheel("acme-tool", "3.0"))
    lost = File.objects.get(filename="acme_fast-1.0-py3-none-any.whl")
    assert lost.blob is not None
    default_storage().delete(lost.blob.object_name)
    assert [str(found) for found in verifying.differences(mirror)] == [
        "acme-fast: acme_fast-1.0-py3-none-any.whl: its bytes here are damaged or missing.",
        "acme-tool: acme_tool-3.0-py3-none-any.whl: the upstream lists it, and it is not known here yet.",
        "acme-tool: acme_tool-1.0-py3-none-any.whl: the upstream lists it no more.",
        "other: other-1.0-py3-none-any.whl: the upstream has other bytes now, by their sha256.",
    ]
    assert File.objects.count() == 5


def test_who_may_plan(upstream: StaticIndex, cast: Cast) -> None:
    mirror = make_mirror("outside", upstream.url)
    for role in ("outsider", "reader", "operator", "security_officer"):
        with pytest.raises(Forbidden):
            plans.change(actor=cast.actor(role), index=mirror, is_on=True)
    give(cast.team_admin, [Verb.ADMINISTER], mirror)
    plans.change(actor=cast.actor("team_admin"), index=mirror, is_on=True, include=["acme-*"])
    entry = AuditEntry.objects.get(action="mirror-plan.change")
    assert entry.detail["after"] == {"is_on": True, "include": ["acme-*"]}
    with pytest.raises(Invalid, match="is no mirror"):
        plans.change(actor=SYSTEM, index=cast.index, is_on=True)


@pytest.mark.parametrize(
    "values",
    [
        {"include": "acme"},
        {"include": ["Acme"]},
        {"exclude": ["a" * 101]},
        {"exclude": [7]},
        {"newest": 0},
        {"max_file_size": -1},
        {"byte_budget": 2**63},
        {"every_minutes": 1},
        {"pythons": ["2.7"]},
        {"platforms": ["amiga"]},
        {"cursor": 7},
    ],
)
def test_nonsense_is_refused(upstream: StaticIndex, values: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        plans.change(actor=SYSTEM, index=make_mirror("outside", upstream.url), **values)
    assert not MirrorPlan.objects.exists()
