//! STUB
use super::{Digest, SealedLine};
use crate::unit::{Actor, ReleaseId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use thiserror::Error;
/// stub
#[derive(Debug, Error)]
#[error("malformed {0}")]
pub struct Malformed(String);
/// stub
#[derive(Debug, Error)]
#[error("seal {0}")]
pub struct SealError(String);
/// stub
#[derive(Serialize, Deserialize)]
struct Raw<'a> {
    v: u32,
    release: ReleaseId,
    seq: u64,
    prev: Digest,
    at: Timestamp,
    by: Actor,
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}
/// stub
pub struct Envelope<'a> {
    /// x
    pub release: ReleaseId,
    /// x
    pub seq: u64,
    /// x
    pub prev: Digest,
    /// x
    pub at: Timestamp,
    /// x
    pub by: Actor,
    /// x
    pub kind: Cow<'a, str>,
    /// x
    pub data: &'a RawValue,
}
impl<'a> Envelope<'a> {
    /// stub
    pub fn read(line: &'a [u8]) -> Result<Self, Malformed> {
        let raw: Raw<'a> = serde_json::from_slice(line).map_err(|e| Malformed(e.to_string()))?;
        Ok(Self {
            release: raw.release,
            seq: raw.seq,
            prev: raw.prev,
            at: raw.at,
            by: raw.by,
            kind: raw.kind,
            data: raw.data,
        })
    }
    /// stub
    pub fn seal(&self) -> Result<SealedLine, SealError> {
        let raw = Raw {
            v: 1,
            release: self.release.clone(),
            seq: self.seq,
            prev: self.prev,
            at: self.at,
            by: self.by.clone(),
            kind: self.kind.clone(),
            data: self.data,
        };
        let bytes = serde_json::to_vec(&raw).map_err(|e| SealError(e.to_string()))?;
        Ok(SealedLine::seal(self.seq, self.prev, bytes))
    }
}
