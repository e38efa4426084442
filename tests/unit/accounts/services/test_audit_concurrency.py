"""Writers and linkers at the same time, with real commits."""

from __future__ import annotations

import pytest
from django.db import transaction

from accounts.models import AuditEntry, AuditLink, AuditPending
from accounts.services import audit_chain, audit_keys, audit_verification
from tests.factories.audit import entries
from tests.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True, reset_sequences=True)]

WRITERS, ROUNDS = 6, 10


def _write() -> None:
    for number in range(ROUNDS):
        try:
            with transaction.atomic():
                entries(2)
                if number % 3 == 0:
                    raise LookupError
        except LookupError:
            continue


def _link() -> None:
    for _ in range(ROUNDS):
        audit_chain.link_all()


def test_every_committed_entry_gets_one_place_and_the_chain_is_whole() -> None:
    together([*[_write] * WRITERS, _link, _link])
    audit_chain.link_all()
    count = AuditEntry.objects.count()
    assert count == WRITERS * 2 * len([number for number in range(ROUNDS) if number % 3])
    assert list(AuditLink.objects.order_by("position").values_list("position", flat=True)) == list(range(1, count + 1))
    assert not AuditPending.objects.exists()
    assert audit_verification.verify([audit_keys.public_key()]).faults == []
