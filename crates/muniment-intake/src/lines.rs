//! Lines of a stream, bounded in size: a line that is too long is skipped, not collected.

use std::io::{self, BufRead};

/// One line as it was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The buffer holds it, without its end.
    Whole,
    /// Longer than the bound; skipped up to its end.
    TooLong,
    /// No line is left.
    End,
}

/// Reads the next line into `buffer`, at most `bytes_max` bytes without the line feed.
///
/// # Errors
/// Whatever the reader answers; what was read of the line by then is no line.
pub(crate) fn next_line<R: BufRead>(
    reader: &mut R,
    buffer: &mut Vec<u8>,
    bytes_max: usize,
) -> io::Result<Line> {
    buffer.clear();
    let mut too_long = false;
    let mut any = false;
    loop {
        let chunk = match reader.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(if too_long {
                Line::TooLong
            } else if any {
                Line::Whole
            } else {
                Line::End
            });
        }
        any = true;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let content = &chunk[..end.unwrap_or(chunk.len())];
        if too_long || buffer.len() + content.len() > bytes_max {
            too_long = true;
            buffer.clear();
        } else {
            buffer.extend_from_slice(content);
        }
        let used = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(if too_long { Line::TooLong } else { Line::Whole });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_over_the_bound_is_skipped_and_the_next_one_read() {
        for capacity in 1..12 {
            let mut reader = BufReader::with_capacity(capacity, &b"four\nfive5 or more\n\nlast"[..]);
            let mut buffer = Vec::new();
            let mut read = || {
                let line = next_line(&mut reader, &mut buffer, 4).unwrap();
                (line, String::from_utf8(buffer.clone()).unwrap())
            };
            assert_eq!(read(), (Line::Whole, "four".to_owned()), "capacity {capacity}");
            assert_eq!(read(), (Line::TooLong, String::new()), "capacity {capacity}");
            assert_eq!(read(), (Line::Whole, String::new()), "capacity {capacity}");
            assert_eq!(read(), (Line::Whole, "last".to_owned()), "capacity {capacity}");
            assert_eq!(read(), (Line::End, String::new()), "capacity {capacity}");
        }
    }
}
