"""Jobs of the accounts app."""

from __future__ import annotations

from django.core.management import call_command

from accounts.services import attempts, sessions


def clear_sessions() -> None:
    """Remove expired browser sessions and counters of attempts."""
    call_command("clearsessions")
    sessions.purge()
    attempts.purge()
