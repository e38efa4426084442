"""The accounts app."""

from __future__ import annotations

from operator import attrgetter

from django.apps import AppConfig
from django.conf import settings


class AccountsConfig(AppConfig):
    """Who people are and what they may do."""

    name = "accounts"
    verbose_name = "People and rights"

    def ready(self) -> None:
        """Declare what runs by the clock, what is measured, and what the app puts into the console."""
        from accounts.services import left_behind
        from accounts.services import read_only as read_only_switch
        from accounts.services.keys import sealed_columns
        from tpi_site.kit import read_only

        read_only.register(read_only_switch.ask)
        _declare_jobs()
        _declare_figures()
        _keep_evidence()
        _enter_console()
        left_behind.register(left_behind.identity)
        for column in sealed_columns.OURS:
            sealed_columns.register(column)


def _declare_jobs() -> None:
    from tpi_site.kit import schedules

    minutes = settings.TPI_DIRECTORY_SYNC_MINUTES
    schedules.declare("clear sessions", "accounts.tasks.clear_sessions", every_minutes=24 * 60)
    schedules.declare("sync directories", "accounts.tasks.sync_directories", every_minutes=minutes)
    schedules.declare("ask directories", "accounts.tasks.ask_directories", every_minutes=5)
    schedules.declare("remove directories", "accounts.tasks.remove_directories", every_minutes=5)
    schedules.declare("purge tokens", "accounts.tasks.purge_tokens", every_minutes=60)
    schedules.declare("chain the audit log", "accounts.tasks.chain_audit", every_minutes=1)
    schedules.declare("sign an audit checkpoint", "accounts.tasks.sign_audit_checkpoint", every_minutes=10)
    schedules.declare("watch the key source", "accounts.tasks.watch_key_source", every_minutes=5)
    schedules.declare("finish an upgrade", "accounts.tasks.finish_upgrade", every_minutes=5)
    schedules.declare("stream the audit log", "accounts.tasks.deliver_audit", every_minutes=1)


def _declare_figures() -> None:
    from accounts.services import alarms, audit_delivery, token_upkeep
    from accounts.services.directories import budgets, standing
    from accounts.services.keys import standing as standing_of_keys
    from tpi_site.kit import gauges

    up = "Whether a directory answers (1) or fails (0)."
    gauges.declare("tpi_directory_up", up, standing.figures, labels=["directory"])
    gauges.declare("tpi_alarms_open", "Alarms that nobody has seen to, by code.", alarms.figures, labels=["code"])
    lag = "Audit entries that a sink has not got yet."
    gauges.declare("tpi_audit_sink_lag", lag, audit_delivery.figures, labels=["sink"])
    soon = "Tokens that end within 14 days, short-lived ones aside."
    gauges.declare("tpi_tokens_expiring", soon, token_upkeep.expiring)
    longer = "Usable tokens that policy ends before their own end."
    gauges.declare("tpi_tokens_outliving_policy", longer, token_upkeep.outliving)
    guessed = "How often wrong passwords of one account came from so many addresses that new ones were refused."
    gauges.declare("tpi_password_guessed", guessed, budgets.figures)
    source = "Whether what wraps the keys of the key ring answers (1) or not (0), as the answering process sees it."
    gauges.declare("tpi_key_source_up", source, standing_of_keys.figures, labels=["kind"])


def _keep_evidence() -> None:
    """Chain audit entries, write down refusals and the use of tokens soon after the request, in threads of their own."""
    from accounts import authentication
    from accounts.services import audit, audit_chain, nodes, refusals, request_rates, shared_secrets, token_use
    from tpi_site.kit import companions, edge, key_ring
    from tpi_site.kit.keys import places

    audit.on_entry(companions.declare("audit chain", audit_chain.link_all, pause=1.0))
    refusals.on_note(companions.declare("refusals", refusals.write, pause=1.0, idle=30.0))
    token_use.on_use(companions.declare("token use", token_use.write, pause=2.0))
    request_rates.on_due(companions.declare("request rates", request_rates.write, pause=0.5))
    companions.declare("node", nodes.beat, pause=0.2, idle=nodes.BEAT)
    key_ring.before_making(shared_secrets.require_no_ring_yet)
    companions.declare("key source", key_ring.confirm, pause=0.0, idle=places.CONFIRM)
    edge.on_refusal(authentication.note_refusal)


def _enter_console() -> None:
    """Who may enter, who must prove themselves again, and the cards on the landing page."""
    from django.contrib.auth.signals import user_logged_in

    from accounts import browser_sessions
    from accounts.admin import cards as our_cards
    from accounts.admin import rows
    from accounts.permissions import may_end_sessions
    from accounts.views import fresh
    from tpi_site.kit.admin import cards, entrance, freshness

    user_logged_in.connect(browser_sessions.on_login, dispatch_uid="accounts.browser_sessions")
    entrance.register("accounts", rows.looks_after_a_team)
    entrance.register("sessions", may_end_sessions)
    entrance.register("operations", attrgetter("sees_operation"))
    entrance.register("evidence", attrgetter("reads_everything"))
    freshness.register(fresh.interruption)
    cards.register("alarms", 5, our_cards.open_alarms)
    cards.register("directories", 30, our_cards.directories)
    cards.register("second factors", 45, our_cards.second_factors)
    cards.register("expiring tokens", 40, our_cards.expiring_tokens)
