#![doc = include_str!("determinism.md")]
