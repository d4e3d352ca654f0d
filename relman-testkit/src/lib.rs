//! relman-testkit.
