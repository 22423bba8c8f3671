//! The meaning of a result, by the fields of the output. Texts are looked at only where there is no field.

use crate::claude::line::Line;
use crate::json::Json;
use crate::model::number::to_whole;

/// What the result of a turn means for its session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Meaning {
    /// The work is done.
    Success,
    /// The turn was interrupted.
    Interrupted,
    /// The usage limit of the account is reached, until a time in Unix milliseconds where it is known.
    UsageLimit {
        /// Its end.
        until_ms: Option<f64>,
    },
    /// A server or network error, after Claude Code's own retries.
    Transient,
    /// Claude Code is not logged in.
    Login,
    /// The account cannot pay.
    Billing,
    /// The request cannot succeed as it is.
    Refused,
    /// The budget of the process is spent.
    Cap,
    /// The maximum number of turns is used up.
    Turns,
    /// The conversation to be resumed does not exist.
    ConversationGone,
}

/// The error text of a conversation that does not exist, in the result and on standard error.
const NO_CONVERSATION: &str = "No conversation found";

impl Meaning {
    /// The meaning of a `result` line. `error` is the newest `error` of an assistant line, `limit_ms` the end of a usage
    /// limit that was reported as reached.
    pub(super) fn of_result(line: &Line<'_>, error: Option<&str>, limit_ms: Option<f64>) -> Self {
        let subtype = line.string("subtype").unwrap_or_default();
        match subtype.as_ref() {
            "success" if !line.flag("is_error") => return Self::Success,
            "error_max_budget_usd" => return Self::Cap,
            "error_max_turns" => return Self::Turns,
            _ => {}
        }
        let errors = line.get("errors").into_iter().flat_map(Json::elements).filter_map(Json::string);
        let text: String = errors.map(std::borrow::Cow::into_owned).chain(line.text("result")).collect();
        if text.contains(NO_CONVERSATION) {
            return Self::ConversationGone;
        }
        let reason = line.string("terminal_reason").unwrap_or_default();
        if let Some(status) = line.number("api_error_status") {
            return Self::of_status(status, error, &text, limit_ms);
        }
        match (reason.as_ref(), error) {
            ("prompt_too_long" | "blocking_limit" | "image_error", _)
            | (_, Some("max_output_tokens" | "model_not_found" | "invalid_request")) => Self::Refused,
            (_, Some("billing_error")) => Self::Billing,
            (_, Some("rate_limit")) => Self::UsageLimit { until_ms: limit_ms },
            (_, Some("authentication_failed")) => Self::Login,
            _ if line.string("stop_reason").as_deref() == Some("refusal") => Self::Refused,
            _ if text.starts_with("Not logged in") || text.starts_with("Invalid API key") => Self::Login,
            _ if text.starts_with("Credit balance") => Self::Billing,
            ("api_error", _) | (_, Some("server_error" | "overloaded")) => Self::Transient,
            _ if subtype == "error_during_execution" => Self::Interrupted,
            // Older versions report the status in the text alone.
            _ => status_in(&text)
                .map_or(Self::Refused, |status| Self::of_status(status, error, &text, limit_ms)),
        }
    }

    fn of_status(status: f64, error: Option<&str>, text: &str, limit_ms: Option<f64>) -> Self {
        let is_billing = error == Some("billing_error") || text.starts_with("Credit balance");
        match to_whole(status) {
            500.. | 408 => Self::Transient,
            _ if is_billing => Self::Billing,
            402 => Self::Billing,
            429 => Self::UsageLimit { until_ms: limit_ms },
            401 | 403 => Self::Login,
            _ => Self::Refused,
        }
    }

    /// The meaning of a process that exited with an error and printed nothing but the end of its error output. `None` if
    /// it may have crashed.
    pub fn of_errors(errors: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(errors);
        if text.contains(NO_CONVERSATION) {
            return Some(Self::ConversationGone);
        }
        let is_in_use = text.contains("is already in use");
        let is_refusal = |line: &str| line.starts_with("error: ") || line.starts_with("Error: ");
        (!is_in_use && text.lines().any(is_refusal)).then_some(Self::Refused)
    }
}

/// The status in a text such as `API Error: 529 …`.
fn status_in(text: &str) -> Option<f64> {
    let (_, rest) = text.split_once("API Error: ")?;
    rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}
