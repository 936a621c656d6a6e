//! Work that several threads share.
//!
//! A thread takes what is next when it has done what it took before: some have less of a processor than others.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads get something done at once.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Items that threads take from, one at a time.
#[derive(Debug)]
pub(crate) struct Queue<'t, T> {
    items: &'t [T],
    next: AtomicUsize,
}

/// What one thread made, each with its item's number.
pub(crate) type Made<R> = Vec<(usize, R)>;

impl<'t, T> Queue<'t, T> {
    /// Takes items until there are no more, or one fails, in whichever thread.
    pub(crate) fn each<R, E>(&self, mut work: impl FnMut(&'t T) -> Result<R, E>) -> Result<Made<R>, E> {
        let mut made = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = self.items.get(number) else { return Ok(made) };
            match work(item) {
                Ok(done) => made.push((number, done)),
                Err(error) => {
                    self.next.store(self.items.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }
}

/// Lets so many threads take from the items, this one `here` and the others `elsewhere`; returns what they made in the
/// items' order. There are never more threads than items, and fewer where the system gives no more.
pub(crate) fn share<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    here: impl FnOnce(&Queue<'_, T>) -> Result<Made<R>, E>,
    elsewhere: impl Fn(&Queue<'_, T>) -> Result<Made<R>, E> + Sync,
) -> Result<Vec<R>, E> {
    let queue = Queue { items, next: AtomicUsize::new(0) };
    let mut made = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, || elsewhere(&queue)).ok();
        let others: Vec<_> = (1..threads.min(items.len())).map_while(spawn).collect();
        let mut made = here(&queue)?;
        for thread in others {
            made.append(&mut thread.join().expect("shared work does not panic")?);
        }
        Ok::<_, E>(made)
    })?;
    made.sort_unstable_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_in_the_order_of_the_items_whoever_made_it() {
        let items: Vec<usize> = (0..1000).collect();

        let doubled = share(
            &items,
            3,
            |queue| queue.each(|item| Ok::<_, ()>(item * 2)),
            |queue| queue.each(|item| Ok(item * 2)),
        );

        assert_eq!(doubled, Ok(items.iter().map(|item| item * 2).collect()));
    }

    #[test]
    fn after_an_error_nothing_is_taken_any_more() {
        let items: Vec<usize> = (0..1000).collect();
        let queue = Queue { items: &items, next: AtomicUsize::new(0) };

        assert_eq!(queue.each(|item| if *item == 7 { Err(*item) } else { Ok(()) }), Err(7));
        assert_eq!(queue.each(|item| Err::<(), usize>(*item)), Ok(Vec::new()));
    }

    #[test]
    fn an_error_of_any_thread_is_the_error_of_all() {
        let failing = |item: &usize| if *item == 700 { Err("the item can't be used") } else { Ok(()) };
        let items: Vec<usize> = (0..1000).collect();

        let made = share(&items, 2, |queue| queue.each(failing), |queue| queue.each(failing));

        assert_eq!(made, Err("the item can't be used"));
    }
}
