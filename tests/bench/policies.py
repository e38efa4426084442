"""Rules in bulk, written by the product's own service: ``python -m tests.bench.policies <number>``."""

from __future__ import annotations

import os
import sys
from typing import Any


def conditions(number: int) -> dict[str, Any]:
    """Half of the rules name other projects; the others are about every project, and nearly all match nothing."""
    kinds: list[dict[str, Any]] = [
        {"projects": [f"blocked-{number}", f"also-{number}-*"]},
        {"versions": f"<0.{number}"},
        {"projects": [f"*-internal-{number}"], "younger_than_days": 7},
        {"larger_than": 10**7 + number, "kind": "sdist"},
    ]
    return kinds[number % len(kinds)]


def main(number: int) -> None:
    """Write the rules, of which every other one hides; the last one is a cool-down that warns."""
    import django

    django.setup()
    from accounts.domain.actors import internal
    from accounts.services import generations
    from indexapp.models import PolicyRule
    from indexapp.services.policies import rules

    actor = internal("bench")
    rows = [
        PolicyRule(
            position=place,
            name=f"rule {place}",
            effect="hide" if place % 2 else "block",
            conditions=conditions(place),
            on_missing="match",
            created_by="bench",
        )
        for place in range(number - 1)
    ]
    PolicyRule.objects.bulk_create(rows)
    generations.bump_policy()
    rules.create(actor=actor, index=None, name="cool", effect="warn", conditions={"younger_than_days": 3})


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    main(int(sys.argv[1]))
