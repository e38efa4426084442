"""The accounts app."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Declare the app's jobs, who may enter the console, and the app's card on its landing page."""
        from accounts import authentication, permissions
        from accounts.admin import cards as our_cards
        from accounts.admin import rows
        from accounts.services import audit, audit_chain, refusals
        from tpi_site.kit import companions, edge, schedules
        from tpi_site.kit.admin import cards, entrance

        schedules.declare("clear sessions", "accounts.tasks.clear_sessions", every_minutes=24 * 60)
        schedules.declare("chain the audit log", "accounts.tasks.chain_audit", every_minutes=1)
        schedules.declare("sign an audit checkpoint", "accounts.tasks.sign_audit_checkpoint", every_minutes=10)
        schedules.declare("stream the audit log", "accounts.tasks.deliver_audit", every_minutes=1)
        audit.on_entry(companions.declare("audit chain", audit_chain.link_all, pause=1.0))
        refusals.on_note(companions.declare("refusals", refusals.write, pause=1.0, idle=30.0))
        edge.on_refusal(authentication.note_refusal)
        entrance.register("accounts", rows.looks_after_a_team)
        entrance.register("evidence", permissions.may_read_audit)
        cards.register("expiring tokens", 40, our_cards.expiring_tokens)
