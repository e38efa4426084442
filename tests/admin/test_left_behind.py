"""What an account leaves behind has a page."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.domain.verbs import Verb
from accounts.models import User
from tests.admin.conftest import SignIn
from tests.admin.screens import address
from tests.factories.people import make_team, make_token, make_user

pytestmark = pytest.mark.django_db


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
