"""How long tokens live."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from accounts.models.tokens import SHORT_LIFE, longest_life
from tpi_site.kit.errors import Invalid

USUAL_LIFE = timedelta(days=90)
"""What a token gets whose maker names no end."""
SOON = timedelta(days=14)
"""Before its end people are told."""
_SHORTEST = timedelta(minutes=1)


def usual_end(kind: str, ceiling: datetime | None = None) -> datetime | None:
    """The end of a token whose maker names none: the usual one, or the policy's or ``ceiling`` where that comes first.

    Where policy sets no limit there is no end but ``ceiling``.
    """
    life = longest_life(kind)
    if life is None:
        return ceiling
    end = timezone.now() + min(life, USUAL_LIFE)
    return end if ceiling is None else min(end, ceiling)


def wished_end(kind: str, wish: datetime) -> datetime:
    """The end that was wished for, or the last that policy allows; refuses one in the past.

    Who asks for more gets what there is, and is told it with the token: scripts that were written elsewhere go on.
    """
    now, life = timezone.now(), longest_life(kind)
    if wish <= now:
        raise Invalid("The expiry lies in the past; choose a later time.", code="token-expiry")
    return wish if life is None else min(wish, now + life)


def short_end(lifetime: timedelta) -> datetime:
    """The end of a short-lived token."""
    if not _SHORTEST <= lifetime <= SHORT_LIFE:
        raise Invalid("A short-lived token lives from one minute to one hour.", code="token-lifetime")
    return timezone.now() + lifetime


def successors_end(
    kind: str, begun: datetime, ended: datetime | None, ceiling: datetime | None = None
) -> datetime | None:
    """The end of a token that takes the place of one with this life: as long again, within policy and ``ceiling``."""
    if ended is None:
        return usual_end(kind, ceiling)
    life = ended - begun
    longest = longest_life(kind)
    end = timezone.now() + (life if longest is None else min(life, longest))
    return end if ceiling is None else min(end, ceiling)


__all__ = ["SOON", "USUAL_LIFE", "short_end", "successors_end", "usual_end", "wished_end"]
