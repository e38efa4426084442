"""The policy's screens, as a security officer and as who administers an index use them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.domain.instance_roles import InstanceRole
from accounts.models import User
from indexapp.models import PolicyException, PolicyHold, PolicyRule
from tests.admin.conftest import SignIn
from tests.admin.screens import Side, address, buttons, do, errors, messages
from tests.factories.people import make_user
from tests.factories.policies import make_exception, make_policy, make_rule

pytestmark = pytest.mark.django_db
RULES, ADD = address(PolicyRule, "changelist"), address(PolicyRule, "add")
EXCEPTIONS = address(PolicyException, "add")
FORM = {"name": "young", "effect": "hide", "on_missing": "match", "is_enabled": "on"}


@pytest.fixture
def officer(sign_in: SignIn) -> Client:
    person = make_user("officer")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.SECURITY_OFFICER.bit)
    return sign_in(User.objects.get(pk=person.pk))


def test_a_rule_is_made_of_fields_and_shown_as_a_sentence(officer: Client) -> None:
    given = {**FORM, "projects": "acme-*\nother", "younger_than_days": "7", "yanked": "no", "larger_than": "1 MB"}
    assert officer.post(ADD, {**given, "min_severity": "7", "licenses_denied": "mit"}).status_code == 302
    rule = PolicyRule.objects.get()
    assert rule.index is None
    assert rule.conditions == {
        "projects": ["acme-*", "other"],
        "younger_than_days": 7.0,
        "yanked": False,
        "larger_than": 10**6,
        "vulnerable": {"min_severity": 7.0},
        "licenses_denied": ["mit"],
    }
    sentence = "Hide and block files of &#x27;acme-*&#x27; or &#x27;other&#x27;, uploaded less than 7 days ago"
    for page in (RULES, address(rule)):
        assert sentence in officer.get(page).content.decode()


def test_a_rule_is_changed_in_what_differs(officer: Client) -> None:
    given = {**FORM, "versions": "<2", "kind": "sdist", "yanked": "yes", "vulnerable": "on"}
    officer.post(ADD, given)
    rule = PolicyRule.objects.get()
    page = officer.get(address(rule)).context["adminform"].form
    assert [page[name].value() for name in ("versions", "kind", "yanked", "vulnerable")] == ["<2", "sdist", "yes", True]
    assert officer.post(address(rule), {**given, "kind": "", "vulnerable": ""}).status_code == 302
    rule.refresh_from_db()
    assert rule.conditions == {"versions": "<2", "yanked": True}
    since = rule.since
    assert officer.post(address(rule), {**given, "kind": "", "vulnerable": "", "contact": "us"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.contact, rule.since) == ("us", since)


def test_who_saves_a_rule_that_hides_for_ever_is_warned(officer: Client) -> None:
    given = {**FORM, "licenses_denied": "mit"}
    assert "nobody asks for what is hidden" in " ".join(messages(officer.post(ADD, given, follow=True)))
    rule = PolicyRule.objects.get()
    assert "nobody asks" not in " ".join(
        messages(officer.post(address(rule), {**given, "effect": "block"}, follow=True))
    )
    assert "nobody asks" in " ".join(messages(officer.post(address(rule), given, follow=True)))


def test_what_makes_no_sense_is_said_at_the_form(officer: Client) -> None:
    assert "is no version specifier" in errors(officer.post(ADD, {**FORM, "versions": "new"}))
    make_rule(None, name="young")
    assert "already" in errors(officer.post(ADD, FORM))
    assert PolicyRule.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("versions", "new", "is no version specifier"),
        ("projects", "acme-[", "acme-["),
        ("sources", "kind:group", "is unknown"),
        ("sources", "nowhere", "No source is called"),
        ("younger_than_days", "9999", "Give a number above 0"),
        ("licenses_denied", "no licence!", "no licence!"),
        ("imports", "a[b", "a[b"),
        ("name", "young", "already"),
        ("kind", "egg", "is none of the choices: Wheels; Source distributions."),
        ("effect", "100%", "Hold until somebody has looked; Block, and say why"),
        ("on_missing", "maybe", "The rule holds; The rule does not hold"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(officer: Client, field: str, value: str, sentence: str) -> None:
    make_rule(None, name="young")
    form = officer.post(ADD, {**FORM, "name": "other", field: value}).context["adminform"].form
    assert set(form.errors) == {field}
    assert sentence in form.errors[field][0]


def test_every_field_says_what_it_is_for(officer: Client) -> None:
    form = officer.get(ADD).context["adminform"].form
    assert [name for name, field in form.fields.items() if not field.help_text] == []


def test_who_administers_an_index_sees_its_rules_and_those_of_all(red: Side, blue: Side, sign_in: SignIn) -> None:
    own, theirs, of_all = (
        make_rule(index, name=name)
        for index, name in ((red.index, "red-rule"), (blue.index, "blue-rule"), (None, "company-rule"))
    )
    browser = sign_in(red.admin)
    shown = browser.get(RULES).content.decode()
    assert ("red-rule" in shown, "company-rule" in shown, "blue-rule" in shown) == (True, True, False)
    assert buttons(browser, own) == {"move", "delete"}
    assert buttons(browser, of_all) == set()
    assert browser.get(address(theirs)).status_code == 302
    form = browser.get(ADD).context["adminform"].form
    assert [str(index) for index in form.fields["index"].queryset] == ["red-index"]
    assert browser.post(ADD, {**FORM, "index": red.index.pk}).status_code == 302
    assert "security officer" in errors(
        browser.post(ADD, {**FORM, "name": "lax", "effect": "allow", "index": red.index.pk})
    )


def test_rules_are_moved_and_removed(officer: Client) -> None:
    first, second = make_rule(None, name="first"), make_rule(None, name="second")
    do(officer, second, "move", position="1")
    assert list(PolicyRule.objects.order_by("position")) == [second, first]
    do(officer, first, "delete")
    assert PolicyRule.objects.get() == second


def test_the_page_of_what_a_rule_does(red: Side, officer: Client) -> None:
    rule = make_rule(None, projects=["red-*"], is_enabled=False)
    page = officer.get(address(rule, "dryrun")).content.decode()
    assert "red-index/red-project" in page
    assert "1 file of 1 project" in page
    assert officer.get("/admin/indexapp/policyrule/999999/dry-run/").status_code == 302


def test_exceptions_are_granted_and_the_glass_is_broken(red: Side, officer: Client, sign_in: SignIn) -> None:
    given = {"project": "red-project", "versions": "", "reason": "needed", "index": red.index.pk}
    assert "until when" in errors(officer.post(EXCEPTIONS, given))
    assert officer.post(EXCEPTIONS, {**given, "expires_at": "2020-01-01 12:00"}).status_code == 200
    assert sign_in(red.admin).post(EXCEPTIONS, {**given, "is_break_glass": "on"}).status_code == 302
    row = PolicyException.objects.get()
    assert (row.is_break_glass, row.index, row.created_by) == (True, red.index, "red-admin")
    assert "glass broken" in officer.get(address(PolicyException, "changelist")).content.decode()
    do(officer, row, "revoke")
    row.refresh_from_db()
    assert (row.is_in_force, row.revoked_by) == (False, "officer")
    assert buttons(officer, row) == set()


def test_the_pages_tell_what_stays_refused_to_who_decides(red: Side, officer: Client, sign_in: SignIn) -> None:
    """Of an exception on all indexes that would tell of rules elsewhere."""
    [release] = red.project.releases.all()
    hold_rule = make_rule(red.index, "hold", name="look first")
    make_rule(None, name="no red", projects=["red-*"])
    hold = PolicyHold.objects.create(
        index=red.index, rule=hold_rule, project=red.project.normalized_name, version=release.version
    )
    told = "&#x27;no red&#x27; of all indexes"
    browser = sign_in(red.admin)
    assert told in browser.get(address(hold)).content.decode()
    exception = make_exception(red.project.normalized_name, rule=hold_rule)
    assert told in browser.get(address(exception)).content.decode()
    everywhere = make_exception(red.project.normalized_name, rule=PolicyRule.objects.get(name="no red"))
    assert "Still refused" in officer.get(address(everywhere)).content.decode()
    shown = browser.get(address(everywhere))
    assert shown.status_code == 200
    assert "Still refused" not in shown.content.decode()


def test_who_is_no_officer_is_offered_exceptions_that_they_may_grant(red: Side, blue: Side, sign_in: SignIn) -> None:
    own, others = make_rule(red.index, name="own"), (make_rule(None, name="of-all"), make_rule(blue.index, name="blue"))
    browser = sign_in(red.admin)
    page = browser.get(EXCEPTIONS)
    form = page.context["adminform"].form
    assert list(form.fields["rule"].queryset) == [own]
    assert "for security officers and administrators" in page.content.decode()
    given = {"project": "red-project", "versions": "", "reason": "needed", "expires_at": "2020-01-01 12:00"}
    assert set(browser.post(EXCEPTIONS, given).context["adminform"].form.errors) == {"rule"}
    for rule in others:
        assert "valid choice" in errors(browser.post(EXCEPTIONS, {**given, "rule": rule.pk}))
    form = browser.post(EXCEPTIONS, {**given, "rule": own.pk}).context["adminform"].form
    assert form.errors == {"expires_at": ["An exception ends in the future, within 366 days."]}
    broken = {**given, "is_break_glass": "on"}
    assert set(browser.post(EXCEPTIONS, broken).context["adminform"].form.errors) == {"index"}
    end = f"{timezone.now() + timedelta(days=1):%Y-%m-%d %H:%M}"
    assert browser.post(EXCEPTIONS, {**given, "rule": own.pk, "expires_at": end}).status_code == 302
    assert (PolicyException.objects.get().rule, PolicyException.objects.get().index) == (own, red.index)


def test_an_officer_is_told_of_no_bounds(red: Side, officer: Client, sign_in: SignIn) -> None:
    assert "for security officers and administrators" not in officer.get(EXCEPTIONS).content.decode()
    page = sign_in(red.admin).get(EXCEPTIONS).content.decode()
    assert "Your indexes have no rules of their own" in page


def test_what_waits_is_approved_or_rejected(red: Side, sign_in: SignIn) -> None:
    hold = make_policy(red.index, "red-project")[2]
    browser = sign_in(red.admin)
    assert buttons(browser, hold) == {"approve", "reject"}
    assert "approved" in messages(do(browser, hold, "approve", reason="read it"))[0]
    hold.refresh_from_db()
    assert (hold.state, hold.decided_by, hold.reason) == (PolicyHold.State.APPROVED, "red-admin", "read it")
    assert buttons(browser, hold) == {"reject"}
