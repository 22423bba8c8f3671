//! The MCP servers of a session: the file of `--mcp-config`, checked before the start.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::json;

type Servers = BTreeMap<String, Map<String, Value>>;

/// Returns the text of `mcp.json`.
pub fn text(servers: &Servers) -> Option<String> {
    let file = json!({ "mcpServers": servers });
    if servers.is_empty() { None } else { serde_json::to_string_pretty(&file).ok() }
}

/// Returns the problems of the servers. Values of a server that are not known here are passed on.
pub fn problems(servers: &Servers) -> Vec<Error> {
    let mut problems = Vec::new();
    for (name, server) in servers {
        let mut check = Check { server: format!("config.mcpServers.{name}"), problems: &mut problems };
        if name.trim().is_empty() {
            check.fail("", "must have a name");
        }
        check.server(server);
    }
    problems
}

struct Check<'a> {
    /// Path of the server.
    server: String,
    problems: &'a mut Vec<Error>,
}

impl Check<'_> {
    fn fail(&mut self, key: &str, problem: &str) {
        let dot = if key.is_empty() { "" } else { "." };
        self.problems.push(Error::argument(format!("{}{dot}{key}", self.server), problem));
    }

    fn must_be(&mut self, key: &str, expected: &str, value: &Value) {
        // Values may be secrets.
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(text) if text.trim().is_empty() => "blank",
            Value::String(_) => "another string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.fail(key, &format!("must be {expected}, but is {found}"));
    }

    fn server(&mut self, server: &Map<String, Value>) {
        match server.get("type").map(Value::as_str) {
            None if server.contains_key("url") => {
                self.fail("type", "is missing: use http or sse for a server with a url");
            }
            None | Some(Some("stdio")) => {
                self.text(server, "command", "the program of the server", |text| !text.trim().is_empty());
                self.texts(server, "args");
                self.named(server, "env");
            }
            Some(Some("http" | "sse" | "ws" | "streamable-http")) => {
                self.text(server, "url", "the URL of the server", |text| text.contains("://"));
                self.named(server, "headers");
            }
            Some(Some(other)) => {
                let found = json::excerpt(&json::quote(other));
                self.fail("type", &format!("must be one of stdio, http, sse, ws, but is {found}"));
            }
            Some(None) => self.fail("type", "must be one of stdio, http, sse, ws"),
        }
    }

    fn text(&mut self, server: &Map<String, Value>, key: &str, expected: &str, holds: fn(&str) -> bool) {
        match server.get(key) {
            None => self.fail(key, &format!("is missing, expected {expected}")),
            Some(Value::String(text)) if holds(text) => {}
            Some(other) => self.must_be(key, expected, other),
        }
    }

    fn texts(&mut self, server: &Map<String, Value>, key: &str) {
        match server.get(key) {
            None => {}
            Some(Value::Array(values)) => {
                for (index, value) in values.iter().enumerate().filter(|(_, value)| !value.is_string()) {
                    self.must_be(&format!("{key}[{index}]"), "a string", value);
                }
            }
            Some(other) => self.must_be(key, "an array of strings", other),
        }
    }

    /// Checks an object of strings. Claude Code replaces `${NAME}` in them.
    fn named(&mut self, server: &Map<String, Value>, key: &str) {
        match server.get(key) {
            None => {}
            Some(Value::Object(values)) => {
                for (name, value) in values.iter().filter(|(_, value)| !value.is_string()) {
                    self.must_be(&format!("{key}.{name}"), "a string such as \"${NAME}\"", value);
                }
            }
            Some(other) => self.must_be(key, "an object of strings", other),
        }
    }
}
