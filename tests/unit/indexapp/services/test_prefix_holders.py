"""Which teams there are is not found out by keeping prefixes for them."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry, Team
from accounts.services import unseen_names
from indexapp.models import Index, ReservedPrefix
from indexapp.services import prefix_holders
from tests.evidence import refused
from tests.factories.cast import Cast
from tests.factories.people import make_team, make_user
from tpi_site.kit.errors import Refusal

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def rivals(cast: Cast) -> Team:
    """A team that nobody of the cast is in."""
    return make_team("rivals", make_user("rival"))


def told(cast: Cast, team: str, prefix: str, role: str = "team_admin", index: Index | None = None) -> str:
    with pytest.raises(Refusal) as refusal:
        prefix_holders.named(actor=cast.actor(role), team=team, prefix=prefix, index=index or cast.index)
    return refusal.value.code


def test_a_name_that_fails_gets_one_answer_and_is_written_down_and_counted(
    cast: Cast, rivals: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseen_names, "MOST", 2)
    actor = cast.actor("team_admin")
    assert prefix_holders.named(actor=actor, team="rivals", prefix="acme", index=cast.index) == rivals
    assert [told(cast, name, "acme") for name in ("nobody", "Rivals")] == ["holder-unknown"] * 2
    assert [told(cast, name, "acme") for name in ("nobody", "rivals")] == ["names-throttled"] * 2
    entries = AuditEntry.objects.filter(action="prefix.reserve", outcome="refused")
    assert [(one.actor_name, one.object_name) for one in entries] == [("team_admin", "main")] * 2
    assert prefix_holders.named(actor=actor, team="tools", prefix="acme", index=cast.index) == cast.team


@pytest.mark.parametrize(
    ("prefix", "code"),
    [("no good", "name-invalid"), ("here", "prefix-reserved"), ("corp-x", "prefix-taken-everywhere")],
)
def test_a_prefix_that_fails_tells_nothing_of_the_team(cast: Cast, rivals: Team, prefix: str, code: str) -> None:
    ReservedPrefix.objects.create(prefix="here", team=cast.team, index=cast.index)
    ReservedPrefix.objects.create(prefix="corp", team=make_team("owners"))
    assert [told(cast, name, prefix) for name in (rivals.name, "nobody")] == [code] * 2


def test_who_does_not_administer_the_place_is_told_nothing(cast: Cast, rivals: Team) -> None:
    assert {told(cast, name, "acme", "maintainer") for name in (rivals.name, "nobody")} == {"right-missing"}
    with refused("administrator-needed"):
        prefix_holders.named(actor=cast.actor("team_admin"), team="rivals", prefix="acme", index=None)


def test_an_administrator_is_told_what_there_is_not(cast: Cast) -> None:
    assert told(cast, "nobody", "acme", "administrator") == "team-unknown"
    assert not AuditEntry.objects.filter(outcome="refused").exists()
