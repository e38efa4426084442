"""Run inside a prepared installation: make the bench's user, through the product's services, and print their token.

The user is no administrator: what they may do comes from a team, as in real life.
"""

from __future__ import annotations

import os
import sys

import django


def main() -> int:
    """Print the token."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tpi_site.settings.base")
    django.setup()
    from accounts.domain.actors import internal
    from accounts.domain.verbs import Verb
    from accounts.services import teams, tokens, users
    from indexapp.models import Index
    from indexapp.services import roles

    actor = internal("bench")
    user = users.create(actor=actor, username="robot", email="robot@tpi.example")
    team = teams.create(actor=actor, name="publishers")
    teams.set_member(actor=actor, team=team, user=user, role="member")
    verbs = [Verb.READ, Verb.UPLOAD]
    roles.grant(actor=actor, index=Index.objects.get(is_default=True), holder=team, verbs=verbs)
    _, text = tokens.issue(actor=actor, owner=user, name="bench", verbs=verbs)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
