//! What every engine promises. No engine skips a case.

mod content;
mod order;
mod tallies;
mod time;
mod writes;

use bytes::Bytes;
use coaching::store::{Commit, Fault, Key, Pre, Put};

macro_rules! on_every_engine {
    ($($topic:ident: $($case:ident)*;)*) => {
        mod memory { $($(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() { super::$topic::$case(crate::support::Place::memory()).await })*)* }
        mod sled { $($(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() { super::$topic::$case(crate::support::Place::sled()).await })*)* }
    };
}

on_every_engine! {
    writes:
        no_update_is_lost_when_sixteen_tasks_increment_one_record
        two_writes_that_would_break_each_other_never_both_succeed
        a_write_reads_what_it_wrote_itself
        a_closure_that_fails_writes_nothing
        a_closure_that_wrote_nothing_commits_nothing
        each_precondition_holds_exactly_when_it_says
        a_conflict_names_the_record_and_its_version_and_writes_nothing
        a_link_lets_the_target_change_but_not_vanish
        of_sixteen_creators_of_one_slot_exactly_one_wins
        a_record_is_never_read_half_old_and_half_new
        several_records_of_one_commit_become_visible_together_with_their_entries
        a_closed_store_reads_and_refuses_writes
    ;
    order:
        keys_sort_by_bytes_also_with_00_and_ff
        tenants_and_tables_that_begin_alike_do_not_mix
        an_index_walks_both_ways_within_prefix_and_bounds
        an_index_walk_goes_on_exactly_where_it_stopped
        a_backward_walk_passes_keys_full_of_ff
        a_scan_finds_every_record_once_in_any_portion
    ;
    content:
        an_empty_id_and_an_empty_body_are_as_good_as_any
        a_record_of_one_mebibyte_reads_back_and_shrinks_without_leavings
        a_commit_at_every_limit_is_taken
        what_is_beyond_a_limit_is_refused_whole
        an_update_moves_its_entries_and_rewrites_no_equal_one
        a_delete_takes_its_entries_with_it
        the_full_check_finds_missing_stale_and_dangling_entries
        everything_is_there_after_reopening
    ;
    tallies:
        what_records_count_for_is_added_and_taken_away_with_them
        sixteen_writers_count_into_one_cell_and_never_conflict
        a_cell_takes_as_many_tallies_as_the_limits_say
        a_commit_that_is_refused_counts_nothing
        cells_are_scanned_in_order_within_their_bounds_in_any_portion
        a_cell_beyond_its_bits_refuses_the_commit_whole
        the_full_check_finds_cells_that_are_wrong
        a_rebuild_makes_entries_and_cells_what_the_records_say
        a_rebuild_that_was_cut_off_is_told_and_run_again
    ;
    time:
        history_keeps_what_each_change_replaced
        the_record_as_of_any_version_can_be_read
        history_reads_backward_what_it_reads_forward
        the_record_as_of_any_instant_can_be_read
        a_type_without_history_is_in_the_feed_alone
        the_feed_names_every_change_in_order_and_never_splits_a_commit
        versions_grow_and_are_never_issued_again_after_reopening
    ;
}

/// An error of a caller's own, as the API has one.
#[derive(Debug)]
enum Refused {
    Rule,
    #[allow(dead_code)] // a failed assertion shows it
    Store(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Refused::Store(fault)
    }
}

fn put(key: &Key, body: &[u8]) -> Put {
    Put { key: key.clone(), body: Bytes::copy_from_slice(body), add: vec![], remove: vec![] }
}

fn only_if(pre: Vec<(Key, Pre)>, puts: Vec<Put>) -> Commit {
    Commit { pre, puts, ..Commit::default() }
}
