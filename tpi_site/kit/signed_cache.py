"""What goes into the cache that the nodes share: JSON with a signature, so that who can write to Redis can only make us forget.

Django's own serializer would unpickle whatever lies there, which runs code in every node, and rendered descriptions would
be shown as they came.
"""

from __future__ import annotations

import hmac
import json
import logging
from typing import Any

from django.conf import settings

log = logging.getLogger(__name__)
_DIGITS = 64


class SignedJson:
    """A serializer for Django's Redis cache: ``OPTIONS["serializer"]``.

    Values are what JSON can hold; anything else is a ``TypeError`` when it is written.  Numbers are signed as well, so that
    ``incr`` of Redis does not work on them: counters belong into the database.
    """

    def dumps(self, value: Any) -> bytes:
        """The signature in hexadecimal, a colon, and the value as JSON."""
        text = json.dumps(value, allow_nan=False).encode()
        return _signature(text) + b":" + text

    def loads(self, stored: bytes) -> Any:
        """The value; None, as if it had never been written, for what this installation has not signed."""
        signature, text = stored[:_DIGITS], stored[_DIGITS + 1 :]
        if not hmac.compare_digest(signature, _signature(text)):
            log.warning("The shared cache holds something that no node of this installation wrote; it is left unread.")
            return None
        return json.loads(text)


def _signature(text: bytes) -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), b"shared cache:" + text, "sha256").hexdigest().encode()
