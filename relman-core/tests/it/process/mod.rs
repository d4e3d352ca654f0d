//! Every row and guardrail of the process, held against the pure core through its public API.
//!
//! | row | tests |
//! | --- | --- |
//! | P1 to P5 | `plan.rs`; vague contracts and silent plans also in `src/plan` |
//! | S1 to S5 | `stage.rs` |
//! | R1 to R5 | `release.rs` |
//! | V1 to V4 | `verify.rs`; what relman checks itself in `flows.rs` |
//! | B1 to B3 | `rollback.rs` |
//! | A1 | `learn.rs`; the documents in the testkit's `artifacts` |
//! | G1 to G6 | `guardrails.rs`; the floors of tracks (G3) also in `src/policy`, the moves in `src/machine/transition.rs` |
//! | evidence over time | `judging.rs`, `hold_back.rs` |
//! | law 4, unmeasured is not passed | `no_data.rs`, `hostile.rs` |
//! | law 5, back beats forward | `back_beats_forward.rs`, `deployer.rs` |
//! | separation of duties in every combination | `duties.rs` |
//! | freezes, overrides, drills | `freeze.rs`, `drill.rs` |
//! | T2, T7, T9: what the platform really is | `platform.rs` |
//! | T1 to T5: the target of a release | `targets.rs` |
//! | the same for records that were decided elsewhere | `forged.rs` |

mod back_beats_forward;
mod complaints;
mod deployer;
mod drill;
mod duties;
mod flows;
mod follow_up;
mod forged;
mod freeze;
mod guardrails;
mod hold_back;
mod hostile;
mod incidents;
mod judging;
mod learn;
mod no_data;
mod plan;
mod platform;
mod release;
mod rollback;
mod stage;
mod targets;
mod verify;
mod way_back;
