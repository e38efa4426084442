"""Acts that a session left open must not do: before them the person shows again that it is them.

The app that knows how people sign in registers what to answer; the kit only asks at the right places.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

Check = Callable[[HttpRequest], HttpResponse | None]
"""None where the person has proved themselves a short while ago, else the answer that leads them there and back."""

_checks: list[Check] = []


def register(check: Check) -> None:
    """Let ``check`` decide; a second registration of the same changes nothing."""
    if check not in _checks:
        _checks.append(check)


def interruption(request: HttpRequest) -> HttpResponse | None:
    """What comes before a dangerous act; None where it may go on."""
    return next((answer for answer in (check(request) for check in _checks) if answer is not None), None)
