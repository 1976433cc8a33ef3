//! The bounded set of `category` label values that clients choose for themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many categories are told apart, the default and `other` included.
///
/// A client picks its category in CONNECT (`metriccategory`), so without a bound it could grow the
/// metrics without end. Sixteen is well above what boards show side by side.
pub const CATEGORIES_MAX: usize = 16;

/// Longest name in bytes that is kept; a longer one counts as `other`.
const NAME_BYTES_MAX: usize = 64;

/// Names in use when the set is made: the default and the overflow.
const UNCATEGORIZED: &str = "uncategorized";
const OTHER: &str = "other";

/// The place of a category in [`Categories`]; one byte, for a connection to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Category(u8);

impl Category {
    /// What clients belong to that name no category.
    pub const UNCATEGORIZED: Self = Self(0);
    /// What clients belong to whose category came after the set was full.
    pub const OTHER: Self = Self(1);

    /// Place in a table of [`CATEGORIES_MAX`] entries.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The categories seen so far, in order of appearance.
#[derive(Debug)]
pub struct Categories {
    names: Mutex<Vec<String>>,
}

impl Categories {
    /// The default category and `other`.
    pub fn new() -> Self {
        let names = vec![UNCATEGORIZED.to_owned(), OTHER.to_owned()];
        Self {
            names: Mutex::new(names),
        }
    }

    /// The category of this name; [`Category::OTHER`] for a new name when the set is full, and for
    /// a name that is too long. Called once per connection.
    pub fn intern(&self, name: &str) -> Category {
        if name.is_empty() {
            return Category::UNCATEGORIZED;
        }
        let mut names = self.lock();
        let known = names.iter().position(|known| known == name);
        let place = known.unwrap_or(names.len());
        if place >= CATEGORIES_MAX || name.len() > NAME_BYTES_MAX {
            return Category::OTHER;
        }
        let Ok(number) = u8::try_from(place) else {
            return Category::OTHER;
        };
        if known.is_none() {
            names.push(name.to_owned());
        }
        Category(number)
    }

    /// All names with their categories, in order of appearance.
    pub fn list(&self) -> Vec<(Category, String)> {
        let names = self.lock();
        (0..=u8::MAX)
            .map(Category)
            .zip(names.iter().cloned())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Categories {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{CATEGORIES_MAX, Categories, Category};

    #[test]
    fn the_same_name_is_the_same_category() {
        let categories = Categories::new();
        let first = categories.intern("line-7");
        assert_eq!(categories.intern("line-7"), first);
        assert_ne!(categories.intern("line-8"), first);
        assert_eq!(categories.intern(""), Category::UNCATEGORIZED);
        assert_eq!(categories.intern("uncategorized"), Category::UNCATEGORIZED);
    }

    #[test]
    fn the_set_is_bounded() {
        let categories = Categories::new();
        for number in 0..1000 {
            categories.intern(&format!("category-{number}"));
        }
        assert_eq!(categories.list().len(), CATEGORIES_MAX);
        assert_eq!(categories.intern("one more"), Category::OTHER);
        assert_ne!(categories.intern("category-0"), Category::OTHER);
    }

    #[test]
    fn a_long_name_is_not_kept() {
        let categories = Categories::new();
        assert_eq!(categories.intern(&"x".repeat(65)), Category::OTHER);
        assert_eq!(categories.list().len(), 2);
    }
}
