"""What the console's templates say in words of their own; loaded as ``console``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.contrib.admin.helpers import AdminReadonlyField
from django.contrib.admin.utils import lookup_field
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import BooleanField
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.filter
def in_words(field: AdminReadonlyField) -> str:
    """What a field holds that is only shown: yes, no and none are words, where Django has pictures and brackets."""
    is_flag, value = _held(field)
    if is_flag and value is not None:
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value)) or "none"
    contents: str = field.contents()
    return contents


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> list[SafeString]:
    """The cells of a row with their column's name, for a list whose rows are cards on a narrow screen.

    Roles are said, because browsers forget those of a table that is laid out as something else.
    """
    return [_labelled(cell, str(header["text"])) for cell, header in zip(cells, headers, strict=True)]


def _labelled(cell: str, name: str) -> SafeString:
    html = conditional_escape(cell)
    tag, role = ("<th", "rowheader") if html.startswith("<th") else ("<td", "cell")
    is_tick = 'class="action-checkbox"' in html
    label = "" if is_tick else format_html(' data-label="{}"', capfirst(name))
    return mark_safe(f'{tag} role="{role}"{label}{html.removeprefix(tag)}')  # noqa: S308  all of it is escaped


def _held(field: AdminReadonlyField) -> tuple[bool, Any]:
    """Whether the column is a flag, and the value; of what only the form has, the value that the form begins with."""
    name, form = field.field["field"], field.form
    if name in form.base_fields and name in form.initial and not hasattr(form.instance, name):
        return False, form.initial[name]
    try:
        column, _, value = lookup_field(name, form.instance, field.model_admin)
    except (AttributeError, ValueError, ObjectDoesNotExist):
        return False, None
    return isinstance(column, BooleanField), value
