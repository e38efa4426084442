"""Run inside a prepared installation: ``seed`` many people, teams and grants in bulk, or ``ask`` what some of them may.

Whoever is asked about holds as much in a small installation as in a large one, so the difference is what others hold:
every person is in two teams of chains three deep and has five grants, every team a hundred.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from statistics import median
from typing import Any

import django

INDEXES, PROJECTS = 100, 20
"""Indexes, and projects in each."""
OWN, OF_TEAM, LEVELS = 5, 100, 3
_BATCH = 10_000
_ASKED = 20
"""People who are asked about in turn; what is needed of them stays in SQLite's page cache of 2 MB, so pages are not
fetched anew for each (with 40 it does not, and the page's check takes up to 1.8 times as long, 40 microseconds more)."""


def grants(people: int, teams: int) -> int:
    """How many there will be."""
    return people * OWN + teams * OF_TEAM


def seed(people: int, teams: int) -> None:
    """Write the rows."""
    from accounts.models import Membership, Team, TeamNesting, User
    from indexapp.models import Index, Project, Role

    chance = random.Random(1)
    _bulk(Index, (Index(name=f"index-{number:03d}") for number in range(INDEXES)))
    indexes = list(Index.objects.filter(name__startswith="index-").values_list("pk", flat=True))
    _bulk(
        Project,
        (
            Project(index_id=index, name=name, normalized_name=name, confusable_key=name)
            for index in indexes
            for name in (f"project-{number:03d}" for number in range(PROJECTS))
        ),
    )
    _bulk(User, (User(username=f"person-{number:06d}", password="!") for number in range(people)))
    users = list(User.objects.filter(username__startswith="person-").order_by("pk").values_list("pk", flat=True))
    _bulk(Team, (Team(name=f"team-{number:05d}") for number in range(teams)))
    groups = list(Team.objects.filter(name__startswith="team-").order_by("pk").values_list("pk", flat=True))
    _bulk(
        TeamNesting,
        (
            TeamNesting(ancestor_id=groups[place - up], descendant_id=groups[place], distance=up)
            for place in range(teams)
            for up in range(1, place % LEVELS + 1)
        ),
    )
    _bulk(
        Membership,
        (Membership(user_id=user, team_id=team) for user in users for team in chance.sample(groups, 2)),
    )
    places = list(Project.objects.filter(index__in=indexes).values_list("index_id", "pk"))
    _bulk(
        Role,
        (
            Role(index_id=index, project_id=project, verbs=1, **{holder: pk})
            for holder, pks, number in (("user_id", users, OWN), ("team_id", groups, OF_TEAM))
            for pk in pks
            for index, project in chance.sample(places, number)
        ),
    )


def _bulk(model: Any, rows: Iterable[Any]) -> None:
    source: Iterator[Any] = iter(rows)
    while batch := list(islice(source, _BATCH)):
        model.objects.bulk_create(batch)


def ask(rounds: int) -> dict[str, dict[str, float]]:
    """Queries and median processor seconds of the check of one project's page, and of the first page of a list of projects."""
    from accounts.domain.actors import Actor, Method
    from accounts.models import User
    from indexapp import permissions
    from indexapp.models import Project, Role

    chance = random.Random(2)
    names = [f"person-{number:06d}" for number in chance.sample(range(User.objects.count() // 2), _ASKED)]
    actors = [
        Actor(pk, name, method=Method.SESSION)
        for pk, name in User.objects.filter(username__in=names).values_list("pk", "username")
    ]
    held = {actor: Role.objects.held_by(actor).select_related("index", "project").order_by("pk")[7] for actor in actors}

    def check(actor: Actor) -> None:
        role = held[actor]
        assert permissions.verbs_on(actor, role.index, role.project)

    def listing(actor: Actor) -> None:
        rows = Project.objects.visible_to(actor).filter(index=held[actor].index).order_by("normalized_name")[:50]
        assert list(rows.values_list("pk", flat=True))

    return {"page": _measured(check, actors, rounds), "list": _measured(listing, actors, rounds)}


def _measured(deed: Callable[[Any], None], actors: list[Any], rounds: int) -> dict[str, float]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for actor in actors:
        deed(actor)
    with CaptureQueriesContext(connection) as queries:
        deed(actors[0])
    times = []
    for _ in range(rounds):
        began = time.process_time()  # not the clock: others use the machine too
        for actor in actors:
            deed(actor)
        times.append((time.process_time() - began) / len(actors))
    return {"queries": len(queries), "seconds": median(times)}


def plans() -> str:
    """How the database goes about the check of one project's page."""
    from accounts.domain.actors import Actor, Method
    from accounts.models import User
    from indexapp.models import Role

    pk = User.objects.filter(username__startswith="person-").order_by("pk").values_list("pk", flat=True)[10]
    rows = Role.objects.held_by(Actor(pk, method=Method.SESSION), index_id=5)
    return rows.order_by().values_list("verbs", flat=True).explain()


def main() -> int:
    """``seed PEOPLE TEAMS``, ``ask ROUNDS`` or ``plans``."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    command, *numbers = sys.argv[1:]
    if command == "seed":
        seed(*map(int, numbers))
    elif command == "ask":
        sys.stdout.write(json.dumps(ask(*map(int, numbers))))
    else:
        sys.stdout.write(plans())
    return 0


if __name__ == "__main__":
    sys.exit(main())
