//! The rules that a release obeys.
