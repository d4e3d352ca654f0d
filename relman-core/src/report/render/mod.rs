//! How views are laid out: text by `Display`, Markdown by [templates](markdown). JSON needs no layout: it is the views'
//! `Serialize`.

#[cfg(feature = "markdown")]
pub mod markdown;
mod text;
