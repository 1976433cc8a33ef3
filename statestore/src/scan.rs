//! Scans: pages of keys, in an order that changes of other keys do not disturb.
//!
//! Keys are listed shard by shard, and within a shard in their own order. A token names the shard
//! and the last key that was looked at, so that a page needs nothing of the page before it but the
//! token, on any replica. A key that exists during the whole scan is listed exactly once.

use catena_store::{Refusal, Scan, glob};

use crate::limits::{SCAN_STEPS_MAX, SCAN_STEPS_PER_KEY};
use crate::table::SHARDS;
use crate::{Now, StateStore};

/// The first byte of tokens: which form they have.
const FORM: u8 = 1;

/// Where a page begins: after this key of this shard. No key is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start<'a> {
    shard: usize,
    after: &'a [u8],
}

/// One page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// Whole keys.
    pub keys: Vec<&'a [u8]>,
    /// Where the next page begins; absent on the last.
    pub token: Option<Vec<u8>>,
}

impl StateStore {
    /// A page of the keys that are `visible`. What has expired at `now` is not there.
    ///
    /// # Errors
    /// `Syntax` for a token that no page ended with.
    pub fn scan(
        &self,
        now: Now,
        scan: &Scan<'_>,
        visible: impl Fn(&[u8]) -> bool,
    ) -> Result<Page<'_>, Refusal> {
        let time = now.time;
        let start = parse(scan.token).ok_or(Refusal::Syntax)?;
        let mut page = Vec::new();
        let mut steps = 0;
        let mut keys: Vec<&[u8]> = Vec::new();
        for shard in start.shard..SHARDS {
            keys.clear();
            let after = if shard == start.shard {
                start.after
            } else {
                b""
            };
            let alive = self
                .table
                .shard(shard)
                .filter(|record| record.is_alive(time));
            keys.extend(alive.map(|record| record.key()).filter(|key| *key > after));
            keys.sort_unstable();
            for key in &keys {
                steps += SCAN_STEPS_PER_KEY;
                if glob::matches_counted(scan.pattern, key, &mut steps) && visible(key) {
                    page.push(*key);
                }
                if page.len() as u64 >= self.settings.scan_page_keys || steps > SCAN_STEPS_MAX {
                    let token = Some(token(Start { shard, after: key }));
                    return Ok(Page { keys: page, token });
                }
            }
        }
        Ok(Page {
            keys: page,
            token: None,
        })
    }
}

fn token(start: Start<'_>) -> Vec<u8> {
    [&[FORM, start.shard as u8], start.after].concat()
}

/// `None` for a token that no page ended with.
fn parse(token: Option<&[u8]>) -> Option<Start<'_>> {
    let Some(token) = token else {
        let (shard, after) = (0, b"".as_slice());
        return Some(Start { shard, after });
    };
    match token {
        [FORM, shard, after @ ..] if !after.is_empty() => Some(Start {
            shard: usize::from(*shard),
            after,
        }),
        _ => None,
    }
}

const _: () = assert!(SHARDS == u8::MAX as usize + 1);
