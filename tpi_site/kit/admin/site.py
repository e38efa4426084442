"""The admin site: entrance, sections, landing page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache

from tpi_site.kit.admin import cards, entrance
from tpi_site.kit.admin.marks import NOTHING
from tpi_site.kit.admin.screens import Screen
from tpi_site.kit.errors import Forbidden, NotFound

_SECTIONS = ("Publishing", "People and rights", "Evidence", "Operation", "Jobs")


class Console(AdminSite):
    """The one admin site. It shows screens derived from :class:`Screen` and nothing else."""

    site_header = "Trusted Packaging Index"
    site_title = "TPI console"
    index_title = "Console"
    enable_nav_sidebar = True
    empty_value_display = NOTHING

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take our screens; those that other apps bring write past the services, and are left out."""
        if isinstance(admin_class, type) and issubclass(admin_class, Screen):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the session opens the console."""
        return entrance.may_enter(request)

    @method_decorator(never_cache)
    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send to the site's own sign-in page, which counts failures; the console has no form for passwords."""
        target = _safe_target(request) or reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if request.user.is_authenticated:
            raise Forbidden(
                "Your account looks after no index, project or team, so there is nothing for it in the console; "
                "ask an administrator for a role.",
                code="console-nothing",
            )
        return redirect_to_login(target, settings.LOGIN_URL)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Passwords are changed on the account's own page."""
        return HttpResponseRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """As :meth:`password_change`."""
        return HttpResponseRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The landing page with its cards."""
        return super().index(request, {"cards": cards.cards_for(request), **(extra_context or {})})

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        """The landing page shows all there is."""
        return HttpResponseRedirect(reverse("admin:index", current_app=self.name))

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """No form asks it; rows are told by their names."""
        raise NotFound("The console completes no names.")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The screens that the actor may see, by section."""
        shown = [
            (model, screen)
            for model, screen in self._registry.items()
            if isinstance(screen, Screen) and screen.has_module_permission(request)
        ]
        shown.sort(key=lambda entry: entry[1].place)
        sections = [(name, [entry for entry in shown if entry[1].section == name]) for name in _SECTIONS]
        return [
            {
                "name": name,
                "app_label": name.lower().replace(" ", "-"),
                "app_url": reverse("admin:index", current_app=self.name),
                "has_module_perms": True,
                "models": [self._entry(model) for model, _ in entries],
            }
            for name, entries in sections
            if entries
        ]

    def _entry(self, model: type[Model]) -> dict[str, Any]:
        options = model._meta
        name = getattr(self._registry[model], "menu_name", "") or options.verbose_name_plural
        base = f"admin:{options.app_label}_{options.model_name}"
        return {
            "model": model,
            "name": str(capfirst(name)),
            "object_name": options.object_name,
            "perms": {"view": True},
            "admin_url": reverse(f"{base}_changelist", current_app=self.name),
        }

    def get_log_entries(self, request: HttpRequest) -> QuerySet[Any]:
        """None: the audit log is the record, in the transaction of what it records."""
        from django.contrib.admin.models import LogEntry

        return LogEntry.objects.none()


def _safe_target(request: HttpRequest) -> str:
    """Where to go on after signing in, if that is on this site."""
    target = request.GET.get(REDIRECT_FIELD_NAME, "")
    here = {request.get_host()}
    return target if url_has_allowed_host_and_scheme(target, here, require_https=request.is_secure()) else ""
