"""The forms of an index."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import lazy

from indexapp.models import Index
from indexapp.services import indexes
from tpi_site.kit.admin.fields import LinesField, SizeField, size_text
from tpi_site.kit.admin.refusals import RefusableForm

_HELP = {
    "title": "What people call the index.",
    "anonymous_read": "Everybody who reaches this server can see and install everything in it. Off: only who has a role.",
    "allow_passwords": "Installers may send a user name and password. Off: only tokens, which can be revoked one by one.",
    "project_creation": "Who may publish under a name that the index does not know yet.",
    "profile": "Enterprise takes what companies really have; PyPI strict refuses what PyPI refuses; snapshot may overwrite.",
    "closing_window_days": "So many days after its first file a release takes no further ones. Empty: it stays open.",
}


def _size_help() -> str:
    return f"Such as 500 MB or 4 GiB. Empty: {size_text(settings.TPI_MAX_FILE_SIZE)}, the server's limit."


class IndexForm(RefusableForm):
    """What can be changed about an index."""

    max_file_size = SizeField(
        label="Largest file",
        required=False,
        help_text=lazy(_size_help, str)(),
    )
    max_project_size = SizeField(
        label="Largest project", required=False, help_text="All files of a project together. Empty: no limit."
    )
    allowed_platforms = LinesField(
        required=False, help_text="Platform tags of wheels, one per line, such as manylinux* or any. Empty: all."
    )

    class Meta:
        model = Index
        fields: tuple[str, ...] = (
            "title",
            "anonymous_read",
            "allow_passwords",
            "project_creation",
            "profile",
            "closing_window_days",
        )
        labels = {"closing_window_days": "Closing window, days", "profile": "Upload profile"}
        help_texts = _HELP


class GroupForm(IndexForm):
    """What can be changed about a group index."""

    members = LinesField(
        required=False,
        help_text="Names of indexes, one per line. They are asked in this order; the first that has a name answers for it.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            self.initial["members"] = indexes.member_names(self.instance)


class NewIndexForm(GroupForm):
    """A new index."""

    upstream_url = forms.CharField(
        label="Upstream",
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"autocapitalize": "off", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Root of the simple repository that a mirror fetches from. Empty: PyPI. Credentials come afterwards.",
    )

    class Meta(IndexForm.Meta):
        fields = ("name", "kind", *IndexForm.Meta.fields)
        help_texts = {
            **_HELP,
            "name": "Part of every address of the index, so it cannot be changed later. Lower-case letters, digits, hyphens.",
            "kind": (
                "Hosted holds what is published to it; a group shows several indexes as one; a mirror is for what comes "
                "from elsewhere."
            ),
        }
