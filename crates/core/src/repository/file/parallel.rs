//! Work on many items on several threads.

use std::num::NonZero;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// Number of items that a thread takes at once; fewer are not worth a thread.
const CHUNK: usize = 32;

/// Maximum number of threads; more only compete.
const MAX_THREADS: usize = 8;

/// Returns the results of the work on the items, in their order. The first error ends it.
pub fn par_filter_map<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<Option<T>> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let take = || -> Result<Vec<(usize, Vec<T>)>> {
        let mut chunks = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            if start >= items.len() {
                return Ok(chunks);
            }
            let chunk = items[start..items.len().min(start + CHUNK)].iter();
            match chunk.filter_map(|item| work(item).transpose()).collect() {
                Ok(results) => chunks.push((start, results)),
                Err(error) => {
                    // Nothing is left for the others.
                    next.store(items.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    let chunks = items.len().div_ceil(CHUNK);
    let helpers = if chunks > 1 { threads().min(chunks) - 1 } else { 0 };
    let mut chunks = thread::scope(|scope| -> Result<_> {
        // Without a thread the others do its part.
        let helpers: Vec<_> =
            (0..helpers).filter_map(|_| thread::Builder::new().spawn_scoped(scope, take).ok()).collect();
        let mut chunks = take()?;
        for helper in helpers {
            match helper.join() {
                Ok(more) => chunks.extend(more?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(chunks)
    })?;
    chunks.sort_unstable_by_key(|(start, _)| *start);
    Ok(chunks.into_iter().flat_map(|(_, results)| results).collect())
}

fn threads() -> usize {
    /// Determined once, because the kernel's answer is in several files.
    static THREADS: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(2, NonZero::get).min(MAX_THREADS));
    *THREADS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn the_results_are_in_the_order_of_the_items() {
        for length in [0, 1, CHUNK, 10 * CHUNK + 1] {
            let items: Vec<usize> = (0..length).collect();
            let made = par_filter_map(&items, |item| Ok((item % 3 == 0).then_some(*item))).unwrap();
            assert_eq!(made, items.iter().copied().filter(|item| item % 3 == 0).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_is_the_result_of_all() {
        let items: Vec<usize> = (0..1_000).collect();
        let made = par_filter_map(&items, |item| match item {
            500 => Err(Error::internal("on purpose")),
            _ => Ok(Some(())),
        });
        assert_eq!(made.unwrap_err().code(), "INTERNAL");
    }
}
