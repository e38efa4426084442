"""What the REST API tells and does about keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django_q.models import OrmQ

from accounts import tasks
from tests.api.conftest import AsPerson
from tests.api.rest import refused
from tests.factories.publishing import make_index, published
from tpi_site.kit import key_ring

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def ring(settings: Any, tmp_path: Path) -> None:
    settings.TPI_KEYRING = f"file:{tmp_path / 'keyring.json'}"


def test_a_key_is_rotated_and_the_old_one_removed(rest: AsPerson, django_capture_on_commit_callbacks: Any) -> None:
    published(make_index("sealed"))
    old = key_ring.key_ring().current
    root = rest("administrator")
    with django_capture_on_commit_callbacks(execute=True):
        answer = root.post("encryption/rotate/", {})
    assert answer.status == 202
    assert answer.json["job"].startswith("rotate keys ")
    assert root.get("encryption/").json["waiting"] == root.get("encryption/").json["keys"][0]["wraps"]["blobs"] > 0
    refused(root.post("encryption/remove-key/", {"key": old}), 409, "key-in-use")
    tasks.rewrap_keys(*OrmQ.objects.get().task["args"])
    found = root.post("encryption/remove-key/", {"key": old}).json
    assert [key["id"] for key in found["keys"]] == [key_ring.key_ring().current] != [old]
    assert (found["waiting"], found["source_fault"], found["coverage"]) == (0, "", 100.0)
    refused(root.post("encryption/remove-key/", {"key": old}), 404, "key-unknown")


def test_auditors_read_and_touch_nothing(rest: AsPerson) -> None:
    old = key_ring.key_ring().current
    auditor = rest("auditor")
    assert auditor.get("encryption/export/?format=json").json == auditor.get("encryption/").json
    refused(auditor.post("encryption/rotate/", {}), 403)
    refused(auditor.post("encryption/remove-key/", {"key": old}), 403)
    refused(auditor.get("encryption/export/?format=xml"), 400, "format-unknown")
    assert key_ring.key_ring().current == old
