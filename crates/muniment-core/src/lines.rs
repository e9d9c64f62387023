//! A cursor over untrusted text: lines ended by 0a, numbers and base64 in their one canonical form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

/// A text is not what its format says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// Not UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first wrong byte.
        at: usize,
    },
    /// A control character other than the newline.
    #[error("line {line} holds a control character")]
    Control {
        /// Line, from 1.
        line: usize,
    },
    /// The last line has no newline.
    #[error("the text does not end in a newline")]
    NoNewline,
    /// Something else stands there.
    #[error("line {line}: expected {expected}")]
    Unexpected {
        /// Line, from 1.
        line: usize,
        /// What the format has there.
        expected: &'static str,
    },
}

/// Reads a text line by line.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    rest: &'a str,
    /// Number of the line read last, from 1.
    line: usize,
}

impl<'a> Lines<'a> {
    /// Starts at the first line of `bytes`: UTF-8, no control character but 0a, ended by 0a.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, LineError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| LineError::NotUtf8 { at: error.valid_up_to() })?;
        if let Some(at) = text.bytes().position(|byte| (byte < 0x20 && byte != b'\n') || byte == 0x7f) {
            return Err(LineError::Control { line: 1 + text[..at].matches('\n').count() });
        }
        if !text.ends_with('\n') {
            return Err(LineError::NoNewline);
        }
        Ok(Self { rest: text, line: 0 })
    }

    /// The next line without its newline.
    pub(crate) fn next(&mut self, expected: &'static str) -> Result<&'a str, LineError> {
        let line = self.peek().ok_or(LineError::Unexpected { line: self.line + 1, expected })?;
        self.rest = &self.rest[line.len() + 1..];
        self.line += 1;
        Ok(line)
    }

    /// The next line without taking it.
    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.rest.split_once('\n').map(|(line, _)| line)
    }

    /// Insists that the next line is exactly this.
    pub(crate) fn exactly(&mut self, expected: &'static str) -> Result<(), LineError> {
        if self.next(expected)? != expected {
            return Err(self.unexpected(expected));
        }
        Ok(())
    }

    /// The next line's words: separated by single spaces, none empty.
    pub(crate) fn words<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[&'a str; N], LineError> {
        let words: Vec<&str> = self.next(expected)?.split(' ').collect();
        let words: Option<[&str; N]> = words.try_into().ok();
        words
            .filter(|words| words.iter().all(|word| !word.is_empty()))
            .ok_or_else(|| self.unexpected(expected))
    }

    /// Insists that a part of the line read last was well formed.
    pub(crate) fn require<T>(&self, part: Option<T>, expected: &'static str) -> Result<T, LineError> {
        part.ok_or_else(|| self.unexpected(expected))
    }

    /// What is left.
    pub(crate) const fn rest(&self) -> &'a str {
        self.rest
    }

    /// Number of the line read last, from 1.
    pub(crate) const fn line(&self) -> usize {
        self.line
    }

    /// An error about the line read last.
    pub(crate) const fn unexpected(&self, expected: &'static str) -> LineError {
        LineError::Unexpected { line: self.line, expected }
    }
}

/// Reads a decimal without sign or leading zero.
pub(crate) fn decimal<T: std::str::FromStr>(text: &str) -> Option<T> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// Writes standard base64 (RFC 4648 4).
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64 in its one canonical form: padded, slack bits zero.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| to_base64(bytes) == text)
}

/// Reads canonical base64 of exactly `N` bytes.
pub(crate) fn array_from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    from_base64(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_decimal_is_read() {
        assert_eq!(decimal::<u64>("0"), Some(0));
        assert_eq!(decimal::<u64>("18446744073709551615"), Some(u64::MAX));
        for text in ["", "00", "01", "+1", "-1", " 1", "1 ", "18446744073709551616", "1_0", "\u{661}"] {
            assert_eq!(decimal::<u64>(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_the_canonical_base64_is_read() {
        assert_eq!(from_base64("AQI="), Some(vec![1, 2]));
        for text in ["AQI", "AQJ=", "AQI==", "AQI=\n", " AQI=", "AQ-_", "A"] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }

    #[test]
    fn carriage_returns_and_missing_newlines_are_refused() {
        assert_eq!(Lines::new(b"a\r\n").err(), Some(LineError::Control { line: 1 }));
        assert_eq!(Lines::new(b"a\nb").err(), Some(LineError::NoNewline));
        assert_eq!(Lines::new(b"a\n\xff\n").err(), Some(LineError::NotUtf8 { at: 2 }));
    }
}
