//! The starts of a run, found by the runner's own decisions with simulated processes.

use std::collections::VecDeque;

use session_groups::Result;
use session_groups::model::SessionGroup;
use session_groups::model::number::Usd;
use session_groups::runner::plan::{
    Command, Input, Look, Monotonic, Nanos, Now, Run, RunOptions, SessionIndex, TurnResult, Verdict, Wall,
};

/// A start of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastStart {
    /// The session's id.
    pub session: String,
    /// `true` if its conversation is resumed.
    pub is_resumed: bool,
    /// US dollars that it may spend, if every session before it costs nothing.
    pub cap: Option<Usd>,
}

/// Returns the starts of a run in their order, as if every session succeeded at once and cost nothing.
pub fn starts(group: &SessionGroup, options: &RunOptions) -> Result<Vec<ForecastStart>> {
    let options = RunOptions { spacing: None, ..options.clone() };
    let mut simulation = Simulation {
        run: Run::new(group, &options)?,
        now: Now { monotonic: Monotonic(1_000_000_000), wall: Wall(2_000_000_000_000) },
        facts: VecDeque::from([Input::TimePassed]),
        working: VecDeque::new(),
        starts: Vec::new(),
        is_over: false,
    };
    // Each session takes a few steps; the bound only guards against a defect.
    let bound = 100 * (group.sessions.len() + 10);
    for _ in 0..bound {
        if simulation.is_over || !simulation.step() {
            break;
        }
    }
    Ok(simulation.starts)
}

struct Simulation {
    run: Run,
    now: Now,
    facts: VecDeque<Input>,
    /// Sessions that run.
    working: VecDeque<SessionIndex>,
    starts: Vec<ForecastStart>,
    is_over: bool,
}

impl Simulation {
    /// Takes one fact. Returns `false` if nothing can happen any more.
    fn step(&mut self) -> bool {
        let Some(fact) = self.facts.pop_front().or_else(|| self.next_fact()) else { return false };
        self.run.handle(self.now, fact);
        while let Some(command) = self.run.poll() {
            self.carry_out(command);
        }
        true
    }

    /// A session ends its work once nothing else is going on; else time passes.
    fn next_fact(&mut self) -> Option<Input> {
        if let Some(session) = self.working.pop_front() {
            self.facts.push_back(Input::Exited { session, cost: Nanos::ZERO });
            return Some(Input::Result(session, TurnResult { verdict: Verdict::Success, cost: Nanos::ZERO }));
        }
        let deadline = self.run.deadline()?;
        let wait = deadline.since(self.now.monotonic);
        self.now = Now { monotonic: deadline, wall: self.now.wall.after(wait) };
        Some(Input::TimePassed)
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Commit(commit) => self.facts.push_back(Input::Committed(commit.id)),
            Command::Start { session, how, cap, .. } => {
                let id = self.run.id(session).unwrap_or_default().to_owned();
                let is_resumed = how.name() == "resume";
                self.starts.push(ForecastStart { session: id, is_resumed, cap: cap.map(Usd::from) });
                self.facts.push_back(Input::Started(session));
                self.working.push_back(session);
            }
            Command::Look(session) => {
                let dead = Look::Dead { cost: Nanos::ZERO, ran_ms: 0 };
                self.facts.push_back(Input::Looked(session, dead));
            }
            Command::Done(_) => self.is_over = true,
            Command::Interrupt(_)
            | Command::StopTasks(_)
            | Command::CloseInput(_)
            | Command::Terminate(_)
            | Command::Kill(_)
            | Command::Sweep(_)
            | Command::ShareLimit(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_groups::model::time::IsoTime;
    use session_groups::model::{GroupId, GroupSession, SessionStatus};

    fn group(sessions: &[(&str, &[&str])]) -> SessionGroup {
        let now = IsoTime::parse("2026-01-15T10:30:00Z").unwrap();
        let mut group = SessionGroup::new(GroupId::new("g").unwrap(), "g", "g", now.clone());
        for (id, depends_on) in sessions {
            let mut session = GroupSession::new(id, "/p", "p", now.clone());
            session.depends_on = depends_on.iter().map(ToString::to_string).collect();
            group.sessions.push(session);
        }
        group
    }

    fn forecast(group: &SessionGroup) -> Vec<(String, f64)> {
        let starts = starts(group, &RunOptions::default()).unwrap();
        starts.into_iter().map(|start| (start.session, start.cap.unwrap().get())).collect()
    }

    #[test]
    fn sessions_start_in_the_order_and_with_the_shares_of_a_run() {
        let group = group(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]);
        let expected = [("a", 3.33), ("b", 3.33), ("c", 3.33), ("d", 10.0)];
        let found = forecast(&group);
        assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), expected.map(|(id, _)| id));
        assert!(found.iter().all(|(_, cap)| *cap > 3.3 && *cap <= 10.0), "{found:?}");
    }

    #[test]
    fn completed_sessions_do_not_start() {
        let mut group = group(&[("a", &[]), ("b", &["a"])]);
        group.sessions[0].status = SessionStatus::Completed;
        assert_eq!(forecast(&group), [("b".to_owned(), 10.0)]);
    }

    #[test]
    fn a_chain_of_a_thousand_ends() {
        let ids: Vec<String> = (0..1_000).map(|number| number.to_string()).collect();
        let mut group = group(&[]);
        for (index, id) in ids.iter().enumerate() {
            let mut session = GroupSession::new(id, "/p", "p", group.created_at.clone());
            session.depends_on = index.checked_sub(1).map(|before| ids[before].clone()).into_iter().collect();
            group.sessions.push(session);
        }
        assert_eq!(forecast(&group).len(), 1_000);
    }
}
