from __future__ import annotations

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexapp.models import Project
from indexapp.services import releases, search
from tests.builders.wheels import build_wheel
from tests.factories.cast import Cast
from tests.factories.publishing import make_project, published

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def found(text: str) -> list[str]:
    return sorted(search.matching(Project.objects.all(), text).values_list("name", flat=True))


@pytest.fixture(autouse=True)
def _projects(cast: Cast) -> None:
    make_project(cast.index, "acme-tool", summary="Hammers and nails for Django")
    make_project(cast.index, "zope.interface", summary="Interfaces for Python")
    make_project(cast.index, "Bjørn", summary="")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("acme", ["acme-tool"]),
        ("acm", ["acme-tool"]),
        ("ACME Tool", ["acme-tool"]),
        ("acme-tool", ["acme-tool"]),
        ("tool acme", ["acme-tool"]),
        ("hammer", ["acme-tool"]),
        ("django hammers", ["acme-tool"]),
        ("for", ["acme-tool", "zope.interface"]),
        ("interface zope", ["zope.interface"]),
        ("bjørn", ["Bjørn"]),
        ("acme interface", []),
        ("cme", []),
        ("", []),
        ("   ", []),
        ("%", []),
        ("_", []),
    ],
)
def test_all_words_are_in_the_name_or_the_summary_and_may_be_unfinished(text: str, names: list[str]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text", ['"', "'", "acme AND", "NOT acme", "acme*", "NEAR(acme tool)", "a:b", "(", "acme & |", "\x00acme"]
)
def test_no_query_language_shines_through(text: str) -> None:
    assert set(found(text)) <= {"acme-tool", "zope.interface", "Bjørn"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_whatever_is_typed_is_answered(text: str) -> None:
    found(text)


def test_what_is_published_is_found_by_its_newest_summary(cast: Cast) -> None:
    published(cast.index, build_wheel("beta", headers=[("Summary", "spanners")]))
    assert found("spanner") == ["beta"]
    newer = published(cast.index, build_wheel("beta", "2.0", headers=[("Summary", "wrenches")]))
    assert (found("spanner"), found("wrench")) == ([], ["beta"])
    releases.delete(actor=cast.actor("administrator"), release=newer.release)
    assert (found("spanner"), found("wrench")) == (["beta"], [])


def test_the_database_looks_it_up_in_an_index(cast: Cast) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off"
            )  # for three rows it would
    assert "indexapp_search" in search.matching(Project.objects.all(), "acme tool").explain()


def test_searching_narrows_what_one_may_see_and_never_widens_it(cast: Cast) -> None:
    assert list(search.matching(Project.objects.none(), "acme")) == []
    visible = Project.objects.visible_to(cast.actor("outsider"))
    assert list(search.matching(visible, "acme")) == []
