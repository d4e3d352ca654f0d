//! What turns the list of a port's checks into functions, a catalogue, a suite and tests.
//!
//! Each port's module has the list itself as a macro, `__checks_of_…`, which hands it to one of these.

use super::{
    Check, Port, clock, deployer, directory, incidents, journal, leases, metrics, notifier, tracker,
    user_flows,
};

impl Port {
    /// The checks of this port's suite, in the order in which they run.
    pub const fn checks(self) -> &'static [Check] {
        match self {
            Self::Journal => journal::CHECKS,
            Self::Leases => leases::CHECKS,
            Self::Deployer => deployer::CHECKS,
            Self::MetricsSource => metrics::CHECKS,
            Self::Notifier => notifier::CHECKS,
            Self::Tracker => tracker::CHECKS,
            Self::UserFlows => user_flows::CHECKS,
            Self::IncidentSource => incidents::CHECKS,
            Self::Directory => directory::CHECKS,
            Self::Clock => clock::CHECKS,
        }
    }
}

/// In a port's module: the catalogue, a public function for each check, and the suite.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_suite {
    (($port:ident, $fixture:ident) $($check:ident: $promise:literal,)*) => {
        /// The checks of this suite, in the order in which they run.
        pub const CHECKS: &[$crate::conformance::Check] = &[$(
            $crate::conformance::Check {
                port: $crate::conformance::Port::$port,
                name: stringify!($check),
                promise: $promise,
            },
        )*];

        $(
            #[doc = concat!("Checks the promise: ", $promise)]
            pub async fn $check(fixture: &dyn $fixture) -> $crate::conformance::Finding {
                $crate::conformance::Finding::of(stringify!($check), checks::$check(fixture)).await
            }
        )*

        /// Makes every check, each on a fixture of its own, and reports what was found.
        pub async fn suite<F: $fixture>(fresh: impl AsyncFn() -> F) -> $crate::conformance::Report {
            let adapter = checks::adapter(&fresh().await);
            let mut report = $crate::conformance::Report::about(adapter, $crate::conformance::Port::$port);
            let mut catalogue = CHECKS.iter();
            $(
                // In a block: a world with servers in it ends before the next one begins.
                let finding = { $check(&fresh().await).await };
                report.add(catalogue.next().expect(concat!("the catalogue has ", stringify!($check))), finding);
            )*
            report
        }
    };
}

/// In an adapter's tests: a module with a test for each check.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    (($port:ident $attributes:tt $module:ident $fixture:tt) $($check:ident: $promise:literal,)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the fixture may need nothing from around it")]
            use super::*;

            $(
                $crate::__conformance_test! {
                    $attributes
                    async fn $check() {
                        let fixture = $fixture;
                        let finding = $crate::conformance::$port::$check(&fixture).await;
                        let named = |check: &&$crate::conformance::Check| check.name == stringify!($check);
                        let check = $crate::conformance::$port::CHECKS.iter().find(named);
                        finding.settle(check.expect("the catalogue has every check"));
                    }
                }
            )*
        }
    };
}

/// One test with the attributes that the caller chose.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_test {
    ([$(#[$attribute:meta])+] $($test:tt)*) => {
        $(#[$attribute])+
        $($test)*
    };
}
