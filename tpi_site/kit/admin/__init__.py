"""The console: Django's admin with our skin, our rule of who may enter, and writes that go through services.

``entrance`` and ``cards`` are registries that apps fill in ``AppConfig.ready()``; ``Screen`` is what an app's ``admin``
package derives from.
"""

from tpi_site.kit.admin.actions import Confirmation, ConfirmedAction, Reason, TypedName
from tpi_site.kit.admin.cards import Card, Figure, Line
from tpi_site.kit.admin.entrance import actor_of, may_enter
from tpi_site.kit.admin.screens import ReadOnlyScreen, Screen
from tpi_site.kit.admin.site import Console

__all__ = [
    "Card",
    "Confirmation",
    "ConfirmedAction",
    "Console",
    "Figure",
    "Line",
    "ReadOnlyScreen",
    "Reason",
    "Screen",
    "TypedName",
    "actor_of",
    "may_enter",
]
