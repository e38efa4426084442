"""The policy by the REST API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.domain.verbs import Verb
from indexapp.models import Index, PolicyHold, PolicyRule
from tests.api.conftest import AsPerson
from tests.factories.cast import Cast
from tests.factories.policies import make_exception, make_policy, make_rule
from tests.factories.publishing import give, make_group, make_index, make_mirror

pytestmark = pytest.mark.django_db
RULE = {"name": "young", "effect": "hide", "conditions": {"younger_than_days": 7}}


def test_a_rule_is_added_read_changed_moved_and_removed(rest: AsPerson, acme: Index) -> None:
    officer = rest("security_officer")
    made = officer.post("policy-rules/", RULE)
    assert made.status == 201
    row = made.json
    assert (row["index"], row["position"], row["on_missing"], row["is_enabled"]) == (None, 1, "match", True)
    assert row["summary"].startswith("Hide and block files uploaded less than 7 days ago")
    address = f"policy-rules/{row['id']}/"
    assert made.headers["Location"].endswith(f"/api/v1/{address}")
    assert officer.get(address).json == row
    changed = officer.patch(address, {"effect": "block", "conditions": {"kind": "sdist"}}).json
    assert (changed["effect"], changed["conditions"]) == ("block", {"kind": "sdist"})
    make_rule(None, name="second")
    assert officer.post(f"{address}move/", {"position": 2}).json["position"] == 2
    assert officer.delete(address).status == 204
    assert officer.get(address).status == 404


def test_a_wrong_choice_is_answered_with_the_choices(rest: AsPerson, acme: Index) -> None:
    officer, effects = rest("security_officer"), "allow, warn, hold, block, hide."
    wrong = officer.post("policy-rules/", {**RULE, "effect": "{no}", "on_missing": "fail"})
    assert wrong.status == 400
    assert wrong.json["errors"] == {
        "effect": [f'"{{no}}" is none of the choices: {effects}'],
        "on_missing": ['"fail" is none of the choices: match, skip.'],
    }
    assert f"'no' is none of the choices: {effects}" in officer.get("policy-rules/?effect=no").json["detail"]
    listed = rest("administrator").post("indexes/main/prefetches/", {"content": "acme", "platforms": ["amiga"]})
    assert "linux-x86_64, linux-aarch64" in str(listed.json["errors"]["platforms"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**RULE, "effect": "no"},
        {**RULE, "conditions": {"age": 7}},
        {**RULE, "conditions": [1]},
        {**RULE, "position": 1},
        {**RULE, "index": "nowhere"},
        {**RULE, "is_enabled": "yes"},
    ],
)
def test_what_is_no_rule_is_refused(rest: AsPerson, acme: Index, body: dict[str, Any]) -> None:
    assert rest("security_officer").post("policy-rules/", body).status == 400
    assert not PolicyRule.objects.exists()


def test_lists_are_filtered(rest: AsPerson, acme: Index) -> None:
    officer = rest("security_officer")
    own, exception, _ = make_policy(acme)
    make_rule(None, "hide", name="all", is_enabled=False)
    make_exception("other")

    def names(path: str) -> list[str]:
        return [row["name"] for row in officer.get(path).json["results"]]

    assert names("policy-rules/?index=main") == names("policy-rules/?effect=hold") == [own.name]
    assert names("policy-rules/?of_all=true") == names("policy-rules/?enabled=false") == ["all"]
    assert names("policy-exceptions/?index=main") == ["unrelated"]
    assert names("policy-exceptions/?project=other") == ["other"]
    assert names("policy-exceptions/?in_force=true&break_glass=false") == ["other", "unrelated"]
    assert officer.post(f"policy-exceptions/{exception.pk}/revoke/", {}).json["is_in_force"] is False
    assert names("policy-exceptions/?in_force=false") == ["unrelated"]
    assert names("policy-holds/?state=pending") == ["unrelated 1.0"]
    assert names("policy-holds/?state=approved") == names("policy-holds/?project=x") == []
    assert officer.get("policy-rules/?name=x").status == 400


def test_who_administers_an_index_sees_its_part(rest: AsPerson, acme: Index) -> None:
    own, *_ = make_policy(acme)
    other, *_ = make_policy(make_index("other"))
    make_rule(None, name="all")
    admin = rest("team_admin")
    assert [row["name"] for row in admin.get("policy-rules/").json["results"]] == [own.name, "all"]
    assert len(admin.get("policy-holds/").json["results"]) == 1
    assert admin.get(f"policy-rules/{other.pk}/").status == 404
    assert rest("reader").get("policy-rules/").json["results"] == []
    assert rest("auditor").get(f"policy-rules/{other.pk}/").status == 200


@pytest.mark.parametrize(
    ("index", "effect", "conditions", "on_missing", "is_warned"),
    [
        (None, "hide", {"licenses_denied": ["MIT"]}, None, True),
        (None, "hide", {"licenses_denied": ["MIT"], "sources": ["kind:hosted", "outside"]}, None, True),
        (None, "hide", {"imports": ["google.*"], "sources": ["outside"]}, None, True),
        (None, "hide", {"without_attestation": True}, "skip", True),
        (None, "hide", {"license_unknown": True}, "skip", True),
        ("outside", "hide", {"licenses_allowed": ["MIT"]}, None, True),
        (None, "hide", {"licenses_denied": ["MIT"]}, "skip", False),
        (None, "block", {"licenses_denied": ["MIT"]}, None, False),
        (None, "hide", {"without_attestation": True, "sources": ["kind:hosted"]}, None, False),
        (None, "hide", {"younger_than_days": 7, "vulnerable": True}, None, False),
        ("main", "hide", {"without_attestation": True}, None, False),
        (None, "hide", {"without_attestation": True, "sources": ["main"]}, None, False),
    ],
)
def test_who_hides_by_what_is_never_fetched_is_warned(
    rest: AsPerson,
    acme: Index,
    index: str | None,
    effect: str,
    conditions: object,
    on_missing: str | None,
    is_warned: bool,
) -> None:
    make_mirror("outside", "https://upstream.example/simple/")
    given = {"name": "mine", "effect": effect, "index": index, "conditions": conditions}
    made = rest("security_officer").post("policy-rules/", given | ({"on_missing": on_missing} if on_missing else {}))
    assert made.status == 201, made.body
    assert ("nobody asks for what is hidden" in made.json["warning"], bool(made.json["warning"])) == (
        is_warned,
        is_warned,
    )


def test_a_rule_is_tried_without_being_made(rest: AsPerson, acme: Index) -> None:
    report = rest("team_admin").post("policy-rules/dry-run/", {**RULE, "index": "main"}).json
    assert (report["files"], report["looked_at"], report["is_cut"], report["by_team"]) == (3, 1, False, {"": 3})
    [touched] = report["projects"]
    assert (touched["project"], touched["versions"]) == ("acme-tool", ["1.0", "1.1"])
    assert not PolicyRule.objects.exists()
    wrong = {**RULE, "index": "main", "conditions": {"age": 7}}
    assert rest("team_admin").post("policy-rules/dry-run/", wrong).code == "conditions-invalid"
    make_index("other")
    for address in ("policy-rules/dry-run/", "policy-rules/"):
        for source in ("other", "nowhere"):
            refusal = rest("team_admin").post(address, {**RULE, "index": "main", "conditions": {"sources": [source]}})
            assert (refusal.code, "there are: main." in refusal.json["detail"]) == ("source-unknown", True)
        assert rest("team_admin").post(address, {**RULE, "index": "main", "name": ""}).status == 400


def test_a_source_that_there_is_not_is_answered_with_those_that_one_may_see(rest: AsPerson, cast: Cast) -> None:
    group = make_group("group", cast.index, make_index("other"))
    give(cast.team_admin, [Verb.ADMINISTER], group)
    for name in ("blub", "other"):
        given = {**RULE, "index": "group", "conditions": {"sources": [name]}}
        for address in ("policy-rules/", "policy-rules/dry-run/"):
            refusal = rest("team_admin").post(address, given)
            assert refusal.json["detail"] == f"No source is called '{name}' here; there are: main."
        row = make_rule(group, name=f"of-{name}", sources=["main"])
        assert rest("team_admin").patch(f"policy-rules/{row.pk}/", {"conditions": given["conditions"]}).status == 400


def test_a_source_that_somebody_else_named_stays_in_a_rule_that_is_changed(rest: AsPerson, cast: Cast) -> None:
    group = make_group("group", cast.index, make_index("other"))
    give(cast.team_admin, [Verb.ADMINISTER], group)
    row = make_rule(group, sources=["main", "other"])
    changed = {"conditions": {"sources": ["main", "other"], "yanked": True}}
    answer = rest("team_admin").patch(f"policy-rules/{row.pk}/", changed)
    assert answer.status == 200, answer.body
    given = {**RULE, "name": "other", "index": "group", "conditions": {"sources": ["other"]}}
    assert rest("security_officer").post("policy-rules/", given).status == 201


def test_exceptions_and_reviews(rest: AsPerson, acme: Index) -> None:
    rule, _, hold = make_policy(acme)
    admin, end = rest("team_admin"), (timezone.now() + timedelta(hours=1)).isoformat()
    given = {"project": "Acme.Tool", "reason": "needed", "rule": rule.pk, "expires_at": end, "index": "main"}
    made = admin.post("policy-exceptions/", given)
    assert (made.status, made.json["project"], made.json["rule"]) == (201, "acme-tool", rule.pk)
    assert admin.post("policy-exceptions/", {**given, "rule": 10**9}).status == 404
    glass = admin.post("policy-exceptions/break-glass/", {"project": "x", "reason": "now", "index": "main"})
    assert (glass.status, glass.json["is_break_glass"]) == (201, True)
    assert glass.json["still_refused"] == []
    assert admin.post(f"policy-holds/{hold.pk}/approve/", {"reason": "read"}).json["state"] == "approved"
    assert admin.post(f"policy-holds/{hold.pk}/approve/", {}).status == 409
    assert admin.post(f"policy-holds/{hold.pk}/reject/", {}).code == "reason-needed"
    assert admin.post(f"policy-holds/{hold.pk}/reject/", {"reason": "read"}).json["state"] == "rejected"
    assert PolicyHold.objects.get().decided_by == "team_admin"


def test_an_exception_on_a_group_says_what_it_does_not_lift(rest: AsPerson, acme: Index) -> None:
    group = make_group("group", acme)
    of_group = make_rule(group, name="ours", versions="1.0")
    make_rule(acme, name="theirs", versions="1.0")
    officer = rest("security_officer")
    given = {"project": "acme-tool", "reason": "now", "index": "group"}
    broken = officer.post("policy-exceptions/break-glass/", given).json
    assert broken["still_refused"] == ["'theirs' of the index 'main'"]
    end = (timezone.now() + timedelta(hours=1)).isoformat()
    other = officer.post("policy-exceptions/", {**given, "versions": "1.1", "expires_at": end}).json
    assert (other["still_refused"], other["rule"]) == ([], None)
    one = officer.post("policy-exceptions/", {**given, "index": "main", "rule": None, "expires_at": end}).json
    assert one["still_refused"] == []
    assert of_group.index == group
