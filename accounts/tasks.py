"""Jobs of the accounts app."""

from __future__ import annotations

from django.core.management import call_command


def clear_sessions() -> None:
    """Remove expired browser sessions."""
    call_command("clearsessions")
