use super::{NotifierFixture, checks};

crate::__checks_of_notifier! { __conformance_suite (Notifier, NotifierFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_notifier {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            its_channel_is_served: "Whether this notifier serves the channel.",
            another_channel_is_not_served: "A communication plan that can't be kept is found before a release starts.",
            what_is_told_arrives: "Delivers one notification: its title and its body.",
            it_arrives_once: "Delivers one notification, and not more.",
            every_moment_and_urgency_arrives: "Tells people what happens, whatever it is.",
            a_repetition_succeeds: "A notification may be delivered twice, with the same key, when an answer was lost.",
            the_key_is_handed_on: "The key is handed on where the other side can tell duplicates by it.",
            another_key_is_another_notification: "Duplicates are told by the key, and by nothing else.",
            what_was_not_delivered_is_an_error: "An error where it was not delivered, or where that is not known.",
            what_was_cut_off_may_be_tried_again: "What could not be reached, or has not answered in time, may be tried again.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`notifier`](mod@crate::conformance::notifier) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::notifier! {
///     #[tokio::test]
///     mod pager { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __notifier_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_notifier! {
            __conformance_tests (notifier [$(#[$attribute])+] $module $fixture)
        }
    };
}
