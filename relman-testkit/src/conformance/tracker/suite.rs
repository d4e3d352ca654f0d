use super::{TrackerFixture, checks};

crate::__checks_of_tracker! { __conformance_suite (Tracker, TrackerFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_tracker {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            what_is_published_is_found: "Finds the copy of a release, read from the tracker and not from memory.",
            what_is_not_published_is_not_found: "`None` where there is no copy.",
            all_of_it_is_there: "Makes the tracker's copy what the publication says, and returns when all of it is there.",
            there_is_one_of_each: "Of the copy itself, of every phase, note, post-mortem and asset there is one, however often this is called.",
            the_same_again_changes_nothing: "The same publication again changes nothing that people can see, and succeeds.",
            what_is_published_is_brought_up_to_date: "What was published before is found again and brought up to date.",
            it_never_goes_back: "Where the copy was made from a longer record than the publication, nothing is changed and the answer names the longer one.",
            every_part_names_its_head: "Every part names its head: the copy that of the publication, a note and a post-mortem that of its own.",
            what_is_left_out_stays: "Parts that the publication leaves out are not taken away.",
            releases_of_one_tag_are_kept_apart: "Two releases may bring the same tag, where the first was taken back.",
            a_lost_answer_makes_no_second_one: "After an error, the same call goes on with what is missing; after a lost answer, too: what was done is not done again.",
            what_others_wrote_stays: "Texts, comments and files that this port did not publish are left alone.",
            a_long_body_is_cut_and_not_refused: "A body that is too long is cut, and says so.",
            what_is_not_published_is_an_error: "An error where it is not published, or where that is not known.",
            not_knowing_is_an_error: "Not knowing is an error, never a `None`.",
            what_was_cut_off_may_be_tried_again: "What could not be reached, or has not answered in time, may be tried again.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`tracker`](mod@crate::conformance::tracker) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::tracker! {
///     #[tokio::test]
///     mod wiki { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __tracker_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_tracker! {
            __conformance_tests (tracker [$(#[$attribute])+] $module $fixture)
        }
    };
}
