//! Lines of a file, with a bound on their length.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

/// Two bytes more than the longest record: what is cut off there is too long all the same.
const MAX_BYTES: u64 = 65_537;

/// The lines of a file, one at a time.
pub(super) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a line feed.
    LineFeed,
    /// With the file, or it is longer than a record can be.
    Open,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { reader: BufReader::new(File::open(path)?), line: Vec::new(), number: 0 })
    }

    /// The next line without its line feed; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], Ending)>> {
        self.line.clear();
        if self.reader.by_ref().take(MAX_BYTES).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let ending = match self.line.pop_if(|last| *last == b'\n') {
            Some(_) => Ending::LineFeed,
            None => Ending::Open,
        };
        Ok(Some((&self.line, ending)))
    }

    /// The number of the last line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}
