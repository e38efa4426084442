"""What ends with the use of an account, whoever ends it: its sessions, its tokens, what is remembered of its password."""

from __future__ import annotations

from accounts.models import Membership, Token, User
from accounts.models.placing import teams_under
from accounts.services import sessions, token_lineage, verified_passwords


def end_credentials(user: User) -> list[str]:
    """End all of them at once, with the tokens that were made with this account's, for whomever; gives the tokens' key ids.

    A part of a service that writes why.  It waits for whoever makes a token with one of these, so call it (or
    :func:`accounts.services.token_lineage.hold`) before the account's row is locked.
    """
    token_lineage.hold()
    ended = []
    for token in Token.objects.filter(user=user, revoked_at=None):
        ended += token_lineage.end_line(token, with_successors=True)
    sessions.close(user)
    verified_passwords.forget(user)
    return ended


def end_lent_tokens(user: User) -> list[str]:
    """End the tokens that the person's tokens made for service accounts which they look after no more; gives their key ids.

    Who leaves a team knows their texts.  Call it after the place was taken, and the lock as :func:`end_credentials` says.
    """
    token_lineage.hold()
    if user.is_superuser:
        return []
    kept = teams_under(user.pk, Membership.Place.MAINTAINER, Membership.Place.ADMIN)
    lent = Token.objects.filter(parent__user=user, user__kind=User.Kind.SERVICE, revoked_at=None)
    lost = lent.exclude(user__service_team__in=kept.values("pk"))
    return [key_id for token in lost for key_id in token_lineage.end_line(token, with_successors=True)]
