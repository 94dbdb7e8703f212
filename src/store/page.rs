//! Long lists, a page at a time.

/// The most rows one page holds, whatever was asked.
pub const PAGE_LIMIT: u32 = 500;

/// A page of rows, and where the next page begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page<T, C> {
    /// Rows, in the order asked.
    pub items: Vec<T>,
    /// What to ask for `after`; `None` when nothing follows.
    pub next: Option<C>,
}

/// How many rows one page holds where so many were asked for.
pub(super) fn rows_of_page(asked: u32) -> u32 {
    asked.clamp(1, PAGE_LIMIT)
}

/// The page out of rows of which one more was read than it holds: that one tells whether another page follows.
pub(super) fn page<T, C>(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Page<T, C> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(cursor);
    Page { items, next }
}
