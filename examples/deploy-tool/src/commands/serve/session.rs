use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, header};
use relman_core::unit::Actor;
use sha2::{Digest, Sha256};

use crate::{config::Config, failure::Failure};

/// The name of the cookie.
pub(super) const COOKIE: &str = "relman_session";

/// How long somebody stays signed in: a working day.
pub(super) const LASTS: Duration = Duration::from_hours(12);

/// So many sessions are kept; the oldest end first. People have a few browsers, and nobody has thousands.
const MOST: usize = 1_000;

/// Who can sign in, and who has.
///
/// Tokens are kept as hashes, sessions live in this process alone, and neither is ever printed.
pub(super) struct Sessions {
    tokens: Vec<([u8; 32], Actor)>,
    open: Mutex<BTreeMap<[u8; 32], Session>>,
}

struct Session {
    actor: Actor,
    until: Instant,
}

impl Sessions {
    /// The people of the configuration.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] where a token can't be found, or a hash is none; neither is quoted.
    pub(super) fn of(config: &Config) -> Result<Self, Failure> {
        let wrong = |actor: &Actor, why: &str| {
            Failure::usage(format_args!("{}: [web] token of {actor}: {why}", config.origin()))
        };
        let mut tokens = Vec::new();
        for (actor, source) in &config.web().tokens {
            let token = source.resolve().map_err(|error| wrong(actor, &error.to_string()))?;
            if token.expose().len() < 16 {
                return Err(wrong(
                    actor,
                    "it is shorter than 16 characters, which can be guessed; make a longer one",
                ));
            }
            tokens.push((hash(token.expose()), actor.clone()));
        }
        for (actor, text) in &config.web().token_hashes {
            let digest =
                from_hex(text).ok_or_else(|| wrong(actor, "the hash is not 64 hexadecimal digits"))?;
            tokens.push((digest, actor.clone()));
        }
        Ok(Self { tokens, open: Mutex::default() })
    }

    /// How many people can sign in.
    pub(super) fn known(&self) -> usize {
        let actors: std::collections::BTreeSet<&Actor> = self.tokens.iter().map(|(_, actor)| actor).collect();
        actors.len()
    }

    /// Opens a session for the one whose token this is; the value of its cookie.
    ///
    /// Hashes are compared and not tokens, so that the time which it takes tells nothing about a token.
    pub(super) fn open(&self, token: &str) -> Option<String> {
        let digest = hash(token.trim());
        let (_, actor) = self.tokens.iter().find(|(known, _)| *known == digest)?;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        let cookie = to_hex(&bytes);
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| session.until > now);
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                open.remove(&oldest);
            }
        }
        open.insert(hash(&cookie), Session { actor: actor.clone(), until: now + LASTS });
        Some(cookie)
    }

    /// Ends the session of a request.
    pub(super) fn close(&self, headers: &HeaderMap) {
        if let Some(cookie) = cookie(headers) {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(cookie));
        }
    }

    /// Who sends a request.
    pub(super) fn who(&self, headers: &HeaderMap) -> Option<Actor> {
        let key = hash(cookie(headers)?);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&key).filter(|session| session.until > Instant::now()).map(|session| session.actor.clone())
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}
