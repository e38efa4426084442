"""What was done about keys, as the console shows it."""

from __future__ import annotations

from typing import ClassVar

from accounts.models.audit import AuditEntry


class KeyEvent(AuditEntry):
    """An entry of the audit log about the key ring or about what it seals."""

    ACTIONS: ClassVar = (
        "keys.announce",
        "keys.add",
        "keys.rewrap",
        "keys.remove",
        "keys.give-up",
        "keys.reencrypt",
        "keys.copy",
        "blobs.seal",
    )

    class Meta:
        proxy = True
        verbose_name = "key event"
        verbose_name_plural = "encryption"
