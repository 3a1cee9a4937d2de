//! The lines of a file of any size, one at a time.

use std::io::{self, BufRead};

use sha2::{Digest as _, Sha256};

use super::progress::hex;

/// Most bytes of a line. A longer one is read past without being held.
pub(super) const LONGEST: usize = 1 << 20;
/// Bytes of a line that is too long which are kept, to know it by.
const HEAD: usize = 200;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) text: Text,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    Whole(Vec<u8>),
    /// The first bytes of a line that has so many.
    TooLong(Vec<u8>, u64),
}

/// See the module.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    offset: u64,
    /// Of the bytes up to there.
    hash: Sha256,
}

impl<R: BufRead> Lines<R> {
    /// Reads on from where the reader stands: after so many lines and bytes, and with these hashed.
    pub(super) fn after(reader: R, number: u64, offset: u64, hash: Sha256) -> Self {
        Self { reader, number, offset, hash }
    }

    /// Number of the line that was read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes up to the end of the line that was read last.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The hash of these bytes.
    pub(super) fn hash(&self) -> String {
        hex(self.hash.clone())
    }

    /// The next line; none at the end. A byte order mark at the head of the file is no part of it.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let (mut text, mut bytes, first) = (Vec::new(), 0_u64, self.offset == 0);
        loop {
            let buffer = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                buffer => buffer?,
            };
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
            if part.is_empty() && end.is_none() && bytes == 0 {
                return Ok(None);
            }
            bytes += part.len() as u64;
            if bytes <= LONGEST as u64 {
                text.extend_from_slice(part);
            } else if text.len() < HEAD {
                text.extend(part.iter().take(HEAD - text.len()));
            } else {
                text.truncate(HEAD);
                text.shrink_to_fit();
            }
            let (used, last) = (part.len() + usize::from(end.is_some()), end.is_some() || buffer.is_empty());
            self.hash.update(buffer.get(..used).unwrap_or_default());
            self.reader.consume(used);
            self.offset += used as u64;
            if last {
                break;
            }
        }
        self.number += 1;
        if first && text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
        }
        let text = if bytes > LONGEST as u64 { Text::TooLong(text, bytes) } else { Text::Whole(text) };
        Ok(Some(Line { number: self.number, text }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(text: &[u8], buffer: usize) -> Vec<(u64, Text, u64)> {
        let mut lines = Lines::after(BufReader::with_capacity(buffer, text), 0, 0, Sha256::new());
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.number, line.text, lines.offset()));
            let read = usize::try_from(lines.offset()).unwrap();
            assert_eq!(lines.hash(), hex(Sha256::new_with_prefix(&text[..read])));
        }
        all
    }

    fn whole(text: &str) -> Text {
        Text::Whole(text.into())
    }

    #[test]
    fn lines_are_numbered_and_measured_whatever_the_buffer() {
        for buffer in [1, 2, 3, 100] {
            let text = b"one\n\nthree\r\nfour";
            let expected = [(1, whole("one"), 4), (2, whole(""), 5), (3, whole("three\r"), 12), (4, whole("four"), 16)];
            assert_eq!(all(text, buffer), expected);
            assert_eq!(all(b"", buffer), []);
            assert_eq!(all(b"\n", buffer), [(1, whole(""), 1)]);
            assert_eq!(all(b"\xef\xbb\xbfone\n", buffer), [(1, whole("one"), 7)]);
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_known_by_its_head_and_the_next_one_is_read() {
        let text = [vec![b'a'; LONGEST], b"\n".to_vec(), vec![b'b'; LONGEST + 1], b"\nc".to_vec()].concat();
        for buffer in [1 << 10, 1 << 16, 1 << 22] {
            let lines = all(&text, buffer);
            assert_eq!(lines[0].1, Text::Whole(vec![b'a'; LONGEST]));
            assert_eq!(lines[1].1, Text::TooLong(vec![b'b'; HEAD], LONGEST as u64 + 1));
            assert_eq!(lines[2], (3, whole("c"), text.len() as u64));
        }
    }
}
