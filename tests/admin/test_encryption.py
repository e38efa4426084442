"""How the installation is encrypted, as a page, and what administrators do there."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ

from accounts import tasks
from accounts.domain.instance_roles import InstanceRole
from accounts.models import AuditEntry, KeyEvent, User
from accounts.services.keys import sealed_columns
from tests.admin.conftest import SignIn
from tests.admin.screens import address, messages
from tests.factories.browsers import grow_stale
from tests.factories.people import make_user
from tests.factories.publishing import make_index, published
from tpi_site.kit import key_ring

pytestmark = pytest.mark.django_db

ROTATE, REMOVE = "admin:accounts_keyevent_rotate", "admin:accounts_keyevent_removekey"
Capture = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(autouse=True)
def ring(settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    settings.TPI_KEYRING = f"file:{path}"
    return path


def key_ids() -> set[str]:
    return {key_id for column in sealed_columns.columns() for key_id in column.by_key()}


def page(browser: Client) -> str:
    return str(browser.get(address(KeyEvent, "changelist")).content.decode())


def test_keys_are_rotated_and_removed_by_hand(
    root: Client, django_capture_on_commit_callbacks: Capture, administrator: User
) -> None:
    published(make_index("sealed"))
    old = key_ring.key_ring().current
    assert "No key was added" in page(root)
    assert "A new key becomes current" in root.get(reverse(ROTATE)).content.decode()
    assert key_ring.key_ring().current == old
    with django_capture_on_commit_callbacks(execute=True):
        answer = root.post(reverse(ROTATE), {"confirmed": "yes"}, follow=True)
    assert messages(answer)[0].startswith("The job 'rotate keys ")
    new = key_ring.key_ring().current
    assert new != old
    assert "texts</span> are wrapped with other keys" in page(root)
    assert "No key can be removed" in root.get(reverse(REMOVE)).content.decode()
    job = OrmQ.objects.get().task
    assert (job["func"], job["args"]) == ("accounts.tasks.rewrap_keys", (administrator.pk,))
    tasks.rewrap_keys(*job["args"])
    assert key_ids() == {new}
    assert AuditEntry.objects.get(action="keys.rewrap").actor_name == "root"
    answer = root.post(reverse(REMOVE), {"confirmed": "yes", "key": old}, follow=True)
    assert messages(answer) == [f"The key '{old}' is removed."]
    assert set(key_ring.key_ring().keys) == {new}
    assert [word in page(root) for word in ("keys.add", "keys.rewrap", "keys.remove")] == [True] * 3


def test_an_unfinished_rotation_is_finished_without_another_key(root: Client) -> None:
    published(make_index("sealed"))
    root.post(reverse(ROTATE), {"confirmed": "yes"})
    new = key_ring.key_ring().current
    root.post(reverse(ROTATE), {"confirmed": "yes"})
    assert key_ring.key_ring().current == new


def test_who_lost_the_right_meanwhile_rotates_nothing(root: Client, administrator: User) -> None:
    published(make_index("sealed"))
    old = key_ring.key_ring().current
    root.post(reverse(ROTATE), {"confirmed": "yes"})
    User.objects.filter(pk=administrator.pk).update(is_superuser=False)
    assert "administrator" in tasks.rewrap_keys(administrator.pk)
    assert key_ids() == {old}


def test_what_is_refused_is_said(root: Client, settings: Any, ring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RING", key_ring.as_json(key_ring.key_ring()))
    settings.TPI_KEYRING = "env:RING"
    answer = root.post(reverse(ROTATE), {"confirmed": "yes"}).content.decode()
    assert "The key ring is in a variable" in answer
    ring.write_text("broken")
    settings.TPI_KEYRING = f"file:{ring}"
    key_ring.forget()
    assert "The key ring is not JSON" in page(root)


def test_auditors_read_and_export_and_others_see_nothing(sign_in: SignIn, operator: Client) -> None:
    person = make_user("auditor")
    User.objects.filter(pk=person.pk).update(instance_roles=InstanceRole.AUDITOR.bit)
    auditor = sign_in(User.objects.get(pk=person.pk))
    published(make_index("sealed"))
    call_command("rotate_keys")
    told = page(auditor)
    assert key_ring.key_ring().current in told
    assert "AES-256-GCM" in told
    assert "/rotate/" not in told
    file = auditor.get(reverse("api:encryption-export"), {"format": "csv"})
    assert file.headers["Content-Disposition"] == 'attachment; filename="encryption.csv"'
    rows = list(csv.reader(io.StringIO(file.content.decode())))
    assert ["coverage", "per cent of contents sealed", "100.0"] in rows
    assert [f"key {key_ring.key_ring().current}", "state", "current"] in rows
    keys = auditor.get(reverse("api:encryption-export"), {"format": "json"}).json()["keys"]
    assert [key["is_current"] for key in keys] == [False, True]
    assert auditor.get(reverse("api:encryption-export"), {"format": "xml"}).status_code == 400
    assert operator.get(address(KeyEvent, "changelist")).status_code in (302, 403)


def test_a_session_left_open_rotates_nothing(root: Client) -> None:
    old = key_ring.key_ring().current
    grow_stale()
    answer = root.post(reverse(ROTATE), {"confirmed": "yes"})
    assert answer.status_code == 302
    assert "/confirm/" in answer.headers["Location"]
    assert key_ring.key_ring().current == old
