"""Words for templates of the browse pages."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.timesince import timesince

register = template.Library()
_MINUTE = 60


@register.filter
def ago(moment: datetime) -> str:
    """How long ago ``moment`` was, in its largest unit: ``3 days ago``; ``just now`` within the minute."""
    if (timezone.now() - moment).total_seconds() < _MINUTE:
        return "just now"
    return f"{timesince(moment, depth=1)} ago"
