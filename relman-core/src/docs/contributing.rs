#![doc = include_str!("contributing.md")]
