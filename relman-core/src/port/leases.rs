use std::{borrow::Borrow, fmt};

use async_trait::async_trait;

use super::PortError;
use crate::unit::{ReleaseId, Span, Timestamp};

/// Who drives: which conductors are there, and which of them drives which stream.
///
/// A conductor says now and then that it is there, and is present until that has expired: **one heartbeat a conductor**,
/// however many streams it drives. Of the conductors that are present, one holds the claim on a stream, under an epoch
/// that grows with every holder. A claim holds while its conductor is present without a break.
///
/// This is liveness alone. That two conductors never record past each other is the journal's promise, whatever a lease
/// says; and a conductor that was frozen may still change the platform, which is found by observing. What a lease gives: somebody
/// drives, and whoever asks knows whether anybody does.
///
/// Whether a heartbeat has expired is decided by **the store's clock**, the same for everyone who asks. A conductor
/// counts on its own steady clock, from before its request was sent, and stops acting some time before the store would say so.
#[async_trait]
pub trait Leases: Send + Sync {
    /// The name of the adapter, for errors and logs.
    fn name(&self) -> &str;

    /// Says that a conductor is there, and what it takes up; it is present for `ttl` from now on.
    ///
    /// - **Renewed**: each heartbeat counts from the time at which the store hears of it.
    /// - **A break is a break**: a conductor that is heard of again after its heartbeat had expired, or after it has left,
    ///   begins anew, without the claims that it had.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be written. The conductor then is present for as long as it was.
    async fn heartbeat(&self, conductor: &ConductorId, takes_up: TakesUp, ttl: Span)
    -> Result<(), PortError>;

    /// Says that a conductor goes: it is not present from now on, and has given back whatever it held. One that is not known is
    /// no error.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be written. The conductor then goes when its heartbeat expires.
    async fn leave(&self, conductor: &ConductorId) -> Result<(), PortError>;

    /// The conductors: those that are present, and for a day those that are not any more. In the order in which they were
    /// last heard of, the latest first.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn conductors(&self) -> Result<Vec<Presence>, PortError>;

    /// Claims a stream.
    ///
    /// - **Exclusive**: while its holder is present, nobody else gets it. Of two who claim at the same time, one gets it.
    /// - **Repeatable**: the holder that claims again has it, under the same epoch.
    /// - **Growing**: each new holder has a higher epoch than all before it, and so has one that was absent meanwhile.
    /// - **From the dead**: where the holder is not present any more and has not given it back, the claim names it: it may have
    ///   calls under way.
    /// - **For the living**: a conductor that is not present gets nothing.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be written. Whether the stream is claimed is not known then.
    async fn claim(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<Claim, PortError>;

    /// Gives a stream back, where the conductor holds it: it has nothing under way, and somebody else may have it at once.
    /// Nothing happens where it holds it no longer.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be written.
    async fn give_back(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<(), PortError>;

    /// Who claimed a stream last, and has not given it back, with whether it is still present; none where nobody has.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn holder(&self, stream: &ReleaseId) -> Result<Option<Holder>, PortError>;
}

/// Which process conducts: its machine and number, and what tells it from another process that has the same later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConductorId(String);

impl ConductorId {
    /// The conductor of a process, which was started at a moment.
    ///
    /// # Examples
    ///
    /// ```
    /// use relman_core::{port::ConductorId, unit::Timestamp};
    ///
    /// let id = ConductorId::new("web-1", 4711, Timestamp::from_millis(1_796_000_000_000));
    /// assert_eq!(id.to_string(), "web-1/4711");
    /// assert_ne!(id, ConductorId::new("web-1", 4711, Timestamp::from_millis(1_796_000_000_001)));
    /// assert_eq!(ConductorId::stored(id.as_str()), id);
    /// ```
    pub fn new(host: &str, process: u32, started: Timestamp) -> Self {
        let clean = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
        // As long as a host's name may be.
        let host: String = host.chars().take(253).map(clean).collect();
        let host = if host.is_empty() { "unknown" } else { &host };
        Self(format!("{host}/{process}/{:x}", started.as_millis()))
    }

    /// The conductor whose whole name a store has kept.
    pub fn stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The whole name, for a store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ConductorId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// As people read it: machine and process.
impl fmt::Display for ConductorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.rsplit_once('/').map_or(self.0.as_str(), |(shown, _)| shown);
        let clean = |c: char| if c.is_control() { '-' } else { c };
        f.pad(&shown.chars().map(clean).collect::<String>())
    }
}

/// What a conductor takes up by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TakesUp {
    /// Every open stream of the journal, and whatever is planned from now on.
    Everything,
    /// Only what it was told to conduct: it holds a claim on each, and does nothing for any other.
    Named,
}

/// A conductor, and whether it is there. Times are spans before or after the answer, by the store's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Presence {
    /// Which.
    pub conductor: ConductorId,
    /// What it takes up.
    pub takes_up: TakesUp,
    /// How long ago it came; a break makes that begin anew.
    pub since: Span,
    /// How long ago it was last heard of.
    pub seen: Span,
    /// For how long it is present without a further heartbeat; not any more, if absent.
    pub left: Option<Span>,
}

