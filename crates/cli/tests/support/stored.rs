//! A store with groups in several states.

use serde_json::json;

use super::Sandbox;

/// A group that has been paused.
pub const PAYMENTS: &str = "20260822-101500-payments";

/// A store with groups in several states.
pub fn store() -> Sandbox {
    let sandbox = Sandbox::new();
    let session = |id: &str, status: &str, more: serde_json::Value| {
        let mut session = json!({
            "id": id, "projectPath": "/src/shop", "prompt": "Add idempotency keys", "status": status,
            "dependsOn": [], "createdAt": "2026-08-22T10:15:00.000Z"
        });
        session.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        session
    };
    let group = |id: &str, name: &str, status: &str, sessions: serde_json::Value, more: serde_json::Value| {
        let mut group = json!({
            "id": id, "name": name, "slug": id.get(16..).unwrap_or(id), "status": status, "sessions": sessions,
            "config": {
                "model": "sonnet", "maxBudgetUsd": 12.5, "onBudgetExceeded": "pause", "warningThreshold": 0.8,
                "maxConcurrentSessions": 3
            },
            "createdAt": format!("2020-{}-{}T10:15:00.000Z", &id[4..6], &id[6..8]),
            "updatedAt": "2026-08-22T10:20:00.000Z"
        });
        group.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        group.to_string()
    };
    let payments = json!([
        session(
            "api",
            "completed",
            json!({ "cost": 0.41, "runMs": 184_000, "tokens": { "input": 40_000, "output": 1_400 } })
        ),
        session("client-ts", "completed", json!({ "cost": 1.26, "runMs": 370_000 })),
        session(
            "client-python",
            "failed",
            json!({
                "cost": 2.2, "runMs": 760_000, "dependsOn": ["api"], "error": "error_max_turns after 30 turns",
                "attempts": [{
                    "n": 2, "uuid": "f8583c87-dcc3-4521-834e-d68f75432474", "how": "resume",
                    "startedAt": "2026-08-22T10:16:00.000Z", "endedAt": "2026-08-22T10:17:00.000Z", "reservedUsd": 1,
                    "claudeSessionId": "c", "outcome": "failed"
                }]
            })
        ),
        session("report", "pending", json!({ "dependsOn": ["client-ts", "client-python"] })),
    ]);
    let more = json!({ "cause": "unreachable", "startedAt": "2020-08-22T10:15:01.000Z", "future": { "kept": 1e21 } });
    sandbox.store_group(PAYMENTS, &group(PAYMENTS, "payments", "failed", payments, more));
    let paused = json!([
        session("认证服务", "completed", json!({ "cost": 2, "runMs": 60_000 })),
        session("next", "pending", json!({})),
        session("evil\u{1b}[2J\u{202e}", "pending", json!({ "dependsOn": ["next"] })),
    ]);
    let docs = "20260823-090000-docs";
    sandbox.store_group(
        docs,
        &group(
            docs,
            "文档 und Docs 🎉\u{1b}]0;x\u{7}",
            "paused",
            paused,
            json!({ "cause": "budget_exceeded" }),
        ),
    );
    let empty = "20260101-000000-payments-old";
    sandbox.store_group(empty, &group(empty, "Old", "created", json!([]), json!({})));
    sandbox
}
