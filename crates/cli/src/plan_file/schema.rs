//! The JSON Schema of plan files, made from their shape.

use serde_json::{Map, Value, json};

use crate::plan_file::duration;
use crate::plan_file::shape::{ENV_SOURCE, Key, PLAN, Shape};

/// The JSON Schema, draft 2020-12.
pub fn schema() -> Value {
    let mut schema = of(&PLAN);
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        members.insert("title".into(), "Plan file of session-groups".into());
        let expression = json!({
            "description": "An expression such as ${{ matrix.lang }} or ${{ vars.branch }}, replaced when the plan is compiled.",
            "type": "string",
            "pattern": r"\$\{\{"
        });
        members.insert("$defs".into(), json!({ "expression": expression }));
    }
    schema
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string", "pattern": r"\S" }),
        Shape::AnyText => json!({ "type": "string" }),
        Shape::OneOf(words) => or_expression(&json!({ "enum": words })),
        Shape::Amount => or_expression(&json!({ "type": "number", "exclusiveMinimum": 0 })),
        Shape::Fraction => or_expression(&json!({ "type": "number", "minimum": 0, "maximum": 1 })),
        Shape::Whole { min, max } if min == max => or_expression(&json!({ "const": min })),
        Shape::Whole { min, max } => {
            or_expression(&json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        Shape::Flag => or_expression(&json!({ "type": "boolean" })),
        Shape::Duration => or_expression(&json!({ "type": "string", "pattern": duration::PATTERN })),
        Shape::AnyScalar => json!({ "type": ["string", "number", "boolean"] }),
        Shape::List { of: element, is_needed } => {
            let mut list = json!({ "type": "array", "items": of(element) });
            if *is_needed {
                list["minItems"] = 1.into();
            }
            list
        }
        Shape::Map { of: value, is_needed } => {
            let mut map = json!({ "type": "object", "additionalProperties": of(value) });
            if *is_needed {
                map["minProperties"] = 1.into();
            }
            map
        }
        Shape::Object(keys) => object(keys),
        Shape::Json => json!({ "type": "object" }),
        Shape::EnvValue => json!({ "anyOf": [of(&Shape::AnyText), object(ENV_SOURCE)] }),
    }
}

fn object(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut value = of(key.shape);
        value["description"] = key.meaning.into();
        (key.name.to_owned(), value)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

/// A value in whose place a text with an expression may stand.
fn or_expression(shape: &Value) -> Value {
    json!({ "anyOf": [shape, { "$ref": "#/$defs/expression" }] })
}
