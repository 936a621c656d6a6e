//! Lists in which nothing stands twice.

use std::fmt;
use std::str::FromStr;

use super::fields::Item;

/// The elements of a list, sorted; one that stands there twice is a problem.
pub(super) fn once<'a, T: Ord>(item: Item<'a>, read: impl Fn(&Item<'a>) -> Option<T>) -> Vec<(T, Item<'a>)> {
    let mut found: Vec<(T, Item<'a>)> =
        item.list().into_iter().filter_map(|element| Some((read(&element)?, element))).collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    for pair in found.windows(2) {
        let (first, again) = (&pair[0], &pair[1]);
        if first.0 == again.0 {
            let text = again.1.text().unwrap_or_default();
            again.1.wrong(format_args!("`{text}` stands there twice"));
        }
    }
    found.dedup_by(|(again, _), (first, _)| again == first);
    found
}

pub(super) fn sorted_once<'a, T: Ord>(item: Item<'a>, read: impl Fn(&Item<'a>) -> Option<T>) -> Vec<T> {
    once(item, read).into_iter().map(|(value, _)| value).collect()
}

/// Images, or what their names begin with, in the same way.
pub(super) fn images_once<T: Ord + FromStr<Err: fmt::Display>>(item: Item<'_>) -> Vec<(T, Item<'_>)> {
    once(item, |item| {
        if item.text()?.contains('@') {
            // Not shown: what stands before the `@` may be a password.
            item.wrong("an image is named here without a digest, and without credentials");
            return None;
        }
        item.parse()
    })
}