impl Presence {
    /// A conductor that came and was heard of so long ago, and that is present for so long.
    pub fn new(
        conductor: ConductorId,
        takes_up: TakesUp,
        since: Span,
        seen: Span,
        left: Option<Span>,
    ) -> Self {
        Self { conductor, takes_up, since, seen, left }
    }

    /// Whether it is there, as far as the store knows.
    pub fn is_present(&self) -> bool {
        self.left.is_some()
    }
}

/// How often a stream had a new holder: of two holders, the later one has the higher epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who holds a stream, or held it last.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The conductor. Where it is absent, or was meanwhile, it holds the stream no longer.
    pub presence: Presence,
    /// Under which epoch.
    pub epoch: Epoch,
}

impl Holder {
    /// A holder.
    pub fn new(presence: Presence, epoch: Epoch) -> Self {
        Self { presence, epoch }
    }
}

/// What becomes of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The stream is the conductor's.
    Held {
        /// Under this epoch.
        epoch: Epoch,
        /// From whom it was taken, who had not given it back; nobody, if absent.
        previous: Option<Holder>,
    },
    /// It is another's, who is present.
    Taken(Holder),
    /// The conductor is not present itself, and gets nothing before its next heartbeat.
    Absent,
}

/// Who drives a stream, if anybody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrivenBy {
    /// This conductor does: it holds the claim, or takes up everything that has none.
    Conductor(Presence),
    /// Nobody does.
    Nobody {
        /// Who did last, as far as is known.
        last: Option<Presence>,
    },
}

impl DrivenBy {
    /// Whether anybody does.
    pub fn is_anybody(&self) -> bool {
        match self {
            Self::Conductor(_) => true,
            Self::Nobody { .. } => false,
        }
    }
}

/// As a clause: "conductor web-1/4711, seen 2 s ago", "no conductor is running".
impl fmt::Display for DrivenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conductor(Presence { conductor, seen, .. }) => {
                write!(f, "conductor {conductor}, seen {} ago", in_seconds(*seen))
            }
            Self::Nobody { last: None } => f.write_str("no conductor is running"),
            Self::Nobody { last: Some(Presence { conductor, seen, .. }) } => {
                write!(f, "no conductor is running; {conductor} was last seen {} ago", in_seconds(*seen))
            }
        }
    }
}

/// A span as a person says how long ago something was: whole seconds, minutes, hours.
fn in_seconds(span: Span) -> String {
    let seconds = span.as_millis() / 1_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// What every store of leases can tell by means of its required methods.
#[async_trait]
pub trait LeasesExt: Leases {
    /// Who drives a stream: its holder, or a conductor that takes up everything.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn driver_of(&self, stream: &ReleaseId) -> Result<DrivenBy, PortError> {
        let held = self.holder(stream).await?.map(|holder| holder.presence);
        if let Some(held) = &held
            && held.is_present()
        {
            return Ok(DrivenBy::Conductor(held.clone()));
        }
        let all = self.conductors().await?;
        Ok(match who_takes_up_everything(&all) {
            Some(present) => DrivenBy::Conductor(present.clone()),
            None => DrivenBy::Nobody { last: held.or_else(|| last_of_all(all)) },
        })
    }

    /// Who would take up a stream that nobody has claimed, such as one that is new.
    ///
    /// # Errors
    ///
    /// [`PortError`] where the store can't be read.
    async fn driver_of_anything(&self) -> Result<DrivenBy, PortError> {
        let all = self.conductors().await?;
        Ok(match who_takes_up_everything(&all) {
            Some(present) => DrivenBy::Conductor(present.clone()),
            None => DrivenBy::Nobody { last: last_of_all(all) },
        })
    }
}

impl<L: Leases + ?Sized> LeasesExt for L {}

fn who_takes_up_everything(all: &[Presence]) -> Option<&Presence> {
    all.iter().find(|one| one.is_present() && one.takes_up == TakesUp::Everything)
}

/// One that took up everything, and is not there any more. One that still is drives other streams.
fn last_of_all(all: Vec<Presence>) -> Option<Presence> {
    all.into_iter().find(|one| !one.is_present() && one.takes_up == TakesUp::Everything)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conductor_is_named_by_machine_and_process() {
        let id = ConductorId::new("web 1/evil\n", 7, Timestamp::from_millis(16));
        assert_eq!((id.as_str(), id.to_string().as_str()), ("web-1-evil-/7/10", "web-1-evil-/7"));
        assert_eq!(ConductorId::new("", 7, Timestamp::from_millis(16)).to_string(), "unknown/7");
    }

    #[test]
    fn it_is_said_who_drives_or_that_nobody_does() {
        let id = ConductorId::new("web-1", 7, Timestamp::from_millis(16));
        let seen = |seen, left| Presence::new(id.clone(), TakesUp::Named, Span::from_hours(1), seen, left);
        let present = seen(Span::from_millis(2_900), Some(Span::from_secs(12)));
        assert_eq!(DrivenBy::Conductor(present).to_string(), "conductor web-1/7, seen 2 s ago");
        assert_eq!(DrivenBy::Nobody { last: None }.to_string(), "no conductor is running");
        let gone = DrivenBy::Nobody { last: Some(seen(Span::from_minutes(3), None)) };
        assert_eq!(gone.to_string(), "no conductor is running; web-1/7 was last seen 3 min ago");
    }
}
