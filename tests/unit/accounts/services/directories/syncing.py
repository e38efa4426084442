"""Syncing a directory, as the tests of it do."""

from __future__ import annotations

from accounts.models import Directory, DirectorySync, Team
from accounts.services.directories import sync
from tests.factories.people import SYSTEM


def run(directory: Directory, *, accept_removals: bool = False) -> DirectorySync:
    directory.refresh_from_db()
    return sync.run(actor=SYSTEM, directory=directory, accept_removals=accept_removals)


def people_in(team: Team) -> set[str]:
    return set(team.memberships.values_list("user__username", flat=True))
