"""The form of a policy rule: one field for each condition, and nothing of how conditions are kept."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from django import forms

from indexapp.admin.rows import administered_indexes
from indexapp.domain.policy import written
from indexapp.models import Index, PolicyRule
from tpi_site.kit.admin.fields import LinesField, SizeField
from tpi_site.kit.admin.refusals import RefusableForm

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

_FIELDS = {"vulnerable.min_severity": "min_severity", "vulnerable.ids": "advisories"}
"""The fields of conditions that are called otherwise here."""
_HINTS = {
    "name": "Short and speaking, such as cool-down; who is refused reads it.",
    "effect": "The first rule that matches a file decides, but for those that only note it.",
    "on_missing": "For a file of which data are missing that a condition needs, such as its licence.",
    "reason": "Who is refused reads it in the terminal.",
    "contact": "Whom to ask for an exception: an address, a channel. Empty: who decides about the rule.",
    "is_enabled": "Off: it does nothing, and its page shows what it would do.",
}


class RuleForm(RefusableForm):
    """A rule; conditions that are left empty are not asked, and all that are given must hold."""

    concerns: ClassVar[Mapping[str, str]] = {
        "rule-name-invalid": "name",
        "rule-exists": "name",
        "source-unknown": "sources",
        "reason-too-long": "reason",
    }
    projects = LinesField(
        required=False, help_text="Patterns of names, such as acme-*, one per line. Empty: all projects."
    )
    sources = LinesField(
        required=False,
        help_text="Indexes that hold the files: their names, or kind:hosted and kind:mirror, one per line. Empty: all.",
    )
    versions = forms.CharField(required=False, max_length=500, help_text="Such as >=1.2,<2 or 1.4.*. Empty: all.")
    younger_than_days = forms.FloatField(
        required=False,
        min_value=0,
        label="Younger than, days",
        help_text="A cool-down: days since the upload. Empty: whatever their age.",
    )
    kind = forms.ChoiceField(choices=_KINDS, required=False, help_text="Which files of a release.")
    larger_than = SizeField(required=False, help_text="Such as 500 MB. Empty: whatever their size.")
    yanked = forms.ChoiceField(choices=_EITHER, required=False, help_text="Whether the maintainers took the file back.")
    vulnerable = forms.BooleanField(
        required=False,
        label="With a known vulnerability",
        help_text="By the advisories that are imported here; what is filled in below narrows it.",
    )
    min_severity = forms.FloatField(
        required=False,
        label="Severity at least",
        min_value=0,
        max_value=10,
        help_text="A CVSS score, 0 to 10; an advisory without one counts as severe. Empty: any.",
    )
    advisories = LinesField(required=False, help_text="Only these ids, such as GHSA-... or CVE-..., one per line.")
    only_with_fix = forms.BooleanField(
        required=False,
        label="Only where there is a fixed version",
        help_text="Advisories that name no fixed version do not count.",
    )
    licenses_allowed = LinesField(
        required=False,
        label="Licence is none of",
        help_text="SPDX ids, one per line: holds for files that cannot be used under these alone.",
    )
    licenses_denied = LinesField(
        required=False,
        label="Licence is one of",
        help_text="SPDX ids, one per line: holds for files that cannot be used without one of these.",
    )
    license_unknown = forms.BooleanField(
        required=False, label="Licence is not known", help_text="The metadata have no licence expression."
    )
    without_attestation = forms.BooleanField(
        required=False,
        label="Without an attestation",
        help_text="Of a mirror: without a provenance that speaks of the very bytes.",
    )
    imports = LinesField(
        required=False, label="Import names", help_text="Patterns such as google.*, one per line, by the metadata."
    )

    class Meta:
        model = PolicyRule
        fields = ("name", "is_enabled", "effect", "on_missing", "reason", "contact")
        labels: ClassVar = {"on_missing": "Where data are missing", "is_enabled": "Enabled"}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "reason" in self.fields:  # not where the page only shows
            self.fields["reason"].widget = forms.Textarea(attrs={"rows": 2})
            for name, words in _HINTS.items():
                self.fields[name].help_text = words
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
        for name, sentence in written.faults(values["conditions"]).items():
            field = _FIELDS.get(name, name)
            self.add_error(field if field in self.fields else None, sentence)
        return values


class NewRuleForm(RuleForm):
    """A rule of an index that the actor decides about, or, for security officers, of all."""

    concerns: ClassVar[Mapping[str, str]] = {**RuleForm.concerns, "security-officer-needed": "effect"}
    index = forms.ModelChoiceField(
        Index.objects.none(), required=False, empty_label="All indexes", help_text="Whose files it is asked about."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        offer_indexes(self)
        self.fields["on_missing"].help_text += " Empty: a rule that refuses holds, another does not."
        if not self.actor.may_secure:
            self.fields["effect"].help_text += " A rule that allows is for security officers."


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
