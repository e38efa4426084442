from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_the_migrations_are_those_of_the_models() -> None:
    said = StringIO()
    call_command("makemigrations", "accounts", "indexapp", "webhooks", check=True, dry_run=True, stdout=said)
    assert "No changes detected" in said.getvalue()
