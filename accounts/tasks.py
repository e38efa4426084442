"""Jobs of the accounts app."""

from __future__ import annotations

from django.core.management import call_command

from accounts.services import token_upkeep


def clear_sessions() -> None:
    """Remove expired browser sessions."""
    call_command("clearsessions")


def purge_tokens() -> None:
    """Forget short-lived tokens that ended more than a day ago."""
    token_upkeep.purge_short_lived()
