"""Services about mirror sites."""

from __future__ import annotations

from indexapp.services.sites import settings
from tests.mutations.world import ADMINISTRATOR, Mutation

_OPERATE = "operator administrator"

SITES: dict[str, Mutation] = {
    "indexapp.services.sites.settings.register": Mutation(
        lambda world, actor: settings.register(
            actor=actor, name="new", base_url="https://new.example/", indexes=[world.index.name]
        ),
        "mirror-site.register",
        ADMINISTRATOR,
    ),
    "indexapp.services.sites.settings.change": Mutation(
        lambda world, actor: settings.change(actor=actor, site=world.mirror_site, weight=2.0),
        "mirror-site.change",
        ADMINISTRATOR,
    ),
    "indexapp.services.sites.settings.retire": Mutation(
        lambda world, actor: settings.retire(actor=actor, site=world.mirror_site), "mirror-site.retire", ADMINISTRATOR
    ),
    "indexapp.services.sites.settings.take_out": Mutation(
        lambda world, actor: settings.take_out(actor=actor, site=world.mirror_site), "mirror-site.take-out", _OPERATE
    ),
    "indexapp.services.sites.settings.put_back": Mutation(
        lambda world, actor: settings.put_back(actor=actor, site=world.site_that_is_out),
        "mirror-site.put-back",
        _OPERATE,
    ),
    "indexapp.services.sites.settings.set_mode": Mutation(
        lambda world, actor: settings.set_mode(actor=actor, index=world.index, mode="through"),
        "index.sending",
        ADMINISTRATOR,
    ),
}
