//! The laws of a session itself, whatever a release is about: what it appends, calls, reads and waits for, and what it
//! makes of a journal, a clock or an adapter that does not work.
//!
//! The fixture holds every poll against append-before-act, and every abort against a call that is under way; what is here
//! says the rest.
//!
//! | law | tests |
//! | --- | --- |
//! | append before act; every call ends once, at its deadline at the latest | `calls.rs` |
//! | an append that fails loses nothing; on-call hears that nobody drives | `journal.rs` |
//! | back beats forward; what others decide is heard before anything goes forward | `back.rs` |
//! | of two conductors one looks, and the other learns what is new | `two.rs` |
//! | a record from the future is noted and not waited for | `clocks.rs` |
//! | all of it, whatever happens in whatever order | `whatever.rs` |

mod back;
mod calls;
mod clocks;
mod journal;
mod two;
mod whatever;

use relman_core::{
    event::EffectId,
    machine::{Action, CallId, Command, Input, SessionConfig},
    unit::{Span, TrafficShare},
};

use crate::fixture::{Driven, principal};

const ZERO: TrafficShare = TrafficShare::ZERO;

/// How long a call may take, by default.
fn call_time() -> Span {
    SessionConfig::default().call_time
}

/// At the end of the first step, with the call for the traffic of the second under way.
fn promoting(driven: Driven) -> (Driven, EffectId, CallId) {
    let mut driven = driven.in_step(1);
    driven.run_while(|driven| driven.outstanding() != ["set traffic to 10%"]);
    let effect = driven.effect("set traffic to 10%");
    let call = driven.carried_out(effect);
    (driven, effect, call)
}

/// Time passes, and nothing else, until something is so.
#[track_caller]
fn ticks_until(driven: &mut Driven, so: impl Fn(&Driven) -> bool) {
    for _ in 0..1_000 {
        if so(driven) {
            return;
        }
        driven.pass();
        driven.tick();
    }
    panic!("it does not come: {:?}", driven.missing());
}

fn command(who: &str, action: Action) -> Input {
    Input::Action(Command { by: principal(who), action })
}
