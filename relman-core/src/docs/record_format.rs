#![doc = include_str!("record_format.md")]
