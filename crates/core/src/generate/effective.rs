//! The configuration that holds for a session: the group's defaults, overridden by its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::claude::command::CommandOptions;
use crate::generate::{NO_CONVERSATION, settings};
use crate::model::config::EnvValue;
use crate::model::number::Positive;
use crate::model::{GroupSession, SessionGroup};

/// The configuration that holds for a session.
#[derive(Debug, Default)]
pub struct Effective {
    /// Name or path of the template, if instructions are generated.
    pub template: Option<String>,
    /// Values for its variables.
    pub variables: BTreeMap<String, String>,
    /// The merged settings, if there are any.
    pub settings: Option<Map<String, Value>>,
    /// MCP servers by name.
    pub mcp_servers: BTreeMap<String, Map<String, Value>>,
    /// Variables for the environment.
    pub env: BTreeMap<String, EnvValue>,
    permission_mode: Option<String>,
    allowed_tools: Vec<String>,
    disallowed_tools: Vec<String>,
    append_system_prompt: Option<String>,
}

impl Effective {
    /// Merges the configuration of a session into its group's defaults. Variables, MCP servers and variables of the
    /// environment are merged by name, and tools are united, so that a session cannot allow what its group disallows.
    pub fn of(group: &SessionGroup, session: &GroupSession) -> Self {
        let defaults = group.config.session_defaults.clone().unwrap_or_default();
        let has_defaults = group.config.session_defaults.is_some();
        let own = session.config.clone();
        let is_generated = own.as_ref().unwrap_or(&defaults).generate_claude_md;
        let template = match &own {
            Some(own) => own.claude_md_template.clone().or_else(|| session.template.clone()),
            None => defaults.claude_md_template.clone().or_else(|| session.template.clone()),
        };
        let settings = settings::merged(has_defaults.then_some(&defaults), own.as_ref());
        let template = template.or_else(|| defaults.claude_md_template.clone());
        let own = own.unwrap_or_default();
        Self {
            template: template.filter(|_| is_generated),
            variables: merge(defaults.variables, own.variables),
            settings,
            mcp_servers: merge(defaults.mcp_servers, own.mcp_servers),
            env: merge(defaults.env, own.env),
            permission_mode: own.permission_mode.or(defaults.permission_mode),
            allowed_tools: unite(defaults.allowed_tools, own.allowed_tools),
            disallowed_tools: unite(defaults.disallowed_tools, own.disallowed_tools),
            append_system_prompt: own.append_system_prompt.or(defaults.append_system_prompt),
        }
    }

    /// Returns the options of a session's process, without files.
    pub fn options(&self, group: &SessionGroup, session: &GroupSession) -> CommandOptions {
        let model = session.model.as_ref().unwrap_or(&group.config.model);
        CommandOptions {
            max_turns: session.max_turns.map(Positive::get),
            permission_mode: self.permission_mode.clone(),
            allowed_tools: self.allowed_tools.clone(),
            disallowed_tools: self.disallowed_tools.clone(),
            append_system_prompt: self.append_system_prompt.clone(),
            additional_args: group.config.additional_args.clone().unwrap_or_default(),
            ..CommandOptions::new(NO_CONVERSATION, model)
        }
    }
}

fn merge<T>(defaults: Option<BTreeMap<String, T>>, own: Option<BTreeMap<String, T>>) -> BTreeMap<String, T> {
    let mut merged = defaults.unwrap_or_default();
    merged.extend(own.unwrap_or_default());
    merged
}

fn unite(defaults: Option<Vec<String>>, own: Option<Vec<String>>) -> Vec<String> {
    let mut united: Vec<String> = Vec::new();
    for tool in defaults.into_iter().chain(own).flatten() {
        if !united.contains(&tool) {
            united.push(tool);
        }
    }
    united
}
