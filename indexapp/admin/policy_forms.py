"""The form of a policy rule: one field for each condition, and nothing of how conditions are kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from django import forms

from indexapp.admin.rows import administered_indexes
from indexapp.domain.policy import written
from indexapp.models import Index, PolicyRule
from tpi_site.kit.admin.fields import LinesField, SizeField
from tpi_site.kit.admin.refusals import RefusableForm
from tpi_site.kit.errors import Invalid

_EITHER = [("", "Whatever"), ("yes", "Yanked"), ("no", "Not yanked")]
_KINDS = [("", "Both"), ("wheel", "Wheels"), ("sdist", "Source distributions")]
CONDITIONS = (
    *("projects", "sources", "versions", "younger_than_days", "kind", "larger_than", "yanked"),
    *("vulnerable", "min_severity", "advisories", "only_with_fix"),
    *("licenses_allowed", "licenses_denied", "license_unknown", "without_attestation", "imports"),
)
_AS_THEY_ARE = (
    *("projects", "sources", "versions", "younger_than_days", "kind", "larger_than"),
    *("licenses_allowed", "licenses_denied", "license_unknown", "without_attestation", "imports"),
)


class RuleForm(RefusableForm):
    """A rule; conditions that are left empty are not asked, and all that are given must hold."""

    projects = LinesField(required=False, help_text="Patterns of names, such as acme-*. Empty: all projects.")
    sources = LinesField(required=False, help_text="Names of indexes, or kind:hosted and kind:mirror. Empty: all.")
    versions = forms.CharField(required=False, max_length=500, help_text="Such as >=1.2,<2 or 1.4.*.")
    younger_than_days = forms.FloatField(required=False, min_value=0, help_text="A cool-down, by the time of upload.")
    kind = forms.ChoiceField(choices=_KINDS, required=False)
    larger_than = SizeField(required=False, help_text="Such as 500 MB.")
    yanked = forms.ChoiceField(choices=_EITHER, required=False)
    vulnerable = forms.BooleanField(required=False, label="With a known vulnerability")
    min_severity = forms.FloatField(required=False, min_value=0, max_value=10, help_text="A CVSS score, 0 to 10.")
    advisories = LinesField(required=False, help_text="Only these ids.")
    only_with_fix = forms.BooleanField(required=False, label="Only where there is a fixed version")
    licenses_allowed = LinesField(required=False, label="Licence is none of", help_text="SPDX ids.")
    licenses_denied = LinesField(required=False, label="Licence is one of", help_text="SPDX ids.")
    license_unknown = forms.BooleanField(required=False, label="Licence is not known")
    without_attestation = forms.BooleanField(required=False, label="Without an attestation")
    imports = LinesField(required=False, label="Import names", help_text="Patterns such as google.*.")

    class Meta:
        model = PolicyRule
        fields = ("name", "is_enabled", "effect", "on_missing", "reason", "contact")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "reason" in self.fields:  # not where the page only shows
            self.fields["reason"].widget = forms.Textarea(attrs={"rows": 2})
            self.fields["reason"].help_text = "Who is refused reads it in the terminal."
            self.fields["contact"].help_text = "Whom to ask for an exception: an address, a channel."
        if self.instance.pk:
            self.initial.update(_spread(self.instance.conditions))

    @cached_property
    def changed_data(self) -> list[str]:
        """The model's fields that differ, and the conditions as one."""
        names = super().changed_data
        differ = any(name in CONDITIONS for name in names)
        return [*(name for name in names if name not in CONDITIONS), *(["conditions"] if differ else [])]

    def clean(self) -> dict[str, Any] | None:
        """The conditions as they are kept; what is wrong with one is said here."""
        values = super().clean() or {}
        values["conditions"] = _gathered(values)
        try:
            written.read(values["conditions"])
        except Invalid as error:
            self.add_error(None, error.detail)
        return values


class NewRuleForm(RuleForm):
    """A rule of an index that the actor decides about, or, for security officers, of all."""

    index = forms.ModelChoiceField(Index.objects.none(), required=False, empty_label="All indexes")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offer_indexes(self)


def offer_indexes(form: RefusableForm) -> None:
    """Offer the indexes that the actor decides about; others than security officers choose one."""
    field: Any = form.fields["index"]
    everywhere = bool(form.actor.may_secure)
    field.queryset = (Index.objects.all() if everywhere else administered_indexes(form.actor)).order_by("name")
    if not everywhere:
        field.required, field.empty_label = True, "Choose an index"


def _spread(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Kept conditions over the form's fields."""
    found = {name: conditions[name] for name in _AS_THEY_ARE if name in conditions}
    if "yanked" in conditions:
        found["yanked"] = "yes" if conditions["yanked"] else "no"
    vulnerable = conditions.get("vulnerable")
    if vulnerable:
        told: Mapping[str, Any] = vulnerable if isinstance(vulnerable, Mapping) else {}
        found |= {
            "vulnerable": True,
            "min_severity": told.get("min_severity"),
            "advisories": told.get("ids"),
            "only_with_fix": told.get("only_with_fix", False),
        }
    return found


def _gathered(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields say, as conditions are kept."""
    found = {name: values.get(name) for name in _AS_THEY_ARE if values.get(name)}
    if values.get("yanked"):
        found["yanked"] = values["yanked"] == "yes"
    told = {
        "min_severity": values.get("min_severity"),
        "ids": values.get("advisories"),
        "only_with_fix": values.get("only_with_fix"),
    }
    told = {name: value for name, value in told.items() if value}
    if told or values.get("vulnerable"):
        found["vulnerable"] = told or True
    return found
