//! Hash tables that give memory back when most of what was in them has gone.

use hashbrown::HashTable;

/// Places that are kept however few are taken.
const KEPT: usize = 1_024;

/// Shrinks a table that is mostly empty. What that costs was paid for by as many removals.
pub(crate) fn shrink<T>(table: &mut HashTable<T>, hash: impl Fn(&T) -> u64) {
    if table.capacity() > KEPT && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_large_is_small_again_and_loses_nothing() {
        let mut table = HashTable::new();
        let hash = |value: &u64| value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for value in 0..100_000 {
            table.insert_unique(hash(&value), value, hash);
        }
        for value in 0..99_000 {
            let found = table.find_entry(hash(&value), |other| *other == value);
            found.unwrap().remove();
            shrink(&mut table, hash);
        }
        assert!(table.capacity() < 16_000, "{}", table.capacity());
        let all =
            (99_000..100_000).all(|value| table.find(hash(&value), |o| *o == value).is_some());
        assert!(all && table.len() == 1_000);
    }
}
