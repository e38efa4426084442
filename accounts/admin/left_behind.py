"""What depends on an account, as a page of the console and as a sentence before its deletion."""

from __future__ import annotations

from collections import Counter

from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.models import User
from accounts.services import left_behind
from tpi_site.kit.admin import Screen


def summary(user: User) -> str:
    """How much of what depends on the account; empty where nothing does."""
    kinds = Counter(thing.kind for thing in left_behind.report(user))
    if not kinds:
        return ""
    parts = ", ".join(f"{count} {_plural(kind, count)}" for kind, count in kinds.items())
    return f"In this name are: {parts}. Look at the list on the account's page first."


def _plural(kind: str, count: int) -> str:
    word = kind.replace("-", " ")
    if count == 1:
        return word
    return "indexes" if word == "index" else f"{word}s"


class LeftBehindPage(Screen):
    """Adds the page to the screen of accounts."""

    def get_urls(self) -> list[URLPattern]:
        """One address more."""
        view = self.admin_site.admin_view(self.left_behind_view)
        return [path("<path:object_id>/left-behind/", view, name="accounts_user_leftbehind"), *super().get_urls()]

    def left_behind_link(self, row: User) -> tuple[str, str]:
        """The link to the page, as an account's state has it."""
        address = reverse("admin:accounts_user_leftbehind", args=[row.pk])
        return ("Left behind" if not row.is_active else "Would leave behind", address)

    def left_behind_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The report."""
        row = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        if row is None:
            return self.missing(request)
        request.current_app = self.admin_site.name
        label, _ = self.left_behind_link(row)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{label}: {row}",
            "heading": label,
            "opts": self.opts,
            "row": row,
            "things": left_behind.report(row),
            "back_url": self._row_url(object_id),
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/left_behind.html", context)
