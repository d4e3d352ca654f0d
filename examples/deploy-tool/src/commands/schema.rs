//! `schema`: JSON Schemas of the files that people write.

use relman_core::{plan::Plan, policy::Policy};

use crate::{cli::SchemaOf, failure::Failure, output};

/// Prints a schema, indented for people.
pub(super) fn run(of: SchemaOf) -> Result<(), Failure> {
    let schema = match of {
        SchemaOf::Plan => Plan::json_schema(),
        SchemaOf::Policy => Policy::json_schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
    Ok(output::line(text)?)
}
