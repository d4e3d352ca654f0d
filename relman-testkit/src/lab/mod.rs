//! What a release policy does to users, measured in simulated worlds before production is one of them.
//!
//! A [`Lab`] tries policies in worlds thousands of times, on all cores. For a healthy version it finds how often the
//! policy rolls back what nothing is wrong with, and how long a release takes. For each kind and size of regression it
//! finds how often the policy notices, how soon, and how many requests and users come to harm until then. Policies that
//! stand [`beside`](Lab::beside) each other meet the same random numbers, so that their differences are surer than the
//! figures that they are between.
//!
//! # Examples
//!
//! A policy that goes twice as fast, and what that is worth to users of a version that leaks:
//!
//! ```
//! use relman_core::{policy::Policy, unit::Span};
//! use relman_testkit::{lab::Lab, sample, world::{Regression, World}};
//!
//! let careful = sample::drill_policy();
//! let hasty = Policy::from_toml(&Policy::SHIPPED_TOML.replacen("[risk]\n", r#"
//!     [tracks.drill]
//!     highest_risk = "high"
//!     use = "drills"
//!     look_every = "10s"
//!     min_requests = 1000
//!     steps = [{ share = "5%", bake = "2m" }, { share = "20%", bake = "2m" },
//!              { share = "60%", bake = "2m" }, { share = "100%", bake = "10m" }]
//!     [risk]
//! "#, 1))?;
//! let leak = Regression::errors_growing(Span::ZERO, Span::from_minutes(10), 0.2);
//! let report = Lab::new(careful).beside(hasty).track("drill".parse()?)
//!     .against([World::calm(), World::calm().with(leak)])
//!     .trials(100)
//!     .run()?;
//! println!("{report}");
//! let beside = report.worlds[1].policies[1].beside_the_first.as_ref().expect("the second beside the first");
//! assert!(beside.requests_harmed.low.is_some_and(|low| low > 0.0), "the hasty one harms more");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a trial is
//!
//! One release in one world, from its first traffic to its end. It follows the machine's rules to the letter: a look at
//! every interval, verdicts of the core's own [`Judge`](relman_core::judge::Judge), looks that are too small judged
//! together, criteria that have to be clean on enough data, time that counts only while everything can be measured,
//! the baseline frozen at 100 %, complaints counted as they come, patience with missing metrics, rollback at the
//! first breach. What it leaves out is what the next look does not depend on: records, hashes, messages. That it comes
//! to the same end as the machine on the same numbers is tested on thousands of random policies, plans and worlds.
//!
//! All randomness of a trial comes from one stream, seeded with the lab's seed, the name of the world and the number of
//! the trial. The same lab gives the same report, byte for byte, on any number of cores and in debug and release
//! builds.
//!
//! What each way to decide costs, all else being equal, is measured in [`methods`].
//!
//! # What the figures mean
//!
//! | figure | what it is | its interval |
//! | --- | --- | --- |
//! | [`rolled_back`](Finding::rolled_back) | the share of releases that ended so; a mistake where the version is healthy | Wilson's |
//! | [`hours_to_complete`](Finding::hours_to_complete) | from the first exposure to the end, of those that completed | mean: normal; quantiles: by ranks |
//! | [`before_onset`](Detection::before_onset) | the share rolled back before the regression showed: a false alarm | Wilson's |
//! | [`detected`](Detection::detected) | of those that lived to see it show, the share rolled back afterwards, whatever the criterion | Wilson's |
//! | [`minutes_to_detect`](Detection::minutes_to_detect) | from the moment it showed to the breach, of those detected | as above |
//! | [`minutes_to_zero`](Detection::minutes_to_zero) | until zero traffic was confirmed by observation | as above |
//! | [`requests_harmed`](Detection::requests_harmed) | requests that failed, or took longer than 99 of 100 of a healthy version, beyond what a healthy version does; of all that lived to see it show | as above |
//! | [`users_harmed`](Detection::users_harmed) | users who met at least one of these | as above |
//! | [`beside_the_first`](Finding::beside_the_first) | how a policy differs from the first, trial by trial | Agresti and Min's; normal |
//!
//! Harm is counted as the number that is expected at the requests that came, not as a draw: it has the same mean and
//! varies less. Every interval holds the true value of the simulated world in 95 of 100 labs; the sources of the methods
//! stand at [`Share`], [`Spread`] and [`Difference`]. A time to detect says nothing about what was never detected:
//! read it beside the share.
//!
//! # Limits
//!
//! - A world is a model. Requests are independent given the look and its weather, unless errors come in bursts; a burst
//!   lies in one look. Latencies are log-normal, counted in ten buckets, as a service would report them. How near that
//!   is to yours is for you to say: set rates, sizes and spreads to what you measure.
//! - The deployer does at once what it is asked for, and the traffic is exactly where it should be. Add to the time to
//!   zero what your platform takes. Of a world's [`faults`](crate::world::World::faults) the lab knows outages of metrics; a
//!   world with others is refused: try those in a [`Simulation`](crate::Simulation).
//! - People do their part: someone is always on call, every check passes, nobody holds a release, and no freeze is in
//!   force.
//! - Metrics that a policy watches and no world has are taken as measured; the report names them. Criteria on them are
//!   refused.
//! - A user is someone who makes a few requests in a row; who comes back later counts as another one.
//! - A release that is still under way after two weeks is unfinished, and neither completed nor rolled back.

mod case;
mod figure;
#[cfg(feature = "html")]
mod html;
pub mod methods;
mod outage;
#[cfg(feature = "proptest")]
pub(crate) mod replay;
mod report;
mod run;
mod setup;
mod table;
mod traffic;
mod trial;
pub mod worlds;

pub use case::{Case, Kind};
pub use figure::{CONFIDENCE, Estimate, Share, Spread};
pub use report::{Contestant, Detection, Difference, Finding, Report, WorldReport};
pub use run::{Lab, LabError, Progress, default_plan};
