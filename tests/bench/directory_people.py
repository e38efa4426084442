"""Run inside a prepared installation with the directory 'corp': groups of it that may read, and tokens for reading."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django


def people(group: str, tokens: int) -> dict[str, list[str]]:
    """Let the group's members read the default index; as many tokens of the bench's user as asked for."""
    from accounts.domain.actors import internal
    from accounts.domain.verbs import Verb
    from accounts.models import User
    from accounts.services import tokens as token_services

    _map(group, "readers")
    actor, owner = internal("bench"), User.objects.get(username="robot")
    made = [
        token_services.issue(actor=actor, owner=owner, name=f"job {number}", verbs=[Verb.READ])[1]
        for number in range(tokens)
    ]
    return {"tokens": made}


def map_groups(groups: list[str]) -> int:
    """A team for each group; how many."""
    for number, group in enumerate(groups):
        _map(group, f"group-{number}")
    return len(groups)


def _map(group: str, team: str) -> None:
    from accounts.domain.actors import internal
    from accounts.domain.verbs import Verb
    from accounts.models import Directory
    from accounts.services import teams
    from accounts.services.directories import settings
    from indexapp.models import Index
    from indexapp.services import roles

    actor = internal("bench")
    row = teams.create(actor=actor, name=team)
    roles.grant(actor=actor, index=Index.objects.get(is_default=True), holder=row, verbs=[Verb.READ])
    settings.map_group(actor=actor, directory=Directory.objects.get(name="corp"), group_dn=group, team=row)


def main() -> None:
    """Run the function that the command line names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    works: dict[str, Any] = {"people": people, "map_groups": map_groups}
    sys.stdout.write(json.dumps(works[sys.argv[1]](**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
