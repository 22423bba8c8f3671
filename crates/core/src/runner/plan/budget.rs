//! The group's money: shares, reservations, held money, and the reaction to a spent budget.
//!
//! `spent + reserved ≤ limit` at every start. What an attempt does not use returns when it ends.

use super::nanos::Nanos;
use super::process::Force;
use super::session::{SessionIndex, Standing};
use super::{Event, Run, planted};
use crate::model::run::GroupCause;
use crate::model::{BudgetAction, GroupStatus};

/// The money for a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The start may reserve this much and spend at most the cap.
    Granted {
        /// The reservation.
        reserve: Nanos,
        /// The cap; `None` without one.
        cap: Option<Nanos>,
    },
    /// The session's own budget is used up.
    OwnBudgetSpent,
    /// The share is too small to be worth a start.
    TooSmall,
}

impl Run {
    /// The money that a start of the session could reserve now.
    pub(super) fn claim(&self, session: SessionIndex) -> Claim {
        if self.own_budget_is_spent(session) && !planted!(self, ResumedAtOwnLimit) {
            return Claim::OwnBudgetSpent;
        }
        let own = self.own_rest(session);
        if self.settings.budget == Nanos::ZERO {
            return Claim::TooSmall;
        }
        if self.settings.on_budget_exceeded == BudgetAction::Warn {
            return Claim::Granted { reserve: own.unwrap_or_default(), cap: own };
        }
        let granted = self.held_for(session).unwrap_or_else(|| self.share(session));
        if granted < self.options.min_reservation {
            return Claim::TooSmall;
        }
        let reserve = own.map_or(granted, |own| own.min(granted));
        Claim::Granted { reserve, cap: Some(reserve) }
    }

    /// The session's held money, which its next start takes over instead of a share, as far as it still fits. Less than is
    /// worth a start is no claim of its own.
    fn held_for(&self, session: SessionIndex) -> Option<Nanos> {
        let held = self.session(session).record.held();
        let fits = self.settings.budget + held - self.tally.spent - self.tally.reserved;
        (held >= self.options.min_reservation).then(|| held.min(fits))
    }

    /// The session's share of what is neither spent nor reserved: one part for each session that could start next, in whole
    /// cents. Its own held money counts as free.
    fn share(&self, session: SessionIndex) -> Nanos {
        let held = self.session(session).record.held();
        let free = self.settings.budget + held - self.tally.spent - self.tally.reserved;
        if planted!(self, WholeRestAsCap) {
            return self.settings.budget - self.tally.spent;
        }
        let others = self.tally.unreserved.saturating_sub(u64::from(held == Nanos::ZERO));
        let parts = (others + 1).min(self.free_slots());
        (free / parts.max(1)).whole_cents()
    }

    /// What is left of the session's own budget; `None` without one.
    fn own_rest(&self, session: SessionIndex) -> Option<Nanos> {
        let entry = self.session(session);
        Some(entry.settings.max_budget? - entry.record.cost)
    }

    /// Returns `true` if too little is left of the session's own budget for another start.
    pub(super) fn own_budget_is_spent(&self, session: SessionIndex) -> bool {
        self.own_rest(session).is_some_and(|rest| rest < self.options.min_reservation)
    }

    /// Returns `true` if the reservations no longer fit, because a call cost more than its cap or the budget was lowered.
    pub(super) fn is_over_budget(&self) -> bool {
        self.settings.on_budget_exceeded != BudgetAction::Warn
            && self.tally.spent + self.tally.reserved > self.settings.budget
    }

    /// Returns `true` if a session with held money may still start by itself.
    pub(super) fn has_held_start(&self) -> bool {
        let can_start = |standing| matches!(standing, Some(Standing::Ready | Standing::Scheduled));
        self.tally.held.iter().any(|&session| {
            can_start(self.session(session).counted.standing)
                && self.held_for(session) >= Some(self.options.min_reservation)
        })
    }

    /// Warns once per crossing of the threshold, and reacts when the budget is spent while there is work left.
    pub(super) fn watch_budget(&mut self) {
        let spent = self.tally.spent;
        let is_warning = self.settings.budget > Nanos::ZERO && spent >= self.settings.warning_at;
        if is_warning != self.group.budget_warned {
            if is_warning {
                self.commits.report(Event::BudgetWarning);
            }
            if !(is_warning && planted!(self, WarningNotRemembered)) {
                self.group.budget_warned = is_warning;
                self.commits.change_group();
            }
        }
        if spent < self.settings.budget {
            return;
        }
        if self.has_work_left() {
            self.budget_exceeded();
        }
    }

    /// Returns `true` if a session still has a turn to do.
    fn has_work_left(&self) -> bool {
        let works = |&session: &SessionIndex| {
            self.session(session).process().is_none_or(|process| process.verdict.is_none())
        };
        self.tally.count(Standing::Ready) > 0
            || self.tally.count(Standing::Scheduled) > 0
            || self.tally.live.iter().any(works)
    }

    /// Reacts to a spent budget as the group's configuration says. A budget of 0 starts nothing in any case.
    pub(super) fn budget_exceeded(&mut self) {
        if !std::mem::replace(&mut self.is_told_exceeded, true) {
            self.commits.report(Event::BudgetExceeded);
        }
        let cause = GroupCause::BudgetExceeded;
        match self.settings.on_budget_exceeded {
            BudgetAction::Pause => self.halt(cause, GroupStatus::Paused, Force::Interrupt),
            BudgetAction::Stop => self.halt(cause, GroupStatus::Failed, Force::Interrupt),
            BudgetAction::Warn if self.settings.budget == Nanos::ZERO => {
                self.halt(cause, GroupStatus::Paused, Force::Interrupt);
            }
            BudgetAction::Warn => {}
        }
    }
}
