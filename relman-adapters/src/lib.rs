//! relman-adapters.
