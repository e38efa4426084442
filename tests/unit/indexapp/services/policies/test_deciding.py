"""Who sets rules, grants exceptions and decides about what is held, and what each leaves behind."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

from accounts.models import Alarm, AuditEntry
from indexapp.models import Change, PolicyException, PolicyHold, PolicyRule
from indexapp.services.policies import exceptions, holds, rules
from indexapp.services.serving import watermarks
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.factories.policies import make_exception, make_rule
from tests.factories.publishing import make_group, make_index
from tpi_site.kit.errors import Invalid

pytestmark = [pytest.mark.database, pytest.mark.django_db]
SOON = timedelta(hours=1)
OTHERS = ["outsider", "reader", "uploader", "maintainer", "operator", "auditor"]


def order(cast: Cast) -> list[str]:
    return list(PolicyRule.objects.filter(index=cast.index).order_by("position").values_list("name", flat=True))


def test_rules_of_all_indexes_are_the_security_officers(cast: Cast) -> None:
    row = rules.create(actor=cast.actor("security_officer"), index=None, name="all", effect="block")
    assert (row.position, row.on_missing, row.is_enabled) == (1, "match", True)
    with refused("security-officer-needed"):
        rules.create(actor=cast.actor("team_admin"), index=None, name="mine", effect="block")
    with refused("security-officer-needed"):
        rules.change(actor=cast.actor("team_admin"), rule=row, is_enabled=False)
    with refused("security-officer-needed"):
        rules.remove(actor=cast.actor("team_admin"), rule=row)


@pytest.mark.parametrize("role", OTHERS)
def test_who_decides_about_nothing_sets_nothing(cast: Cast, role: str) -> None:
    row = make_rule(cast.index)
    actor = cast.actor(role)
    for index in (cast.index, None):
        with refused("right-missing" if index else "security-officer-needed"):
            rules.create(actor=actor, index=index, name="new", effect="block")
        with refused("right-missing" if index else "security-officer-needed"):
            exceptions.break_glass(actor=actor, index=index, project="x", reason="y")
    with refused("right-missing"):
        rules.move(actor=actor, rule=row, position=1)


def test_an_index_narrows_itself_and_undoes_no_rule_of_the_company(cast: Cast) -> None:
    admin = cast.actor("team_admin")
    row = rules.create(actor=admin, index=cast.index, name="strict", effect="hide", conditions={"kind": "sdist"})
    with refused("security-officer-needed"):
        rules.create(actor=admin, index=cast.index, name="lax", effect="allow")
    with refused("security-officer-needed"):
        rules.change(actor=admin, rule=row, effect="allow")
    lax = rules.create(actor=cast.actor("security_officer"), index=cast.index, name="lax", effect="allow")
    with refused("security-officer-needed"):
        rules.change(actor=admin, rule=lax, conditions={})
    with refused("security-officer-needed"):
        rules.move(actor=admin, rule=row, position=2)
    for values in ({"is_enabled": False}, {"conditions": {"projects": ["nothing"]}}, {"effect": "warn"}):
        with refused("security-officer-needed"):
            rules.change(actor=admin, rule=row, **values)
    with refused("security-officer-needed"):
        rules.remove(actor=admin, rule=row)
    rules.change(actor=admin, rule=row, reason="told better")
    rules.change(actor=cast.actor("security_officer"), rule=lax, is_enabled=False)
    rules.change(actor=admin, rule=row, is_enabled=False)
    rules.change(actor=cast.actor("security_officer"), rule=lax, is_enabled=True)
    rules.remove(actor=admin, rule=lax)
    rules.move(actor=admin, rule=row, position=1)


def test_rules_are_moved_within_their_index(cast: Cast) -> None:
    first, _, third = (make_rule(cast.index, name=name) for name in "abc")
    make_rule(None, name="elsewhere")
    rules.move(actor=SYSTEM, rule=third, position=1)
    assert order(cast) == ["c", "a", "b"]
    rules.move(actor=SYSTEM, rule=first, position=99)
    assert order(cast) == ["c", "b", "a"]
    assert make_rule(cast.index, name="d").position == 4
    rules.remove(actor=SYSTEM, rule=third)
    with refused("not-found"):
        rules.move(actor=SYSTEM, rule=third, position=1)


def test_what_a_rule_asks_and_does_holds_since_it_was_changed(cast: Cast) -> None:
    row = make_rule(cast.index)
    PolicyRule.objects.update(since=timezone.now() - timedelta(days=9))
    assert rules.change(actor=SYSTEM, rule=row, reason="  Because.\n", name=" a  b ").since < timezone.now() - SOON
    row.refresh_from_db()
    assert (row.name, row.reason) == ("a b", "Because.")
    assert rules.change(actor=SYSTEM, rule=row, effect="hide").since > timezone.now() - SOON
    entry = AuditEntry.objects.filter(action="policy-rule.change").order_by("-pk")[0]
    assert (entry.detail["before"]["effect"], entry.detail["after"]["effect"]) == ("block", "hide")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "rule-name-invalid"),
        ({"name": "x" * 101}, "rule-name-invalid"),
        ({"effect": "delete"}, "effect-unknown"),
        ({"conditions": {"wheel": True}}, "conditions-invalid"),
        ({"on_missing": "guess"}, "on-missing-unknown"),
        ({"reason": "x" * 501}, "reason-too-long"),
        ({"position": 1}, "field-fixed"),
        ({"name": "taken"}, "rule-exists"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(cast: Cast, values: dict[str, object], code: str) -> None:
    make_rule(cast.index, name="taken")
    row = make_rule(cast.index)
    given = {"name": "new", "effect": "block"} | values
    with refused(code):
        rules.create(actor=SYSTEM, index=cast.index, **given)  # type: ignore[arg-type]
    with refused(code):
        rules.change(actor=SYSTEM, rule=row, **values)


def test_a_source_is_an_index_that_the_rule_can_be_about(cast: Cast) -> None:
    other = make_index("other")
    group = make_group("group", cast.index, other)
    make_rule(None, sources=["other", "kind:mirror"])
    make_rule(group, sources=["main", "other"])
    row = make_rule(cast.index, sources=["main"])
    for index, name, told in (
        (None, "mian", "main, other"),
        (None, "group", "main, other"),
        (cast.index, "other", "main"),
    ):
        with pytest.raises(Invalid) as error:
            make_rule(index, sources=[name])
        assert (error.value.code, error.value.detail) == (
            "source-unknown",
            f"No source is called '{name}' here; there are: {told}.",
        )
    with refused("source-unknown"):
        rules.change(actor=SYSTEM, rule=row, conditions={"sources": ["kind:hosted", "other"]})


def test_a_change_is_told_to_every_index_that_it_concerns_and_to_every_process(cast: Cast) -> None:
    other, before = make_index("other"), watermarks.read()
    make_rule(cast.index)
    assert watermarks.read().policy == before.policy + 1
    assert list(Change.objects.values_list("kind", "index_name")) == [("policy-changed", "main")]
    make_rule(None)
    assert Change.objects.filter(kind="policy-changed").count() == 1 + 2
    assert Change.objects.filter(index_id=other.pk).get().detail["deed"] == "create"


def test_exceptions_are_granted_by_who_guards_the_rule(cast: Cast) -> None:
    own, of_all = make_rule(cast.index), make_rule(None)
    end, other = timezone.now() + SOON, make_index("other")
    admin = cast.actor("team_admin")
    row = exceptions.grant(actor=admin, index=None, project="Acme.Tool", reason="r", rule=own, expires_at=end)
    assert (row.index, row.project, row.versions, row.is_in_force) == (cast.index, "acme-tool", "", True)
    for rule in (of_all, None):
        with refused("security-officer-needed"):
            exceptions.grant(actor=admin, index=cast.index, project="x", reason="r", rule=rule, expires_at=end)
    exceptions.grant(
        actor=cast.actor("security_officer"), index=None, project="x", reason="r", rule=of_all, expires_at=end
    )
    with refused("rule-elsewhere"):
        make_exception("x", index=other, rule=own)
    exceptions.revoke(actor=admin, exception=row)
    details = Change.objects.filter(kind="policy-changed").values_list("detail", flat=True)
    assert all(set(detail) <= {"rule", "deed"} for detail in details)  # readers of the index see them
    assert not PolicyException.objects.get(pk=row.pk).is_in_force
    with refused("exception-ended"):
        exceptions.revoke(actor=admin, exception=row)


def test_an_exception_from_what_is_allowed_is_not_revoked_by_whom_it_narrows(cast: Cast) -> None:
    allow = make_rule(cast.index, "allow")
    row = make_exception("x", rule=allow)
    with refused("security-officer-needed"):
        exceptions.revoke(actor=cast.actor("team_admin"), exception=row)
    exceptions.revoke(actor=cast.actor("security_officer"), exception=row)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"expires_at": timezone.now() - SOON}, "expiry-invalid"),
        ({"expires_at": timezone.now() + timedelta(days=400)}, "expiry-invalid"),
        ({"reason": " "}, "reason-needed"),
        ({"reason": "x" * 600}, "reason-needed"),
        ({"versions": "new"}, "versions-invalid"),
        ({"project": "a b"}, "name-invalid"),
    ],
)
def test_an_exception_has_an_end_and_a_reason(cast: Cast, values: dict[str, object], code: str) -> None:
    given = {"index": None, "project": "x", "reason": "r", "expires_at": timezone.now() + SOON} | values
    with refused(code):
        exceptions.grant(actor=SYSTEM, **given)  # type: ignore[arg-type]


def test_breaking_the_glass_is_short_and_loud(cast: Cast) -> None:
    row = exceptions.break_glass(
        actor=cast.actor("team_admin"), index=cast.index, project="acme-tool", versions="2.0", reason="release night"
    )
    assert timezone.now() + timedelta(hours=23) < row.expires_at <= timezone.now() + timedelta(hours=24)
    again = {"index": cast.index, "project": "Acme_Tool", "reason": "still"}
    with refused("security-officer-needed"):
        exceptions.break_glass(actor=cast.actor("team_admin"), **again)
    alarm = Alarm.objects.get(code="policy-break-glass")
    assert "'team_admin' broke the glass" in alarm.sentence
    assert "release night" in alarm.sentence
    assert AuditEntry.objects.filter(action="policy-exception.break-glass", actor_name="team_admin").count() == 1
    with refused("expiry-invalid"):
        exceptions.break_glass(actor=SYSTEM, index=None, project="x", reason="r", hours=25)
    exceptions.break_glass(actor=cast.actor("security_officer"), **again)
    PolicyException.objects.update(created_at=timezone.now() - timedelta(hours=25))
    exceptions.break_glass(actor=cast.actor("team_admin"), **again)
    with refused("security-officer-needed"):
        exceptions.break_glass(actor=cast.actor("team_admin"), index=None, project="x", reason="r")


def test_what_a_rule_of_all_holds_back_is_not_the_indexs_to_decide(cast: Cast) -> None:
    own, of_all = make_rule(cast.index, "hold"), make_rule(None, "hold")
    mine, theirs = (
        PolicyHold.objects.create(index=cast.index, rule=rule, project="x", version="1") for rule in (own, of_all)
    )
    admin = cast.actor("team_admin")
    with refused("security-officer-needed"):
        holds.decide(actor=admin, hold=theirs, approve=True)
    decided = holds.decide(actor=admin, hold=mine, approve=True, reason="fine")
    assert (decided.state, decided.decided_by, decided.reason) == ("approved", "team_admin", "fine")
    with refused("hold-decided"):
        holds.decide(actor=admin, hold=mine, approve=True)
    with refused("reason-needed"):
        holds.decide(actor=admin, hold=mine, approve=False, reason=" ")
    assert holds.decide(actor=admin, hold=mine, approve=False, reason="bad").state == "rejected"
    PolicyHold.objects.all().delete()
    with refused("hold-gone"):
        holds.decide(actor=admin, hold=mine, approve=True)


def test_approvals_of_the_earlier_code_are_of_the_same_files(cast: Cast) -> None:
    """It had the number of the last file as text, and a node of it may write one when the column is there already."""
    rule, find = make_rule(cast.index, "hold"), PolicyHold.objects.get
    before = {"upto": "7", "whatever comes": "", "no number": "x.whl"}
    for version, filename in before.items():
        PolicyHold.objects.create(
            index=cast.index, rule=rule, project="x", version=version, filename=filename, state="approved"
        )
    assert find(version="upto").looked_at_upto == 7
    migration = import_module("indexapp.migrations.0019_hold_cursor")
    migration.carry_over(apps, SimpleNamespace(connection=connection))
    assert find(version="upto").approved_upto == 7
    assert {find(version=version).approved_upto for version in before} == {7, None}
    row = holds.decide(actor=SYSTEM, hold=find(version="upto"), approve=False, reason="bad")
    assert (row.filename, row.looked_at_upto) == ("", None)
    row = holds.decide(actor=SYSTEM, hold=row, approve=True)
    assert (row.filename, row.looked_at_upto) == ("", 0)


def test_a_rule_goes_with_its_exceptions_and_holds(cast: Cast) -> None:
    row = make_rule(cast.index, "hold")
    make_exception("x", rule=row)
    PolicyHold.objects.create(index=cast.index, rule=row, project="x", version="1")
    rules.remove(actor=SYSTEM, rule=row)
    assert not PolicyException.objects.exists()
    assert not PolicyHold.objects.exists()
    assert AuditEntry.objects.filter(action="policy-rule.remove").count() == 1
