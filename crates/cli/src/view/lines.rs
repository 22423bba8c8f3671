//! The lines of a run: one for each event that a person wants to know.

use session_groups::feed::{Event, FurtherEvent, SessionRetryingEvent};
use session_groups::model::event::GroupEvent;
use session_groups::model::number::Usd;
use session_groups::model::run::{AttemptKind, AttemptOutcome, GroupCause};
use session_groups::model::time::IsoTime;
use session_groups::model::{BudgetAction, GroupSession, GroupStatus, SessionGroup};

use crate::output::{Line, Tone, format};
use crate::view::state::cause_text;
use crate::view::{GroupView, SessionState};

/// Width of the word that a line begins with.
const WORD: usize = 12;
/// Width of the time in brackets.
const TIME: usize = 7;
/// Columns in front of the name of a session.
const INDENT: usize = 30;
/// Width below which lines are shortened.
const MIN_WIDTH: usize = 60;
/// Maximum width to which the names of sessions are padded.
const MAX_NAME: usize = 24;

/// A group at the time of an event, and the place in which its lines are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The group as it is stored.
    pub group: &'a SessionGroup,
    /// The same group as people see it.
    pub view: &'a GroupView,
    /// The name of the group for commands.
    pub name: &'a str,
    /// Unix milliseconds.
    pub now: f64,
    /// Columns of a line.
    pub width: usize,
    /// The home directory.
    pub home: Option<&'a str>,
}

/// Draws an event; no line for one that is of no interest.
pub fn event(event: &Event, scene: &Scene<'_>) -> Vec<Line> {
    match event {
        Event::Group(event) => group_event(event, scene),
        Event::Further(event) => further_event(event, scene),
    }
}

fn group_event(event: &GroupEvent, scene: &Scene<'_>) -> Vec<Line> {
    match event {
        GroupEvent::GroupStarted(_) | GroupEvent::GroupResumed(_) => scene.started(),
        GroupEvent::GroupSessionStarted(event) => scene.session_started(&event.session_id),
        GroupEvent::GroupSessionCompleted(event) if event.status.name() == "completed" => {
            let money = event.cost_usd.map(|cost| format::dollars(cost.get()));
            let time = Some(event.duration_ms.get());
            vec![scene.session(Tone::Good, "COMPLETED", time, &event.session_id, money.as_slice())]
        }
        GroupEvent::GroupSessionFailed(event) => {
            let session = scene.find(&event.session_id);
            let time = session.and_then(GroupSession::ran_ms);
            let line = scene.session(
                Tone::Bad,
                "FAILED",
                time,
                &event.session_id,
                std::slice::from_ref(&event.error),
            );
            vec![
                line,
                scene.command(&format!("logs {} {}", scene.name, format::shell_word(&event.session_id))),
            ]
        }
        GroupEvent::BudgetWarning(event) => {
            let spent = format::dollars(event.current_usage.get());
            let text = format!(
                "{spent} of {} spent ({:.0}%)",
                format::dollars(event.limit.get()),
                event.percent_used.get()
            );
            scene.line(Tone::Warning, "BUDGET", None, &text)
        }
        GroupEvent::BudgetExceeded(event) => {
            let what = match event.action {
                BudgetAction::Stop => "stopping",
                BudgetAction::Pause => "pausing",
                BudgetAction::Warn => "going on",
            };
            let (usage, limit) = (format::dollars(event.usage.get()), format::dollars(event.limit.get()));
            scene.line(
                Tone::Warning,
                "BUDGET",
                None,
                &format!("the budget is spent: {usage} of {limit}; {what}"),
            )
        }
        GroupEvent::GroupCreated(_)
        | GroupEvent::GroupSessionCompleted(_)
        | GroupEvent::GroupCompleted(_)
        | GroupEvent::GroupPaused(_)
        | GroupEvent::GroupFailed(_)
        | GroupEvent::DependencyWaiting(_)
        | GroupEvent::DependencyResolved(_)
        | GroupEvent::SessionProgress(_)
        | GroupEvent::GroupProgress(_) => Vec::new(),
    }
}

