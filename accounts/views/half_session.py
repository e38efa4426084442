"""Between the password and the second factor: a few minutes in which a browser may do the next step and nothing else.

Django knows nobody in it.  What is remembered stands in the session on the server, under a key that the browser got when
the password was right.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest
from django.middleware.csrf import rotate_token
from django.utils.crypto import constant_time_compare

from accounts.models import User
from accounts.services import second_factors

Step = Literal["code", "enrol"]
_NAME = "half_session"
_SECONDS = 300


@dataclass(frozen=True)
class HalfSession:
    """Whose password was right, and where they go on afterwards."""

    user: User
    target: str


def begin(request: HttpRequest, user: User, step: Step, target: str) -> None:
    """Remember in a session with a new key that the password was right; what was in the old one is gone."""
    request.session.flush()
    request.session[_NAME] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "step": step,
        "since": int(time.time()),
        "next": target,
    }
    rotate_token(request)


def find(request: HttpRequest, step: Step) -> HalfSession | None:
    """The half session that waits for ``step``; None when there is none, it is too old, or the password has changed."""
    known = request.session.get(_NAME)
    if not isinstance(known, dict) or known["step"] != step or time.time() - known["since"] > _SECONDS:
        return None
    user = User.objects.filter(pk=known["user"], is_active=True, kind=User.Kind.PERSON).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), known["password"]):
        return None
    if second_factors.has_one(user) != (step == "code"):
        return None  # set up or removed elsewhere meanwhile
    return HalfSession(user, known["next"])
