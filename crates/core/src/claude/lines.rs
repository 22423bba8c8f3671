//! Chunks of bytes become lines.

/// The longest line that is read; a longer one is dropped, so that it cannot fill the memory.
pub const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// Maximum size of the buffer that is kept between lines.
const MAX_IDLE_BUFFER: usize = 64 * 1024;

/// The beginning of a line whose end has not been read yet.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
    /// Inside a line that was too long: everything up to its end is dropped.
    dropping: bool,
}

impl Lines {
    /// Calls `read` with every line that this chunk completes, blank ones left out. Returns how many lines were
    /// dropped for their length.
    pub fn push(&mut self, chunk: &[u8], mut read: impl FnMut(&[u8])) -> u64 {
        let mut dropped = 0;
        let mut chunk = chunk;
        while let Some(end) = memchr::memchr(b'\n', chunk) {
            let (line, following) = chunk.split_at(end);
            chunk = &following[1..];
            if self.dropping {
                self.dropping = false;
            } else if self.rest.len() + line.len() > LONGEST_LINE {
                dropped += 1;
                self.rest = Vec::new();
            } else if self.rest.is_empty() {
                read_line(line, &mut read);
            } else {
                self.rest.extend_from_slice(line);
                read_line(&self.rest, &mut read);
                self.rest.clear();
                self.rest.shrink_to(MAX_IDLE_BUFFER);
            }
        }
        if !self.dropping {
            self.rest.extend_from_slice(chunk);
            if self.rest.len() > LONGEST_LINE {
                dropped += 1;
                self.dropping = true;
                self.rest = Vec::new();
            }
        }
        dropped
    }

    /// The output has ended: what is left is a line, too. Returns how many lines were dropped, as `push` does.
    pub fn end(&mut self, read: impl FnMut(&[u8])) -> u64 {
        self.push(b"\n", read)
    }
}

fn read_line(line: &[u8], read: &mut impl FnMut(&[u8])) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        read(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> (Vec<String>, u64) {
        let mut lines = Lines::default();
        let mut read = Vec::new();
        let mut dropped = 0;
        for chunk in chunks {
            dropped += lines.push(chunk, |line| {
                read.push(String::from_utf8_lossy(line).into_owned());
            });
        }
        dropped += lines.end(|line| read.push(String::from_utf8_lossy(line).into_owned()));
        (read, dropped)
    }

    #[test]
    fn chunks_end_anywhere() {
        let text = "one\r\n\n two\u{2028}é\nthree".as_bytes();
        let whole = lines(&[text]);
        assert_eq!(whole.0, ["one", "two\u{2028}é", "three"]);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(lines(&bytes), whole);
    }

    #[test]
    fn a_buffer_that_grew_for_one_line_is_released() {
        let mut lines = Lines::default();
        let long = vec![b'x'; 1 << 20];
        lines.push(&long, |_| {});
        lines.push(&long, |_| {});
        assert!(lines.rest.capacity() > 1 << 20);
        lines.push(b"\nrest", |_| {});
        assert!(lines.rest.capacity() <= MAX_IDLE_BUFFER);
        assert_eq!(lines.rest, b"rest");
    }

    #[test]
    fn a_line_that_is_too_long_is_dropped_and_the_next_one_read() {
        let long = vec![b'x'; LONGEST_LINE / 2 + 1];
        assert_eq!(lines(&[&long, &long, &long, b"\nnext\n"]), (vec!["next".to_owned()], 1));
    }
}
