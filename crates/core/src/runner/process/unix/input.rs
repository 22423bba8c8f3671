//! The input of a process: lines are queued and written as fast as it reads them, without blocking.

use std::io::{self, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};

/// The writing end of a process's input.
#[derive(Debug)]
pub struct InputPipe {
    pipe: Option<PipeWriter>,
    queue: Vec<u8>,
    /// Number of bytes of the queue that were written.
    written: usize,
    /// Close it when the queue is empty.
    is_closing: bool,
}

impl InputPipe {
    /// An open pipe.
    pub fn new(pipe: PipeWriter) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&pipe)?;
        rustix::fs::fcntl_setfl(&pipe, flags | rustix::fs::OFlags::NONBLOCK)?;
        Ok(Self { pipe: Some(pipe), queue: Vec::new(), written: 0, is_closing: false })
    }

    /// The input of an adopted process, which is closed.
    pub fn closed() -> Self {
        Self { pipe: None, queue: Vec::new(), written: 0, is_closing: false }
    }

    /// Queues a line.
    pub fn push(&mut self, line: &[u8]) {
        if self.pipe.is_some() && !self.is_closing {
            self.queue.extend_from_slice(line);
        }
    }

    /// Closes the pipe once all is written.
    pub fn close(&mut self) {
        self.is_closing = true;
    }

    /// Closes the pipe at once.
    pub fn close_now(&mut self) {
        *self = Self::closed();
    }

    /// Writes as much as fits into the pipe. Returns `false` if the process does not read its input any more.
    pub fn flush(&mut self) -> bool {
        while let Some(pipe) = self.pipe.as_mut().filter(|_| self.written < self.queue.len()) {
            match pipe.write(&self.queue[self.written..]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.close_now();
                    return false;
                }
            }
        }
        // The memory of a large prompt is not needed any more.
        self.queue = Vec::new();
        self.written = 0;
        if self.is_closing {
            self.pipe = None;
        }
        true
    }

    /// The pipe, while something waits to be written.
    pub fn waiting(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().filter(|_| self.written < self.queue.len()).map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_large_prompt_is_written_as_it_is_read() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut input = InputPipe::new(writer).unwrap();
        let prompt = vec![b'x'; 5_000_000];
        input.push(&prompt);
        input.close();
        assert!(input.flush() && input.waiting().is_some());
        let reading = std::thread::spawn(move || {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).unwrap();
            read.len()
        });
        while input.waiting().is_some() {
            assert!(input.flush());
        }
        assert_eq!(reading.join().unwrap(), prompt.len());
    }

    #[test]
    fn a_reader_that_is_gone_is_noticed() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut input = InputPipe::new(writer).unwrap();
        drop(reader);
        input.push(b"x\n");
        assert!(!input.flush());
        input.push(b"y\n");
        assert!(input.flush() && input.waiting().is_none());
    }
}
