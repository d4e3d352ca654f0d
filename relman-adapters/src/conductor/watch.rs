use std::{collections::BTreeMap, time::Duration};

use relman_core::{chain::Head, port::with_causes, unit::ReleaseId};
use tracing::warn;

use super::{ConductError, Conductor};
use crate::LoadError;

/// Which releases of the journal are conducted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adopt {
    /// Every open one.
    Every,
    /// Those that somebody asks for.
    None,
}

/// Looks at the heads of the journal for what other processes have appended: one question for all releases.
pub(super) async fn watch_journal(conductor: Conductor, adopt: Adopt) -> Result<(), ConductError> {
    let mut known: BTreeMap<ReleaseId, Head> = BTreeMap::new();
    let mut first = true;
    loop {
        match conductor.ports.releases.journal().streams().await {
            Ok(streams) => {
                for stream in streams {
                    if known.insert(stream.release.clone(), stream.head) == Some(stream.head) {
                        continue;
                    }
                    let nudged = match conductor.drivers.lock().await.get(&stream.release) {
                        Some(conducted) => {
                            conducted.nudge.notify_one();
                            true
                        }
                        None => false,
                    };
                    if !nudged && adopt == Adopt::Every {
                        adopt_release(&conductor, &stream.release).await;
                    }
                }
            }
            Err(error) if first => return Err(LoadError::Journal(error).into()),
            Err(error) => {
                warn!(error = %with_causes(&error), "the journal can't be listed; it is asked again")
            }
        }
        first = false;
        match conductor.ports.limits.watch_journal_every {
            Some(every) => tokio::time::sleep(every.max(Duration::from_millis(10))).await,
            None => std::future::pending().await,
        }
    }
}

async fn adopt_release(conductor: &Conductor, release: &ReleaseId) {
    if let Err(error) = conductor.conduct(release).await {
        warn!(%release, error = %with_causes(&error), "the release is left alone");
    }
}
