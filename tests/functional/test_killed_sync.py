"""A sync's process is killed wherever it may be; the next one ends where one that nobody disturbed does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers import inside
from tests.servers.data_folder import DataFolder
from tests.servers.directory_values import slapd_values

if TYPE_CHECKING:
    from tests.servers.slapd import Slapd

pytestmark = [pytest.mark.functional, pytest.mark.xdist_group("killed sync")]
_PEOPLE = 2000
_RESULTS = {
    "people": "SELECT username, email, is_active, ended_by, directory_dn, instance_roles FROM accounts_user",
    "places": (
        "SELECT u.username, t.name, m.role FROM accounts_membership m"
        " JOIN accounts_user u ON u.id = m.user_id JOIN accounts_team t ON t.id = m.team_id"
    ),
    "tokens": (
        "SELECT u.username, t.revoked_at IS NULL FROM accounts_token t JOIN accounts_user u ON u.id = t.user_id"
    ),
    "left over": "SELECT count(*) FROM accounts_syncedmember",
}


def _result(folder: DataFolder) -> dict[str, list[tuple[Any, ...]]]:
    """All that a sync is for."""
    return {name: sorted(folder.ask(statement)) for name, statement in _RESULTS.items()}


def _kill_when(folder: DataFolder, condition: str) -> None:
    running = f"SELECT 1 FROM accounts_directorysync s WHERE s.state = 'running' AND {condition}"
    folder.killed_when(running, inside.sync_directories)
    assert folder.ask("SELECT count(*) FROM accounts_directorysync WHERE state = 'running'") == [(1,)]


@pytest.fixture
def installation(slapd: Slapd, tmp_path: Path) -> DataFolder:
    """One with a directory of some thousand people, of whom nobody has been here yet."""
    crowd = slapd.load(people=_PEOPLE, groups=8)
    values = slapd_values(slapd, page_size="50", removal_limit="50")
    (tmp_path / "ca.pem").write_text(values.pop("ca_certificates"))
    settings = {f"TPI_LDAP_CORP_{name.upper()}": value for name, value in values.items()}
    settings |= {"TPI_LDAP": "corp", "TPI_LDAP_CORP_CA_FILE": str(tmp_path / "ca.pem")}
    made = DataFolder.prepared(tmp_path / "calm", settings)
    groups = {slapd.group_dn(name): f"team-{name}" for name in crowd.members()}
    made.inside(inside.map_groups, directory="corp", groups=groups)
    return made


def test_a_killed_sync_is_completed_by_the_next_with_the_same_result(
    slapd: Slapd, installation: DataFolder, tmp_path: Path
) -> None:
    calm, killed = installation, installation.copy(tmp_path / "killed")
    for condition in (
        "EXISTS (SELECT 1 FROM accounts_syncedmember m WHERE m.sync_id = s.id)",  # groups are being read
        "s.found >= 50",
        f"s.found >= {_PEOPLE // 2}",
        f"s.found >= {_PEOPLE}",
    ):
        _kill_when(killed, condition)
    for one in (calm, killed):
        one.inside(inside.sync_directories)
    assert _result(killed) == _result(calm)
    assert len(_result(killed)["people"]) >= _PEOPLE
    assert killed.ask("SELECT count(*), min(state) FROM accounts_directorysync") == [(1, "done")]

    names = [f"p{number:05}" for number in range(0, _PEOPLE, 5)]
    for one in (calm, killed):
        one.inside(inside.issue_to, users=names[:300])
    for name in names[:300]:
        slapd.delete(slapd.person_dn(name))
    slapd.set_members("g003", ["cn=g002", *names[310:330]])
    for condition in (f"s.found >= {_PEOPLE // 2}", "s.removed >= 1", "s.removed >= 100"):
        _kill_when(killed, condition)
    for one in (calm, killed):
        one.inside(inside.sync_directories)
    assert _result(killed) == _result(calm)
    assert killed.ask("SELECT count(*) FROM accounts_user WHERE NOT is_active") == [(300,)]
    assert killed.ask("SELECT count(*) FROM accounts_token WHERE revoked_at IS NOT NULL") == [(300,)]
    ends = "SELECT count(*), count(DISTINCT object_name) FROM accounts_auditentry WHERE action = 'user.end'"
    assert killed.ask(ends) == calm.ask(ends) == [(300, 300)], "nobody is ended twice, and each end is evidence"
