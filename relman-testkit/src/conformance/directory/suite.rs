use super::{DirectoryFixture, checks};

crate::__checks_of_directory! { __conformance_suite (Directory, DirectoryFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_directory {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            a_known_actor_has_their_roles: "The roles of an actor.",
            a_stranger_is_unknown: "An actor that the directory does not know has no answer, and no roles.",
            a_namesake_of_another_kind_is_a_stranger: "An actor is a kind and a name: a service is not the person of its name.",
            somebody_without_roles_is_known: "An actor without roles is known all the same.",
            the_roles_are_those_of_now: "Which roles an actor has now.",
            what_can_not_be_asked_is_an_error: "An error where the directory can't be asked: nobody is given a role then.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`directory`](mod@crate::conformance::directory) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::directory! {
///     #[tokio::test]
///     mod people { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __directory_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_directory! {
            __conformance_tests (directory [$(#[$attribute])+] $module $fixture)
        }
    };
}
