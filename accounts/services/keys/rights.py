"""Who may rotate keys."""

from __future__ import annotations

from accounts.domain.actors import Actor
from tpi_site.kit.errors import Forbidden


def require_administrator(actor: Actor) -> None:
    """Refuse everybody but administrators of the instance."""
    if not actor.may_administer_instance:
        raise Forbidden("Only an administrator of the instance may rotate its keys.", code="administrator-needed")
