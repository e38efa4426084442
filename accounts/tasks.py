"""Jobs of the accounts app."""

from __future__ import annotations

from django.core.management import call_command

from accounts.services import audit_chain, audit_checkpoints, audit_delivery


def clear_sessions() -> None:
    """Remove expired browser sessions."""
    call_command("clearsessions")


def chain_audit() -> None:
    """Chain what no web process has chained: entries of jobs and commands, and of processes that were killed."""
    audit_chain.link_all()


def sign_audit_checkpoint() -> None:
    """Sign the end of the audit chain if it has grown."""
    audit_checkpoints.checkpoint()


def deliver_audit() -> None:
    """Give the sinks of the audit log what they lack."""
    audit_delivery.deliver_all()
