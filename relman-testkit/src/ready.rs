use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// The output of a future that never waits, such as those of [`world`](crate::world): no runtime is needed.
///
/// # Panics
///
/// If the future waits for something: nobody would wake it.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits for something, and only a runtime can wake it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_that_never_waits_is_run_to_its_end() {
        assert_eq!(ready(async { 1 + 1 }), 2);
    }

    #[test]
    #[should_panic(expected = "only a runtime can wake it")]
    fn a_future_that_waits_is_refused() {
        ready(std::future::pending::<()>());
    }
}
