//! Many items at once: side by side, but those of one name one after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::failure::{Failure, Kind};

/// How many items are under way at most, whatever a sidecar asks for: as many requests as the
/// client has in flight.
const PARALLELISM_MAX: usize = 64;

/// An item, and where its answer belongs.
type Numbered<I> = (usize, I);

/// Items of one name.
type Lane<I> = Vec<Numbered<I>>;

/// Does something with each item, also when it fails for others. Results come in the order of the
/// items. Of a name's items each waits for the one before, so that the last one wins.
pub(crate) async fn each<I, T, F>(
    items: Vec<I>,
    name: impl Fn(&I) -> &str,
    parallelism: i64,
    work: impl Fn(I) -> F + Clone + Send + 'static,
) -> Vec<Result<T, Failure>>
where
    I: Send + 'static,
    T: Send + 'static,
    F: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let count = items.len();
    let lanes = Arc::new(Mutex::new(lanes(items, name)));
    let mut workers = JoinSet::new();
    for _ in 0..limit(parallelism, count) {
        let (lanes, work) = (Arc::clone(&lanes), work.clone());
        workers.spawn(async move {
            let mut done = Vec::new();
            while let Some(lane) = next(&lanes) {
                for (index, item) in lane {
                    done.push((index, work(item).await));
                }
            }
            done
        });
    }
    let mut results: Vec<Option<Result<T, Failure>>> = Vec::new();
    results.resize_with(count, || None);
    while let Some(done) = workers.join_next().await {
        // A panic has been told where it happened.
        for (index, result) in done.unwrap_or_default() {
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
        }
    }
    let missing = || Err(Failure::new(Kind::Internal, "the item was not looked at"));
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(missing))
        .collect()
}

/// 0 and less is no limit of the caller's.
fn limit(parallelism: i64, count: usize) -> usize {
    let asked = usize::try_from(parallelism).unwrap_or(0);
    let asked = if asked == 0 { PARALLELISM_MAX } else { asked };
    asked.min(PARALLELISM_MAX).min(count)
}

fn lanes<I>(items: Vec<I>, name: impl Fn(&I) -> &str) -> Vec<Lane<I>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut lanes: Vec<Lane<I>> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let place = *places.entry(name(&item).to_owned()).or_insert(lanes.len());
        match lanes.get_mut(place) {
            Some(lane) => lane.push((index, item)),
            None => lanes.push(vec![(index, item)]),
        }
    }
    // Workers take from the end.
    lanes.reverse();
    lanes
}

fn next<I>(lanes: &Mutex<Vec<Lane<I>>>) -> Option<Lane<I>> {
    lanes.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_items_are_done_in_the_order_of_their_name() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let items = vec!["a1", "b1", "a2", "c1", "a3"];
        let kept = Arc::clone(&log);
        let results = each(
            items,
            |item| &item[..1],
            0,
            move |item| {
                let log = Arc::clone(&kept);
                async move {
                    tokio::task::yield_now().await;
                    log.lock().unwrap().push(item);
                    match item {
                        "b1" => Err(Failure::new(Kind::Invalid, item)),
                        _ => Ok(item),
                    }
                }
            },
        )
        .await;
        let told: Vec<_> = results
            .into_iter()
            .map(|it| it.map_err(|it| it.text))
            .collect();
        assert_eq!(
            told,
            [Ok("a1"), Err("b1".to_owned()), Ok("a2"), Ok("c1"), Ok("a3")]
        );
        let log = log.lock().unwrap();
        let of_a: Vec<_> = log.iter().filter(|item| item.starts_with('a')).collect();
        assert_eq!(of_a, [&"a1", &"a2", &"a3"]);
    }

    #[tokio::test]
    async fn no_more_are_under_way_than_the_caller_wants() {
        for (parallelism, most) in [
            (1, 1),
            (3, 3),
            (0, PARALLELISM_MAX),
            (1_000, PARALLELISM_MAX),
        ] {
            let under_way = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
            let counted = Arc::clone(&under_way);
            let items: Vec<String> = (0..200).map(|n| n.to_string()).collect();
            let done = each(
                items,
                |item| item,
                parallelism,
                move |_| {
                    let (now, peak) = (Arc::clone(&counted), Arc::clone(&counted));
                    async move {
                        let count = now.0.fetch_add(1, Ordering::SeqCst) + 1;
                        peak.1.fetch_max(count, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        now.0.fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    }
                },
            );
            assert_eq!(done.await.len(), 200);
            assert_eq!(under_way.1.load(Ordering::SeqCst), most);
        }
    }

    #[tokio::test]
    async fn no_items_are_no_work() {
        let none: Vec<String> = Vec::new();
        assert!(
            each(none, |item| item, 0, |_| async { Ok(()) })
                .await
                .is_empty()
        );
    }
}
