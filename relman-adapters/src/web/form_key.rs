use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use relman_core::{
    chain::Head,
    unit::{Actor, ReleaseId},
};
use sha2::Sha256;

/// The key that signs forms, so that only this process can have made one.
///
/// It lives as long as the process. Forms from before a restart are refused, with the advice to reload the page.
pub(super) struct FormKey([u8; 32]);

impl FormKey {
    /// Makes a key from the random bytes of the operating system.
    pub(super) fn random() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the operating system has random bytes");
        Self(key)
    }

    /// Returns the token of a form: it is valid for one person, one action, one release and the head that was shown.
    pub(super) fn sign(&self, actor: &Actor, action: &str, release: &ReleaseId, shown: &Head) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.mac(actor, action, release, shown).finalize().into_bytes() {
            // Writing to a string does not fail.
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        }
        text
    }

    /// Whether a token was made here for exactly this. The comparison takes the same time whatever was sent.
    pub(super) fn is_ours(
        &self,
        token: &str,
        actor: &Actor,
        action: &str,
        release: &ReleaseId,
        shown: &Head,
    ) -> bool {
        let Some(bytes) = from_hex(token) else { return false };
        self.mac(actor, action, release, shown).verify_slice(&bytes).is_ok()
    }

    fn mac(&self, actor: &Actor, action: &str, release: &ReleaseId, shown: &Head) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key may have any length");
        // None of the parts can contain a line feed.
        let text = format!("{actor}\n{action}\n{release}\n{}\n{}", shown.seq, shown.digest);
        mac.update(text.as_bytes());
        mac
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use relman_core::chain::Digest;

    use super::*;

    #[test]
    fn a_token_is_valid_for_one_person_one_action_and_one_head() {
        let (key, other) = (FormKey::random(), FormKey::random());
        let (ana, ben): (Actor, Actor) = ("user:ana".parse().unwrap(), "user:ben".parse().unwrap());
        let release: ReleaseId = "checkout-241".parse().unwrap();
        let head = Head { seq: 7, digest: Digest::ZERO };
        let token = key.sign(&ana, "approve", &release, &head);
        assert!(key.is_ours(&token, &ana, "approve", &release, &head));
        assert!(!other.is_ours(&token, &ana, "approve", &release, &head));
        assert!(!key.is_ours(&token, &ben, "approve", &release, &head));
        assert!(!key.is_ours(&token, &ana, "rollback", &release, &head));
        assert!(!key.is_ours(&token, &ana, "approve", &release, &Head { seq: 8, ..head }));
        for broken in ["", "00", &"z".repeat(64), &"é".repeat(32)] {
            assert!(!key.is_ours(broken, &ana, "approve", &release, &head));
        }
    }
}
