"""The webhooks app."""

from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """The top layer of the three apps."""

    name = "webhooks"
    verbose_name = "Webhooks and builds"
