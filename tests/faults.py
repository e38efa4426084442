"""Which tests show that the product survives what goes wrong with identities and between sites, and what attackers do.

``python -m tests.faults`` runs them all, ``python -m tests.faults "a directory that fails"`` those of one case; further
arguments go to pytest.  That every test named here exists is a test itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_SERVICES = "tests/unit/accounts/services"
_DIRECTORIES = f"{_SERVICES}/directories"
_REPLICATION = "tests/unit/indexapp/services/replication"
_SITES = "tests/unit/indexapp/services/sites"
Names = tuple[str, ...]

CASES: dict[str, dict[str, Names]] = {
    "guessed credentials": {
        "tests/functional/test_sign_in_limits.py": (
            "test_wrong_passwords_for_one_name_are_counted_over_both",
            "test_reports_of_leaks_are_counted_over_both",
            "test_requests_of_one_person_are_counted_over_both",
        ),
        f"{_SERVICES}/test_request_rates.py": ("test_processes_share_one_limit",),
        f"{_SERVICES}/test_one_time_codes.py": (
            "test_a_code_is_taken_once_however_it_is_written",
            "test_of_two_who_bring_one_code_at_the_same_moment_one_gets_in",
            "test_guessers_in_several_processes_share_one_limit",
        ),
        f"{_DIRECTORIES}/test_uniform_answers.py": (
            "test_wrong_passwords_from_one_address",
            "test_wrong_passwords_from_many_addresses",
            "test_while_the_directory_is_away",
            "test_while_another_directory_is_away",
            "test_a_page_says_it_to_who_signs_in_by_browser",
            "test_every_wrong_password_costs_the_same",
        ),
        f"{_DIRECTORIES}/test_active_directory.py": (
            "test_wrong_passwords_do_not_lock_the_account_there",
            "test_the_names_of_one_person_do_not_lock_the_account_there_together",
            "test_where_people_bind_directly_their_names_share_the_number",
        ),
        f"{_DIRECTORIES}/test_sign_in_limits.py": (
            "test_all_names_of_a_person_share_one_budget",
            "test_a_burst_of_guesses_by_several_names_finds_no_gap",
        ),
    },
    "a directory that fails": {
        f"{_DIRECTORIES}/test_sign_in_faults.py": (
            "test_while_the_directory_is_down_nobody_new_comes_in_and_operators_are_told",
            "test_a_slow_directory_is_given_up",
            "test_a_certificate_that_is_not_in_order_lets_nobody_in",
        ),
        f"{_DIRECTORIES}/test_faults.py": (
            "test_a_directory_that_takes_connections_and_never_answers",
            "test_a_directory_that_falls_silent_during_a_sync",
            "test_a_certificate_that_has_ended_stops_syncs_and_takes_nothing",
            "test_fifty_thousand_groups_of_which_a_few_matter",
            "test_a_person_in_thousands_of_groups",
        ),
        f"{_DIRECTORIES}/test_active_directory.py": (
            "test_moved_deleted_and_renamed_people",
            "test_a_disabled_account_does_not_come_in",
        ),
        f"{_DIRECTORIES}/test_sign_in_accounts.py": ("test_groups_that_hold_each_other_end_somewhere",),
        f"{_DIRECTORIES}/test_sign_in.py": (
            "test_a_name_never_becomes_a_filter",
            "test_an_empty_password_is_no_password",
        ),
        f"{_DIRECTORIES}/sync/test_sync.py": (
            "test_a_directory_that_goes_away_ends_the_sync_with_a_sentence_and_takes_nothing",
            "test_who_is_gone_loses_account_and_tokens_and_leaves_what_they_own",
            "test_a_changed_entry_is_mirrored",
            "test_pages_beyond_the_servers_limit",
            "test_too_many_removals_pause_the_sync_and_ring",
            "test_a_base_that_finds_nobody_shuts_nobody_out",
            "test_many_who_would_lose_a_part_for_the_instance_pause_the_sync",
        ),
        "tests/functional/test_killed_sync.py": ("test_a_killed_sync_is_completed_by_the_next_with_the_same_result",),
    },
    "people who leave": {
        "tests/access/test_departures.py": (
            "test_who_goes_out_of_a_team_keeps_nothing_that_came_of_it",
            "test_who_still_looks_after_the_program_by_a_team_above_keeps_what_they_lent",
            "test_who_goes_out_of_a_team_takes_nobody_in_any_more",
            "test_what_somebody_took_for_themselves_by_a_teams_right_goes_with_their_place",
            "test_a_project_that_goes_to_another_team_shuts_the_old_one_out_tokens_included",
            "test_the_owner_of_a_token_who_is_disabled_or_deleted_is_out_everywhere",
        ),
        f"{_SERVICES}/test_account_ends.py": ("test_tokens_made_with_the_persons_end_and_those_of_the_team_go_on",),
    },
    "foreign names in addresses": {
        "tests/access/test_foreign_names.py": (
            "test_a_foreign_name_in_an_address_is_refused",
            "test_each_of_them_is_in_the_audit_log",
            "test_who_only_reads_changes_nothing_and_each_attempt_is_in_the_audit_log",
        ),
    },
    "a falsified audit log": {
        f"{_SERVICES}/test_audit_verification.py": (
            "test_a_changed_row_is_named",
            "test_a_cut_tail_is_found_against_an_outside_checkpoint",
            "test_a_chain_that_was_wholly_rewritten_is_found_against_an_outside_checkpoint",
        ),
        f"{_SERVICES}/test_audit_delivery.py": (
            "test_a_syslog_receiver_that_was_down_for_days_gets_everything_in_order",
        ),
        "tests/functional/test_audit_spool.py": (
            "test_a_receiver_that_was_away_for_days_while_jobs_were_killed",
            "test_a_file_that_is_rotated_and_a_job_that_is_killed_while_it_writes",
            "test_a_line_that_was_broken_off_is_ended_and_comes_again_whole",
        ),
    },
    "names that are code": {
        f"{_DIRECTORIES}/test_hostile_names.py": (
            "test_pages_show_it_as_text",
            "test_a_spreadsheet_finds_no_formula_and_no_more_rows",
            "test_a_log_server_gets_one_message_for_each_entry",
            "test_the_process_log_has_one_line_for_each_thing_told",
        ),
        "tests/functional/browser/test_hostile_names.py": ("test_a_hostile_name_is_read_and_does_not_run",),
    },
    "caches and forged headers": {
        "tests/functional/test_caching_proxy.py": (
            "test_the_cache_is_one",
            "test_a_private_file_is_asked_for_again_when_the_rights_have_changed",
            "test_private_pages_are_in_no_cache",
            "test_nobody_answers_for_a_file_by_the_name_of_another_host",
            "test_a_host_that_somebody_made_up_is_in_nobody_elses_page",
            "test_only_the_proxy_is_believed_about_where_a_request_comes_from",
        ),
        "tests/unit/tpi_site/test_request_context.py": (
            "test_only_a_trusted_proxy_says_that_the_client_came_by_https",
        ),
    },
    "a replica that does not fit": {
        "tests/functional/test_replication_faults.py": (
            "test_a_primary_that_does_not_fit_is_not_joined",
            "test_an_installation_that_holds_something_does_not_join",
        ),
        "tests/functional/test_replication_attended.py": (
            "test_a_service_with_another_pepper_or_none_at_all_is_told_of",
        ),
        "tests/api/test_replication.py": (
            "test_without_a_secret_nothing_is_told",
            "test_other_secrets_open_nothing",
            "test_a_revoked_secret_is_a_wrong_one",
            "test_a_secret_that_a_site_has_come_with_is_refused_without_that_site",
            "test_one_secret_is_for_one_site",
            "test_one_site_has_one_secret",
            "test_a_copy_of_the_primary_is_no_replica",
            "test_an_unknown_epoch_is_a_conflict",
        ),
        "tests/api/test_replication_rest.py": ("test_a_revoked_replica_is_let_in_no_more",),
    },
    "a primary that answers wrongly": {
        "tests/functional/test_replication_faults.py": (
            "test_an_answer_that_is_none_changes_nothing",
            "test_bytes_that_are_others_never_count_and_ring",
            "test_of_many_contents_those_that_came_whole_are_taken_and_wrong_ones_alone_ring",
            "test_a_batch_that_is_cut_or_does_not_fit_is_not_taken",
        ),
        f"{_REPLICATION}/test_promoting_refusals.py": (
            "test_a_primary_that_answers_that_it_cannot_is_not_taken_for_one_that_is_away",
        ),
        f"{_REPLICATION}/test_hostile_primary.py": (
            "test_a_batch_that_cannot_be_ours_is_not_taken",
            "test_news_that_cannot_be_kept_is_told_as_such",
            "test_nobody_joins_over_the_open_network_in_clear",
        ),
        f"{_REPLICATION}/test_other_names.py": ("test_a_replica_says_of_itself_alone_that_it_took_over",),
        f"{_REPLICATION}/test_seed_places.py": ("test_a_link_to_a_file_is_not_written_through",),
    },
    "a connection between sites that is cut": {
        "tests/functional/test_replication_cuts.py": (
            "test_an_answer_that_is_cut_anywhere_is_not_taken_and_bytes_are_gone_on_with",
        ),
        "tests/functional/test_replication_faults.py": (
            "test_a_connection_that_is_cut_is_gone_on_with_at_the_next_byte",
            "test_a_group_that_is_cut_keeps_what_came_whole",
            "test_a_follower_that_is_killed_is_gone_on_with_by_the_next",
        ),
        "tests/functional/test_replication_alarms.py": (
            "test_both_sides_ring_when_they_lose_each_other_and_are_quiet_when_they_meet",
        ),
    },
    "a disk of a replica that is full": {
        "tests/functional/test_replication_filters.py": ("test_a_full_disk_stops_the_bytes_rings_and_is_gone_on_with",),
        "tests/functional/test_seeding.py": ("test_a_replica_without_room_says_so_and_goes_on_when_there_is_some",),
    },
    "sites that both changed, and a primary that was restored": {
        "tests/functional/test_promotion.py": ("test_an_old_primary_comes_back_and_nothing_of_either_side_is_lost",),
        f"{_REPLICATION}/test_fences.py": ("test_what_began_before_the_fence_is_not_committed_after_it",),
        "tests/functional/test_replication_faults.py": ("test_a_replica_goes_back_with_a_primary_that_was_restored",),
        f"{_REPLICATION}/test_restored_primary.py": ("test_a_new_replica_of_a_restored_primary_gets_all_projects",),
    },
    "an upload that is handed on": {
        "tests/functional/test_relay.py": (
            "test_whatever_the_primary_answers_a_repetition_is_safe",
            "test_an_upload_that_is_cut_on_its_way_to_the_primary_leaves_nothing",
            "test_nobody_uploads_with_a_replicas_secret_or_without_credentials",
            "test_a_right_that_the_primary_took_away_a_moment_ago_is_none",
            "test_a_primary_that_is_away_and_a_replica_that_is_paused",
            "test_a_cut_is_gone_on_with_and_wrong_bytes_never_count",
            "test_what_the_primary_lost_is_gone",
        ),
    },
    "a mirror site that fails": {
        "tests/functional/test_mirror_sites.py": (
            "test_through_the_index_nothing_breaks_an_install",
            "test_nobody_is_sent_to_a_site_that_does_not_answer",
            "test_wrong_bytes_after_a_redirect_are_never_installed_and_the_next_try_works",
            "test_a_site_that_lacks_what_it_should_have_is_stale_and_comes_back",
            "test_a_wrong_site_stays_out_until_a_person_puts_it_back",
        ),
        f"{_SITES}/test_passing.py": (
            "test_a_file_that_is_gone_from_a_site_takes_nobody_the_site",
            "test_a_site_that_drips_is_left_in_mid_answer",
            "test_a_site_holds_half_of_the_threads_at_most",
            "test_a_check_that_began_before_another_address_says_nothing_of_the_new_one",
        ),
        f"{_SITES}/test_bounds.py": ("test_a_site_leads_the_index_nowhere_else",),
    },
    "an upstream of a volunteer's mirror that fails": {
        "tests/functional/test_volunteer_faults.py": (
            "test_a_bent_upstream_harms_nothing",
            "test_an_upstream_that_gives_no_page_empties_no_mirror",
            "test_a_full_disk_harms_nothing",
            "test_what_is_in_flight_leaves_the_disk_what_is_to_stay_free",
        ),
    },
}
"""For each case the tests by their file."""


def node_ids(case: str | None = None) -> list[str]:
    """What pytest is asked for, of one case or of all."""
    cases = CASES.values() if case is None else [CASES[case]]
    return [f"{path}::{name}" for files in cases for path, names in files.items() for name in names]


def main() -> int:
    """Run them."""
    arguments = sys.argv[1:]
    case = arguments.pop(0) if arguments and arguments[0] in CASES else None
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, *node_ids(case)], cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
