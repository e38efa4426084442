"""The forms of a mirror's upstream, and of a name that is merged with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from indexapp.domain.upstream_settings import FOLLOWING
from indexapp.models import Index, Merge, Upstream
from indexapp.services.mirrors import settings
from tpi_site.kit.admin.fields import SizeField
from tpi_site.kit.admin.refusals import RefusableForm, name_choices

_PLAIN = {"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}
_STAYS = "Kept encrypted and never shown. Empty: the one that is there stays."
SECRETS = {"new_password": "password", "new_client_key": "client_key", "new_proxy_password": "proxy_password"}
"""The form's fields for secrets, and the service's names of them."""


class UpstreamForm(RefusableForm):
    """What can be changed about an upstream; secrets are written and never shown."""

    concerns: ClassVar = {
        **{secret: field for field, secret in SECRETS.items()},
        "upstream-holds-projects": "force",
    }
    new_password = forms.CharField(
        label="Password",
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"{_STAYS} It goes with the user name.",
    )
    new_client_key = forms.CharField(
        label="Key of the client certificate",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, **_PLAIN}),
        help_text=f"PEM, not encrypted. {_STAYS} It goes with the certificate.",
    )
    new_proxy_password = forms.CharField(
        label="Password for the proxy",
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=f"{_STAYS} It goes with the proxy.",
    )
    room = SizeField(
        label="Room for fetched files",
        required=False,
        help_text="Such as 500 GB. Beyond it, what was used longest ago goes and is fetched again when asked for. Empty: any.",
    )
    force = forms.BooleanField(
        label="It is the same repository",
        required=False,
        help_text="Confirms another address for a mirror that holds projects already.",
    )

    class Meta:
        model = Upstream
        fields: ClassVar[tuple[str, ...]] = (*settings.WHERE, *(name for name in settings.TERMS if name != "room"))
        labels: ClassVar = {
            "url": "Address",
            "username": "User name",
            "ca_certificates": "CA certificates",
            "proxy_url": "Proxy",
            "page_seconds": "A page is fresh for, seconds",
            "missing_seconds": "That there is none, seconds",
            "on_removal": "What it removes",
            "on_yank": "What it yanks",
            "on_quarantine": "What it quarantines",
            "is_offline": "Offline",
            "is_frozen": "Frozen",
            "keep_hours": "What was used stays for, hours",
        }
        help_texts: ClassVar = {
            "url": "Root of a simple repository, such as https://pypi.corp.example/simple/. Empty: PyPI. Use https: over plain "
            "http, whoever stands in between can change what is fetched.",
            "ca_certificates": "PEM of the authorities that the upstream's certificate must come from. Empty: the system's.",
            "client_certificate": "PEM of the certificate that this server shows, if the upstream asks for one.",
            "proxy_url": "http://host:port or http://user@host:port. Empty: a direct connection.",
            "is_offline": "The upstream is never contacted; what is here is served.",
            "is_frozen": "Nothing new is taken from its pages; files that are listed already are still fetched.",
        }
        widgets: ClassVar = {
            "url": forms.TextInput(attrs=_PLAIN),
            "username": forms.TextInput(attrs=_PLAIN),
            "proxy_url": forms.TextInput(attrs=_PLAIN),
            "ca_certificates": forms.Textarea(attrs={"rows": 4, **_PLAIN}),
            "client_certificate": forms.Textarea(attrs={"rows": 4, **_PLAIN}),
            **dict.fromkeys(FOLLOWING, forms.RadioSelect),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in FOLLOWING.keys() & self.fields.keys():  # none where the page only shows
            self.fields[name].choices = list(FOLLOWING[name].items())  # type: ignore[attr-defined]  # it is a choice
            name_choices(self.fields[name])


def service_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the service takes of the form's values; a secret goes with what it belongs to."""
    values = {name: value for name, value in given.items() if name not in SECRETS}
    values |= {SECRETS[name]: value for name, value in given.items() if name in SECRETS and value}
    for place, secret in (("username", "password"), ("client_certificate", "client_key")):
        if values.get(place) == "":
            values[secret] = ""
    if "@" not in values.get("proxy_url", "@"):
        values["proxy_password"] = ""
    return values


class NewMergeForm(RefusableForm):
    """A name of ours that a group is to take from its mirrors too."""

    group = forms.ModelChoiceField(Index.objects.none(), help_text="A group with a mirror in it.")
    name = forms.CharField(max_length=100, help_text="The project's name, in any spelling.")
    reason = forms.CharField(
        max_length=1000, widget=forms.Textarea(attrs={"rows": 3}), help_text="Why; people look for it later."
    )

    class Meta:
        model = Merge
        fields = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        groups = Index.objects.filter(kind=Index.Kind.GROUP).order_by("name")
        self.fields["group"].queryset = groups  # type: ignore[attr-defined]  # it is a choice of rows
