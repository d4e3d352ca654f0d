//! What stands in a record, where that is another shape than the one in memory: structs of plain types, so that no
//! refactoring changes the format.

mod answer;
mod evaluated;
pub(super) mod incident;
mod look_taken;
pub(super) mod old;
mod plain;
mod plan;
mod policy;
pub(super) mod words;
