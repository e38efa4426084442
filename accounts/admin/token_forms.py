"""The console's forms about tokens."""

from __future__ import annotations

from datetime import date

from django import forms
from django.db.models import QuerySet

from accounts.admin.rights import RightsField
from accounts.domain.verbs import Verb
from accounts.models import Token, TokenKind, User
from accounts.services.token_policy import usual_end
from tpi_site.kit.admin import Confirmation
from tpi_site.kit.admin.fields import LinesField, NamedField
from tpi_site.kit.admin.refusals import RefusableForm


def _usual_day() -> date | None:
    end = usual_end(TokenKind.PERSONAL)
    return None if end is None else end.date()


class TokenForm(RefusableForm):
    """A new token of one's own."""

    rights = RightsField(initial=frozenset({Verb.READ}), help_text="Never more than its owner may do at that moment.")
    indexes = LinesField(required=False, help_text="Names of indexes, one per line. Empty: all that the owner may use.")
    projects = LinesField(
        required=False, help_text="Names of projects, one per line. Empty: all that the owner may use."
    )
    networks = LinesField(
        required=False, help_text="Networks or addresses such as 192.0.2.0/24, one per line. Empty: from anywhere."
    )
    last_day = forms.DateField(
        required=False,
        initial=_usual_day,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The token works to the end of this day, UTC. Empty: as long as tokens usually do here.",
    )

    class Meta:
        model = Token
        fields = ("name", "indexes", "projects", "networks")
        help_texts = {"name": "Where it is used, for example 'CI of the billing service'."}


def form_with_owners(owners: QuerySet[User]) -> type[TokenForm]:
    """The form for a new token that may be one of ``owners``."""
    owner = NamedField(
        owners.filter(is_active=True),
        name_field="username",
        what="service account of yours",
        required=False,
        help_text="A service account that you look after. Empty: yourself.",
    )
    return type("TokenOfManyForm", (TokenForm,), {"owner": owner, "__module__": __name__})


class Rotation(Confirmation):
    """Asks how long the old token goes on."""

    overlap = forms.ChoiceField(
        label="The old token ends",
        choices=(("0", "at once"), ("3600", "in 1 hour"), ("86400", "in 1 day"), ("604800", "in 7 days")),
        initial="86400",
    )
