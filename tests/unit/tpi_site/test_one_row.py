"""One row by one statement: the same answers and the same errors, counted or not."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Generation, User
from tpi_site.kit.one_row import one_row

pytestmark = [pytest.mark.django_db, pytest.mark.database]

_SQL = "SELECT username, is_active, date_joined FROM accounts_user WHERE username = %s"


def test_the_row_is_the_same_whether_statements_are_counted_or_not() -> None:
    """Both ways give Python's values: a boolean and a moment, not what the database keeps."""
    User.objects.create(username="alice", date_joined=timezone.now())
    plain = one_row(_SQL, ["alice"])
    with CaptureQueriesContext(connection) as counted:
        by_cursor = one_row(_SQL, ["alice"])
    assert plain == by_cursor
    assert plain is not None
    assert plain[:2] == ("alice", True)
    assert isinstance(plain[2], datetime)
    assert len(counted) == 1


def test_no_row_is_none() -> None:
    """Nothing was found."""
    assert one_row(_SQL, ["nobody"]) is None


def test_a_statement_that_fails_raises_djangos_error() -> None:
    """Whoever catches the framework's errors need not know the driver's."""
    with pytest.raises(DatabaseError):
        one_row("SELECT nothing FROM nowhere WHERE a = %s", ["x"])


def test_a_row_of_many_holds_no_statement_open() -> None:
    """A statement that is not at its end would keep its table from being changed."""
    User.objects.create(username="alice")
    User.objects.create(username="bob")
    one_row("SELECT username FROM accounts_user WHERE username <> %s", ["x"])
    Generation.objects.filter(name="access").update(value=1)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE tpi_trial (a INTEGER)")
        cursor.execute("DROP TABLE tpi_trial")
