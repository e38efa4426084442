from __future__ import annotations

from accounts.domain.instance_roles import InstanceRole, roles_to_mask
from accounts.models import BrowserSession, User
from tests.api.conftest import AsPerson
from tests.api.rest import Rest, refused
from tests.factories.browsers import signed_in
from tests.factories.cast import Cast
from tests.wsgi_client import WsgiClient


def test_an_administrator_signs_somebody_out_everywhere(rest: AsPerson, cast: Cast) -> None:
    browser = signed_in(cast.reader)
    assert rest("administrator").delete("users/reader/sessions/").status == 204
    assert browser.get("/account/profile/").status_code == 302
    assert not BrowserSession.objects.exists()


def test_others_do_not_and_learn_no_names(rest: AsPerson, cast: Cast) -> None:
    signed_in(cast.reader)
    for name in ("reader", "nobody-of-this-name"):
        refused(rest("team_admin").delete(f"users/{name}/sessions/"), 403, "right-missing")
    assert BrowserSession.objects.exists()


def test_a_name_that_is_not_there_is_told_to_administrators(rest: AsPerson, cast: Cast) -> None:
    refused(rest("administrator").delete("users/nobody/sessions/"), 404, "user-unknown")


def test_ones_own_password_does_and_ones_token_does_not(machine: WsgiClient, rest: AsPerson, cast: Cast) -> None:
    signed_in(cast.reader)
    refused(rest("reader").delete("users/reader/sessions/"), 403, "right-missing")
    assert Rest(machine.signed(cast.basic("reader"))).delete("users/reader/sessions/").status == 204
    assert not BrowserSession.objects.exists()


def test_a_security_officer_does_with_a_password(machine: WsgiClient, cast: Cast) -> None:
    officer = roles_to_mask([InstanceRole.SECURITY_OFFICER])
    User.objects.filter(pk=cast.outsider.pk).update(instance_roles=officer)
    signed_in(cast.reader)
    assert Rest(machine.signed(cast.basic("outsider"))).delete("users/reader/sessions/").status == 204
    assert not BrowserSession.objects.exists()
