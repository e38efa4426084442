"""What a drill needs of the database is asked for before anything is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import Alarm
from indexapp.services.backups import drilling, scratch, taking
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tpi_site.services.doctor import database
from tpi_site.services.doctor.findings import State

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

GRANT = 'ALTER ROLE "drill-less" CREATEDB.'


def _run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def unable() -> Iterator[bool]:
    """Whether the database's account may make no databases now: as far as there are accounts."""
    is_unable = connection.vendor == "postgresql"
    if is_unable:
        _run('CREATE ROLE "drill-less"')
        for what in ("TABLES", "SEQUENCES"):
            _run(f'GRANT ALL ON ALL {what} IN SCHEMA public TO "drill-less"')
        _run('SET ROLE "drill-less"')
    yield is_unable
    if is_unable:
        _run("RESET ROLE", 'DROP OWNED BY "drill-less"', 'DROP ROLE "drill-less"')


def test_an_account_that_may_make_databases_can_drill() -> None:
    assert scratch.fault() == ""
    assert database.drills().state is State.GOOD


def test_one_that_may_not_is_told_what_to_grant(cast: Cast, tmp_path: Path, unable: bool) -> None:
    if not unable:
        assert database.drills().state is State.GOOD
        return
    verdict = database.drills()
    assert verdict.state is State.WARNING
    assert verdict.sentence.endswith("the account drill-less may make none.")
    assert verdict.advice.endswith(GRANT)

    to = str(tmp_path / "backups")
    made = taking.take(actor=SYSTEM, wish=taking.Wish(to))
    row = drilling.drill(actor=SYSTEM, wish=drilling.Wish(to))

    assert (row.is_good, row.backup_name) == (False, made.row.name)
    assert row.sentence.endswith(GRANT)
    assert Alarm.objects.get(code="drill-failed").sentence == row.sentence
