"""Django's sessions in the database, found by a keyed digest: who reads the table cannot take over a session.

The cookie has the key; the column ``session_key`` has what is made of it with a secret that is not in the database.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone


class SessionStore(db.SessionStore):
    """As Django's, for synchronous views, but for what stands in the column."""

    def _get_session_from_db(self) -> Session | None:
        row = Session.objects.filter(session_key=_digest(self.session_key), expire_date__gt=timezone.now()).first()
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        """Whether there is a session of this key."""
        return super().exists(_digest(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """The row as it is written."""
        row: Session = super().create_model_instance(data)  # type: ignore[assignment]  # of the model above
        row.session_key = _digest(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Remove the session of this key, or this one."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(_digest(key))


def _digest(session_key: str | None) -> str:
    """160 bits in hexadecimal, as many letters as the column takes."""
    pepper = settings.TPI_TOKEN_PEPPER.encode()
    return hmac.new(pepper, f"cookie:{session_key or ''}".encode(), hashlib.sha256).hexdigest()[:40]
