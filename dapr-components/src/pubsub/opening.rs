//! Streams that were opened and that the broker does not know of yet.
//!
//! A sidecar takes a subscription for made as soon as it has opened the stream. What it publishes
//! behind that must find the subscription at the broker: a publish waits for it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How many streams of an instance are being opened.
#[derive(Debug)]
pub(super) struct Openings(watch::Sender<usize>);

/// One of them, until this value is dropped.
#[derive(Debug)]
pub(super) struct Opening(watch::Sender<usize>);

impl Openings {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Counts one more.
    pub(super) fn begin(&self) -> Opening {
        self.0.send_modify(|count| *count += 1);
        Opening(self.0.clone())
    }

    /// Waits until the broker has answered for all that are there, or `within` is over: a broker
    /// that grants a subscription late holds no publisher up for long.
    pub(super) async fn settled(&self, within: Duration) {
        let mut count = self.0.subscribe();
        // It cannot be closed while this is there.
        let _ = timeout(within, count.wait_for(|count| *count == 0)).await;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_publish_waits_for_streams_that_are_being_opened() {
        let openings = Openings::new();
        openings.settled(Duration::MAX).await;
        let (one, other) = (openings.begin(), openings.begin());
        let waiting = openings.settled(Duration::from_secs(3600));
        tokio::pin!(waiting);
        drop(one);
        tokio::select! {
            biased;
            () = &mut waiting => panic!("one is still being opened"),
            () = std::future::ready(()) => {}
        }
        drop(other);
        waiting.await;
    }

    #[tokio::test]
    async fn it_does_not_wait_for_ever() {
        let openings = Openings::new();
        let _one = openings.begin();
        openings.settled(Duration::from_millis(1)).await;
    }
}
