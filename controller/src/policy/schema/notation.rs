//! Schemas of values that have a notation of their own.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// A whole number with a unit: 250ms, 90s, 2m, 1h30m, 7d.
pub(crate) struct Duration;

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Whole numbers with units d, h, m, s, ms, longest first: 250ms, 90s, 2m, 1h30m, 7d.",
            "pattern": "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m(?!s))?([0-9]+s)?([0-9]+ms)?$",
            "examples": ["250ms", "90s", "2m", "1h30m", "7d"]
        })
    }
}

/// A share: 0.2 or 20%.
pub(crate) struct Share;

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A share of the whole: 0.2 or 20%.",
            "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 1 },
                { "type": "string", "pattern": "^[0-9]+([.][0-9]+)? *%$" }
            ],
            "examples": [0.2, "20%"]
        })
    }
}

/// A percentage: 5 or 5%.
pub(crate) struct Percent;

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Percent of the jobs known: 5 or 5%.",
            "anyOf": [
                { "type": "number", "minimum": 0, "maximum": 100 },
                { "type": "string", "pattern": "^[0-9]+([.][0-9]+)? *%$" }
            ],
            "examples": [5, "5%"]
        })
    }
}

/// A size: 100Gi.
pub(crate) struct Size;

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number of bytes: 100Gi, 500G.",
            "pattern": "^[0-9]+(k|M|G|T|Ki|Mi|Gi|Ti)?$",
            "examples": ["100Gi"]
        })
    }
}
