//! Artifacts and forms as Markdown, by templates that an organisation can replace.
//!
//! A template is [minijinja](https://docs.rs/minijinja)'s kind of Jinja. It is given the artifact as its JSON form, so
//! whatever the JSON has, a template can show. What comes from the record is escaped wherever it is printed: it comes
//! out as text, and never as markup.
//!
//! | filter | makes of |
//! | --- | --- |
//! | `duration` | milliseconds (`…_ms`): `1h 30m` |
//! | `share` | basis points (`…_bp`): `10%` |
//! | `percent` | a ratio between 0 and 1: `0.517%` |
//! | `time` | a moment: `2026-11-22 18:04:05Z` |
//! | `mark` | a moment with its record: ``2026-11-22 18:04:05Z `#12` `` |
//! | `record`, `records` | the numbers of records: `` `#12` `` |
//! | `verdict` | a verdict: its sentence |
//! | `words` | a name such as `rolled_back`: `rolled back` |
//! | `quote` | a text of several lines: a block quote, each line as it was written |

mod escape;
mod filters;
mod form;
mod publication;
mod templates;

pub use form::Form;
pub use templates::{TemplateError, Templates};