fn further_event(event: &FurtherEvent, scene: &Scene<'_>) -> Vec<Line> {
    match event {
        FurtherEvent::SessionRetrying(event) => scene.retrying(event).into_iter().collect(),
        FurtherEvent::SessionInterrupted(event) => {
            let session = scene.find(&event.session_id);
            let cost = event.cost_usd.map(|cost| format::dollars(cost.get()));
            let details: Vec<_> = cost.into_iter().chain(["can be resumed".to_owned()]).collect();
            let time = session.and_then(GroupSession::ran_ms);
            vec![scene.session(Tone::Warning, "INTERRUPTED", time, &event.session_id, &details)]
        }
        FurtherEvent::SessionWaitingLimit(event) => {
            let until = event.waits_until.as_ref().map(|time| scene.until(time)).unwrap_or_default();
            vec![scene.session(
                Tone::Warning,
                "WAITING",
                None,
                &event.session_id,
                &[format!("usage limit{until}")],
            )]
        }
        FurtherEvent::SessionLimitLifted(_) => {
            scene.line(Tone::Active, "GOING ON", None, "the usage limit is over")
        }
        FurtherEvent::SessionAdopted(event) => {
            let pid = event.pid.map(|pid| format!("pid {}", pid.get()));
            let details: Vec<_> = ["still runs, taken over".to_owned()].into_iter().chain(pid).collect();
            vec![scene.session(Tone::Active, "ADOPTED", None, &event.session_id, &details)]
        }
        FurtherEvent::SessionUnreachable(event) => {
            let needs = format!("needs {}", event.because.join(", "));
            vec![scene.session(Tone::Warning, "NOT REACHED", None, &event.session_id, &[needs])]
        }
        FurtherEvent::ToolsDenied(event) => {
            let tools = event.tools.join(", ");
            let line = scene.session(
                Tone::Warning,
                "DENIED",
                None,
                &event.session_id,
                &[format!("not allowed: {tools}")],
            );
            vec![line, scene.below(&Line::from(format!("allow with allowedTools: [{tools}]")))]
        }
        FurtherEvent::GroupDeleted(_) => scene.line(Tone::Bad, "DELETED", None, "the group was deleted"),
        FurtherEvent::FeedGap(event) => {
            let text = format!("the events {} to {} are missing", event.from.get(), event.to.get());
            scene.line(Tone::Warning, "GAP", None, &text)
        }
    }
}

