"""What was changed here while an upstream was being asked, and must not be undone by its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from indexapp.models import Index, MirroredProject, Project, Upstream
from indexapp.services import projects
from indexapp.services.mirrors import asking, settings
from tests.factories.cast import Cast
from tests.factories.people import SYSTEM
from tests.servers.static_index import Behaviour, StaticIndex

pytestmark = pytest.mark.database
NAME = "acme-tool"


@pytest.fixture
def row(mirror: Index) -> MirroredProject:
    """As it stands after the first question, and as who asks next has read it."""
    row = MirroredProject.objects.create(index=mirror, normalized_name=NAME)
    asking.ask_now(mirror.pk, NAME, row)
    return MirroredProject.objects.get()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something done between the upstream's next answer and when it is recorded, once."""

    def arrange(act: Callable[[], object]) -> None:
        fetch, left = asking.fetch_page, [act]

        def fetched(*arguments: Any, **more: Any) -> Any:
            answer = fetch(*arguments, **more)
            if left:
                left.pop()()
            return answer

        monkeypatch.setattr(asking, "fetch_page", fetched)

    return arrange


def test_a_late_not_modified_undoes_no_quarantine(
    mirror: Index, row: MirroredProject, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    meanwhile(
        lambda: projects.set_status(actor=SYSTEM, project=Project.objects.get(), status="quarantined", reason="x")
    )
    asking.ask_now(mirror.pk, NAME, row)
    row.refresh_from_db()
    assert (row.is_held, Project.objects.get().status) == (True, "quarantined")


@pytest.mark.parametrize("has_etags", [True, False])
def test_settings_that_changed_hold_for_the_answer(
    upstream: StaticIndex,
    mirror: Index,
    row: MirroredProject,
    cast: Cast,
    meanwhile: Callable[[Callable[[], object]], None],
    has_etags: bool,
) -> None:
    upstream.mark(NAME, "quarantined", "malware")
    upstream.behaviour = Behaviour(has_etags=has_etags)
    Upstream.objects.update(on_quarantine="keep")
    actor = cast.actor("administrator")
    meanwhile(lambda: settings.change(actor=actor, index=mirror, on_quarantine="hide"))
    asking.ask_now(mirror.pk, NAME, row)
    assert Project.objects.get().status == "quarantined"


def test_a_project_that_is_not_there_is_asked_for_again_where_the_address_changed(
    upstream: StaticIndex,
    mirror: Index,
    row: MirroredProject,
    cast: Cast,
    meanwhile: Callable[[Callable[[], object]], None],
) -> None:
    with StaticIndex() as empty:
        Upstream.objects.update(url=empty.url)
        actor = cast.actor("administrator")
        meanwhile(lambda: settings.change(actor=actor, index=mirror, url=upstream.url, force=True))
        asking.ask_now(mirror.pk, NAME, row)
    row.refresh_from_db()
    assert (row.is_gone, bool(row.etag)) == (False, True)


def test_a_late_failure_takes_nothing_from_who_had_an_answer(
    upstream: StaticIndex,
    mirror: Index,
    row: MirroredProject,
) -> None:
    late = MirroredProject.objects.get()
    asking.ask_now(mirror.pk, NAME, row)
    upstream.behaviour = Behaviour(status=500)
    asking.ask_now(mirror.pk, NAME, late)
    assert MirroredProject.objects.get().failure == ""
