"""The forms of directories, with a plain word on each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from accounts.domain.directory_fields import LABELS
from accounts.domain.directory_settings import ACTIVE_DIRECTORY, LDAP, Dialect
from accounts.models import Directory
from accounts.services.directories import settings
from tpi_site.kit.admin.refusals import RefusableForm

_PLAIN = {"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}


def _per_kind(what: str) -> str:
    def of(dialect: Dialect) -> str:
        found = getattr(dialect, what)
        return found if isinstance(found, str) else ", ".join(found)

    return f"Empty: {of(LDAP)} with LDAP, {of(ACTIVE_DIRECTORY)} with Active Directory."


_HELP = {
    "name": "Lower-case letters, digits and hyphens; it cannot be changed later.",
    "title": "What people call it, for example 'Head office'.",
    "kind": "Decides which attributes, filters and nesting rule are usual, where you leave them empty.",
    "enabled": "A directory that is off lets nobody sign in and is not synced.",
    "place": "Directories are asked in the order of this number, the lowest first.",
    "hosts": (
        "One or more, with spaces between: ldap1.corp.example ldap2.corp.example:1636. The first that answers is used. "
        "Without a port it is 636 for LDAPS and 389 for StartTLS."
    ),
    "security": "The connection is always encrypted; StartTLS begins in clear and turns encryption on before anything is said.",
    "ca_certificates": (
        "The certificates of the authority that signed the server's, in PEM, with their BEGIN and END lines. "
        "Empty: those that the system trusts."
    ),
    "verify_certificate": "Leave it on: without it, whoever stands in between can read passwords.",
    "timeout": "Seconds to wait for one host before the next is tried.",
    "bind": (
        "With a bind account, people may sign in by any of their names and syncs are possible. Directly, each person's own "
        "password opens the connection, and a sync still needs a bind account."
    ),
    "bind_dn": "An account that may read people and groups and nothing more, for example cn=tpi,ou=services,dc=corp.",
    "user_template": (
        "For direct binds: how a name becomes a bind name, with %(user)s once, for example uid=%(user)s,ou=people,dc=corp or "
        "%(user)s@corp.example."
    ),
    "user_base": "The entry below which people are, for example ou=people,dc=corp.",
    "user_filter": f"Who may have an account here, as an RFC 4515 filter. {_per_kind('people')}",
    "name_attribute": (
        f"What people sign in with, with commas between; the first names the account here. {_per_kind('names')}"
    ),
    "group_base": "The entry below which groups are. Empty: the same as for people.",
    "group_filter": f"What a group is, as an RFC 4515 filter. {_per_kind('groups')}",
    "nesting": (
        "How groups within groups are followed: Active Directory can do it in one question, other servers are asked group "
        "by group."
    ),
    "only_mapped": "Who is in no mapped group is then turned away at sign-in.",
    "page_size": "People read at a time; the server may allow fewer.",
    "removal_limit": (
        "Percent. A sync that would shut out more people, or end more memberships, than this takes nothing, pauses and "
        "raises an alarm."
    ),
}
_FIELDS = tuple(name for name in LABELS if name != "bind_password")


class DirectoryForm(RefusableForm):
    """What can be changed about a directory; the bind password is written and never shown."""

    new_bind_password = forms.CharField(
        label=LABELS["bind_password"],
        required=False,
        strip=False,
        max_length=1024,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown. Empty: the one that is there stays.",
    )

    class Meta:
        model = Directory
        fields: ClassVar[tuple[str, ...]] = _FIELDS
        labels: ClassVar = LABELS
        help_texts: ClassVar = _HELP
        widgets: ClassVar = {
            "hosts": forms.TextInput(attrs=_PLAIN),
            "ca_certificates": forms.Textarea(attrs={"rows": 4, **_PLAIN}),
            "user_filter": forms.TextInput(attrs=_PLAIN),
            "group_filter": forms.TextInput(attrs=_PLAIN),
        }

    def clean(self) -> dict[str, Any] | None:
        """Everything that is wrong at once, each thing at its field."""
        values = super().clean() or {}
        if not self.refusal:  # which has come after this was asked
            self._mark_faults({name: value for name, value in values.items() if name not in self.errors})
        return values

    def _mark_faults(self, values: dict[str, Any]) -> None:
        row = Directory(name=values.pop("name", "new")) if self.instance.pk is None else self.instance
        changed = (
            values if self.instance.pk is None else {key: values[key] for key in self.changed_data if key in values}
        )
        for fault in settings.faults(row, service_values(changed), by_person=True):
            field = "new_bind_password" if fault.field == "bind_password" else fault.field
            if field in self.fields and field not in self.errors:
                self.add_error(field, fault.sentence)


def service_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the service takes of the form's values; an empty password changes nothing, an empty nesting is the usual one."""
    values = dict(given)
    if password := values.pop("new_bind_password", ""):
        values["bind_password"] = password
    if not values.get("nesting", True):
        del values["nesting"]
    return values


class NewDirectoryForm(DirectoryForm):
    """A new directory."""

    nesting = forms.ChoiceField(
        label=LABELS["nesting"],
        required=False,
        choices=[("", "As is usual for the kind"), *Directory.Nesting.choices],
        help_text=_HELP["nesting"],
    )

    class Meta(DirectoryForm.Meta):
        fields: ClassVar[tuple[str, ...]] = ("name", *_FIELDS)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["new_bind_password"].help_text = "Kept encrypted and never shown."
        self.initial["nesting"] = ""
