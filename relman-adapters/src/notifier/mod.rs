//! How people are told: implementations of [`Notifier`](relman_core::port::Notifier).