impl Scene<'_> {
    /// A message that is not an event.
    pub fn warning(&self, text: &str) -> Vec<Line> {
        self.line(Tone::Warning, "WARNING", None, text)
    }

    /// An announcement of what this program does now.
    pub fn announcement(&self, word: &str, text: &str) -> Vec<Line> {
        self.line(Tone::Warning, word, None, text)
    }

    /// The lines at the end of a run.
    pub fn summary(&self) -> Vec<Line> {
        let view = self.view;
        let counts = [
            (view.completed(), "completed"),
            (view.failed(), "failed"),
            (view.not_reached(), "not reached"),
            (view.waiting() + view.running(), "not finished"),
        ];
        let counts: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let counts = if counts.is_empty() { "no sessions".to_owned() } else { counts.join(", ") };
        let text = format!("{counts}; {}", self.money());
        let elapsed = self.group.started_at.as_ref().map(|start| {
            self.group.completed_at.as_ref().map_or(self.now, IsoTime::unix_ms) - start.unix_ms()
        });
        let mut lines = self.line(view.tone(), "Summary", elapsed, &text);
        let cause = view.cause.filter(|_| matches!(view.status, GroupStatus::Paused | GroupStatus::Failed));
        if let Some(cause) = cause.filter(|cause| *cause != GroupCause::Unreachable) {
            let what = if view.status == GroupStatus::Paused { "PAUSED" } else { "STOPPED" };
            lines.extend(self.line(Tone::Warning, what, None, cause_text(cause)));
        }
        lines.extend(self.remedy().map(|command| self.command(&command)));
        lines
    }

    /// The command that goes on with a group that has not completed.
    fn remedy(&self) -> Option<String> {
        let name = self.name;
        match (self.view.status, self.view.cause) {
            (GroupStatus::Completed | GroupStatus::Archived | GroupStatus::Deleted, _) => None,
            (_, Some(GroupCause::BudgetExceeded)) => Some(format!("resume {name} --budget USD")),
            (GroupStatus::Failed, Some(GroupCause::Stopped)) => Some(format!("run {name}")),
            (GroupStatus::Failed, _)
            | (_, Some(GroupCause::ErrorThreshold | GroupCause::ConversationGone)) => {
                Some(format!("retry {name}"))
            }
            _ => Some(format!("resume {name}")),
        }
    }

    fn money(&self) -> String {
        let (spent, budget) = (self.view.spent, self.view.budget);
        let percent = if budget > 0.0 { format!(" ({:.0}%)", spent / budget * 100.0) } else { String::new() };
        format!("{} of {}{percent}", format::dollars(spent), format::dollars(budget))
    }

    fn started(&self) -> Vec<Line> {
        let sessions = format::counted(self.group.sessions.len(), "session");
        let budget = format::dollars(self.view.budget);
        let text = format!("{sessions}, {} at once, budget {budget}", self.group.max_concurrent());
        let start = self.word(Tone::Active, "Running").plain(" ");
        self.wrapped(start.with(Tone::Strong, &self.view.id).plain(": "), &text)
    }

    fn session_started(&self, id: &str) -> Vec<Line> {
        let Some(session) = self.find(id) else { return Vec::new() };
        let attempt = session.attempts.as_ref().and_then(|attempts| attempts.last());
        let is_resumed = attempt.is_some_and(|attempt| attempt.how == AttemptKind::Resume);
        let model = session.model.as_ref().unwrap_or(&self.group.config.model).clone();
        let project = format::path(&session.project_path, self.home);
        let has_cap =
            self.group.config.on_budget_exceeded != BudgetAction::Warn || session.max_budget_usd.is_some();
        let reserved = attempt.map(|attempt| Usd::get(attempt.reserved_usd)).filter(|_| has_cap);
        let cap = reserved.map(|reserved| format!("at most {}", format::dollars(reserved)));
        let word = if is_resumed { "RESUME" } else { "START" };
        let draw = |details: &[String]| self.session(Tone::Active, word, None, id, details);
        let Some(cap) = cap else { return vec![draw(&[model, project])] };
        let whole = draw(&[model.clone(), project, cap.clone()]);
        // A long path makes room for the amount.
        vec![if whole.to_text(false).ends_with(&cap) { whole } else { draw(&[model, cap]) }]
    }

    fn retrying(&self, event: &SessionRetryingEvent) -> Option<Line> {
        let session = self.find(&event.session_id);
        let time = session.and_then(GroupSession::ran_ms);
        let draw =
            |word, details: &[String]| self.session(Tone::Warning, word, time, &event.session_id, details);
        match event.outcome {
            // Another event tells until when it waits.
            AttemptOutcome::Limited => None,
            AttemptOutcome::Cap => {
                let attempts = session.and_then(|session| session.attempts.as_ref());
                let attempt = attempts.and_then(|attempts| attempts.last());
                let share = attempt.map(|attempt| format::dollars(attempt.reserved_usd.get()));
                let share = share.map_or_else(String::new, |share| format!(" of {share}"));
                let over = format!("over its share{share}");
                Some(draw("WAITING", &[over, "resumes when the budget allows".to_owned()]))
            }
            outcome => {
                let reason = event.error.clone().unwrap_or_else(|| outcome.name().to_owned());
                let wait = event.waits_until.as_ref().map(|time| time.unix_ms() - self.now);
                let again = wait.filter(|wait| *wait > 0.0);
                let again = again.map(|wait| format!(", again in {}", format::duration(wait)));
                Some(draw("RETRY", &[reason + &again.unwrap_or_default()]))
            }
        }
    }

    /// A line about a session. Its details are dropped from the end where they do not fit.
    fn session(&self, tone: Tone, what: &str, time: Option<f64>, id: &str, details: &[String]) -> Line {
        let total = self.group.sessions.len();
        let place =
            self.group.sessions.iter().position(|session| session.id == id).map_or(0, |index| index + 1);
        let place = format!("({place:>width$}/{total}) ", width = total.to_string().len());
        let place = if self.is_narrow() { "" } else { &place };
        let start =
            self.word(tone, what).plain(" ").and(self.bracket(time)).plain(place).with(Tone::Strong, id);
        let details =
            details.iter().map(|detail| detail.lines().next().unwrap_or_default()).collect::<Vec<_>>();
        let end = start.width();
        // The details stand below each other, where there is room for that.
        let column = if self.is_narrow() { end } else { (INDENT + self.name_width()).max(end) } + 2;
        let first = details.first().map_or(0, |detail| Line::from(*detail).width());
        let gap = if column + first > self.width { 2 } else { column - end };
        let mut line = start;
        for (index, detail) in details.iter().enumerate() {
            let gap = if index == 0 { gap } else { 2 };
            let longer = line.clone().plain(&" ".repeat(gap)).plain(detail);
            if index > 0 && longer.width() > self.width {
                break;
            }
            line = longer;
        }
        line.cut(self.width)
    }

    fn name_width(&self) -> usize {
        let widths = self.group.sessions.iter().map(|session| Line::from(session.id.as_str()).width());
        widths.filter(|width| *width <= MAX_NAME).max().unwrap_or(0)
    }

    /// Lines about the group.
    fn line(&self, tone: Tone, what: &str, time: Option<f64>, text: &str) -> Vec<Line> {
        self.wrapped(self.word(tone, what).plain(" ").and(self.bracket(time)), text)
    }

    /// A text behind a start, in several lines if it does not fit into one.
    fn wrapped(&self, start: Line, text: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut line = start;
        let mut is_first_word = true;
        for word in text.split(' ') {
            let longer = line.clone().plain(if is_first_word { "" } else { " " }).plain(word);
            if longer.width() > self.width && !is_first_word {
                lines.push(std::mem::replace(&mut line, Line::new().plain(&self.indent()).plain(word)));
            } else {
                line = longer;
            }
            is_first_word = false;
        }
        lines.push(line);
        lines
    }

    /// A line that belongs to the one above it. It is not cut.
    fn below(&self, line: &Line) -> Line {
        let indent = self.indent();
        let indent =
            if indent.len() + line.width() > self.width { &indent[..indent.len().min(4)] } else { &indent };
        Line::new().plain(indent).and(line.clone())
    }

    fn indent(&self) -> String {
        " ".repeat(if self.is_narrow() { 4 } else { INDENT })
    }

    fn is_narrow(&self) -> bool {
        self.width < MIN_WIDTH
    }

    /// The word that a line begins with.
    fn word(&self, tone: Tone, word: &str) -> Line {
        if self.is_narrow() { Line::new().with(tone, word) } else { padded_word(tone, word) }
    }

    fn bracket(&self, time: Option<f64>) -> Line {
        let time = time.map(format::duration);
        if self.is_narrow() {
            return time.map_or_else(Line::new, |time| Line::from(time + " "));
        }
        Line::from(format!("[{:>TIME$} ] ", time.unwrap_or_default()))
    }

    /// A command of this program that helps. It is never cut.
    fn command(&self, command: &str) -> Line {
        self.below(&Line::new().with(Tone::Hint, &format!("session-groups {command}")))
    }

    fn until(&self, time: &IsoTime) -> String {
        let unix_ms = time.unix_ms();
        let waiting = self.view.count(|state| matches!(state, SessionState::Until(_)));
        let waiting = if waiting > 1 { format!("; {waiting} sessions wait") } else { String::new() };
        let (clock, left) = (format::local_clock(unix_ms, self.now), format::about(unix_ms - self.now));
        format!(" until {clock} (in {left}){waiting}")
    }

    fn find(&self, id: &str) -> Option<&GroupSession> {
        self.group.sessions.iter().find(|session| session.id == id)
    }
}

fn padded_word(tone: Tone, word: &str) -> Line {
    Line::new().plain(&" ".repeat(WORD.saturating_sub(word.len()))).with(tone, word)
}
