"""How values look in lists and on pages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from tpi_site.kit import sizes

NOTHING = "\N{EN DASH}"


def badge(text: str, tone: str = "") -> SafeString:
    """A word in a pill; ``tone`` is empty, ``accent``, ``second``, ``good``, ``warn`` or ``bad``."""
    return format_html('<span class="badge{}">{}</span>', f" badge-{tone}" if tone else "", text)


def when(moment: datetime | None) -> SafeString | str:
    """A time in UTC, readable and exact."""
    if moment is None:
        return NOTHING
    moment = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>', moment.isoformat(), f"{moment:%F %T}", f"{moment:%F %H:%M}"
    )


def exactly(moment: datetime) -> SafeString:
    """A time in UTC to the microsecond, as it is stored."""
    moment = moment.astimezone(UTC)
    return format_html('<time datetime="{}">{} UTC</time>', moment.isoformat(), f"{moment:%F %T.%f}")


def size(count: int | None) -> SafeString | str:
    """A number of bytes, rounded for people."""
    if count is None:
        return NOTHING
    return format_html('<span class="numeric" title="{} bytes">{}</span>', count, sizes.rounded(count))


def mono(text: str) -> SafeString | str:
    """Machine words: digests, versions, ids."""
    return format_html('<code class="wrap-anywhere">{}</code>', text) if text else NOTHING


def block(value: Any) -> SafeString | str:
    """JSON over several lines."""
    if not value:
        return NOTHING
    text = json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
    return format_html('<pre class="code" tabindex="0">{}</pre>', text)


def listed(sentences: Iterable[str]) -> SafeString:
    """A list, of which a line breaks where it must."""
    rows = format_html_join("", '<li class="wrap-anywhere">{}</li>', ((one,) for one in sentences))
    return format_html("<ul>{}</ul>", rows)


def link(url: str, text: str) -> SafeString:
    """A link."""
    return format_html('<a href="{}">{}</a>', url, text)


def page_url(row: Model) -> str:
    """The console's page of ``row``."""
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[quote(row.pk)])


def list_url(model: type[Model], **parameters: Any) -> str:
    """The console's list of ``model``, filtered by ``parameters``."""
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{address}?{urlencode(parameters)}" if parameters else address


def add_url(model: type[Model]) -> str:
    """The console's page for a new row of ``model``."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def joined(text: str, mark: SafeString) -> SafeString:
    """A name with its badge."""
    return format_html("{} {}", text, mark)


def text_block(text: str) -> SafeString:
    """Text over several lines, as it is."""
    return format_html('<pre class="code" tabindex="0">{}</pre>', text)
