//! The web front.
fn main() {}
