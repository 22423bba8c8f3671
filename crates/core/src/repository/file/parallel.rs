//! Work on many items, shared out to several threads.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// So many items are taken at once; fewer are not worth a thread.
const CHUNK: usize = 32;

/// More would only stand in each other's way.
const MOST_THREADS: usize = 8;

/// What the work makes of the items, in no particular order. The first error ends it.
pub fn gather<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<Option<T>> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let take = || -> Result<Vec<T>> {
        let mut made = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            if start >= items.len() {
                return Ok(made);
            }
            for item in &items[start..items.len().min(start + CHUNK)] {
                match work(item) {
                    Ok(result) => made.extend(result),
                    Err(error) => {
                        // Nothing is left for the others.
                        next.store(items.len(), Ordering::Relaxed);
                        return Err(error);
                    }
                }
            }
        }
    };
    let chunks = items.len().div_ceil(CHUNK);
    // The number of cores is not asked for where one thread is enough: the kernel's answer takes several files.
    let helpers = if chunks > 1 { threads().min(chunks) - 1 } else { 0 };
    thread::scope(|scope| {
        // Without a thread the others do its part.
        let helpers: Vec<_> =
            (0..helpers).filter_map(|_| thread::Builder::new().spawn_scoped(scope, take).ok()).collect();
        let mut made = take()?;
        for helper in helpers {
            match helper.join() {
                Ok(more) => made.extend(more?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(made)
    })
}

fn threads() -> usize {
    thread::available_parallelism().map_or(2, NonZero::get).min(MOST_THREADS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn each_item_is_taken_once() {
        for length in [0, 1, CHUNK, 10 * CHUNK + 1] {
            let items: Vec<usize> = (0..length).collect();
            let mut made = gather(&items, |item| Ok((item % 3 == 0).then_some(*item))).unwrap();
            made.sort_unstable();
            assert_eq!(made, items.iter().copied().filter(|item| item % 3 == 0).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_is_the_result_of_all() {
        let items: Vec<usize> = (0..1_000).collect();
        let made = gather(&items, |item| match item {
            500 => Err(Error::internal("on purpose")),
            _ => Ok(Some(())),
        });
        assert_eq!(made.unwrap_err().code(), "INTERNAL");
    }
}
