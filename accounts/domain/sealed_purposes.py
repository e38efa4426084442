"""What the secrets of rows are sealed for: the row, and where its secret goes.

Who may write to the database and has no key could else let another server have the secret, by changing its address.
"""

from __future__ import annotations

import hashlib
import json

DIRECTORY = ("name", "hosts", "security", "ca_certificates", "verify_certificate")
"""The fields that say to whom a directory's bind password is shown."""
SINK = ("pk", "address")
"""The fields that say for whom an audit sink's secret signs."""


def of_directory(name: str, *where: object) -> str:
    """For the values of :data:`DIRECTORY`."""
    return f"directory:{name}:{_digest(where)}"


def of_sink(number: int, address: str) -> str:
    """For the values of :data:`SINK`."""
    return f"audit-sink:{number}:{_digest((address,))}"


def _digest(values: tuple[object, ...]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
