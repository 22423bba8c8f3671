//! The behaviours of the program, and what a run of each comes to.

use session_groups::model::SessionStatus;

/// A behaviour.
#[derive(Debug, Clone, Copy)]
pub struct Behaviour {
    pub name: &'static str,
    /// The status of the session after an undisturbed run.
    pub status: SessionStatus,
    /// It never ends by itself.
    pub is_endless: bool,
    /// It stays after its result until it is ended.
    pub stays: bool,
}

impl Behaviour {
    /// The behaviour of this name.
    pub fn of(name: &str) -> &'static Self {
        BEHAVIOURS.iter().find(|behaviour| behaviour.name == name).unwrap()
    }
}

const fn completes(name: &'static str) -> Behaviour {
    Behaviour { name, status: SessionStatus::Completed, is_endless: false, stays: false }
}

const fn stays(name: &'static str) -> Behaviour {
    Behaviour { name, status: SessionStatus::Completed, is_endless: false, stays: true }
}

const fn fails(name: &'static str) -> Behaviour {
    Behaviour { name, status: SessionStatus::Failed, is_endless: false, stays: false }
}

const fn is_endless(name: &'static str) -> Behaviour {
    Behaviour { name, status: SessionStatus::Failed, is_endless: true, stays: false }
}

pub const BEHAVIOURS: &[Behaviour] = &[
    completes("answers"),
    completes("uses_a_tool"),
    is_endless("works_on"),
    is_endless("ignores_interrupts"),
    is_endless("ignores_sigterm"),
    is_endless("ignores_sigterm_with_a_tool"),
    is_endless("exits_slowly"),
    is_endless("hangs_before_init"),
    is_endless("hangs_after_init"),
    is_endless("stops_itself"),
    is_endless("never_reads_its_input"),
    is_endless("floods_its_output"),
    completes("closes_its_input"),
    completes("leaves_a_tool"),
    completes("leaves_a_deaf_tool"),
    completes("gives_its_lock_to_a_tool"),
    #[cfg(target_os = "linux")]
    completes("gives_its_lock_to_an_unmarked_tool"),
    completes("forks_twice"),
    completes("clears_the_environment"),
    completes("leaves_a_server_in_its_group"),
    completes("starts_a_chain"),
    stays("hangs_after_the_result"),
    stays("hangs_after_the_result_without_sigterm"),
    completes("is_killed_after_the_result"),
    completes("fails_after_the_result"),
    completes("prints_two_results"),
    completes("prints_an_empty_success_first"),
    completes("has_no_last_newline"),
    completes("reports_its_state"),
    completes("works_in_the_background"),
    completes("has_a_background_agent"),
    stays("never_ends_its_background_work"),
    stays("does_not_stop_its_background_work"),
    completes("retries_often"),
    completes("is_denied_a_tool"),
    completes("prints_a_long_line"),
    completes("prints_invalid_utf8"),
    completes("prints_control_characters"),
    completes("prints_byte_by_byte"),
    completes("floods_its_error_output"),
    fails("refuses_its_options"),
    fails("finds_no_conversation"),
    fails("is_not_logged_in"),
    fails("meets_a_usage_limit"),
    fails("reaches_max_turns"),
    fails("reaches_its_cap"),
    fails("exits_without_a_result"),
    fails("crashes"),
    fails("dies_in_half_a_line"),
    fails("dies_in_half_a_result"),
    fails("closes_its_output"),
    fails("fills_the_disk"),
];
