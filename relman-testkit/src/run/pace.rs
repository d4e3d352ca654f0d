use relman_core::chain::Digest;

/// Who is next where two conductors drive one stream: a pattern of turns that comes from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Pace {
    pattern: u64,
    turn: u32,
}

impl Pace {
    pub(super) fn new(seed: u64) -> Self {
        let digest = Digest::of_line(format!("turns {seed}").as_bytes());
        let (first, _) = digest.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
        Self { pattern: u64::from_be_bytes(*first), turn: 0 }
    }

    /// What the pattern says of this turn; the next one is the next bit, round and round.
    pub(super) fn take(&mut self) -> bool {
        let bit = self.pattern >> (self.turn % u64::BITS) & 1 == 1;
        self.turn = (self.turn + 1) % u64::BITS;
        bit
    }
}
