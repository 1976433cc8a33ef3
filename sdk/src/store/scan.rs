//! Which keys there are.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use catena_store::{Command, Page, Scan};
use futures_core::Stream;

use super::calls::list;
use crate::{Error, StateStore};

/// The keys that a scan lists, in an order of the store's own. Also a
/// [`Stream`](futures_core::Stream).
///
/// A key that is there during the whole scan is listed exactly once; one that comes or goes
/// meanwhile may be listed. Pages are asked for as they are needed: whoever stops reading asks for
/// no more. Where the store listed nothing for a long time, one more page is one more request.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::StateStore;
///
/// let store = StateStore::new(&client).await?;
/// store.set("job/4711", "robot-7").await?;
/// store.set("line/1", "runs").await?;
///
/// let mut jobs = store.scan("job/*");
/// while let Some(key) = jobs.next().await? {
///     println!("{}", String::from_utf8_lossy(&key));
///     assert_eq!(key, "job/4711");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is asked for before the first key is wanted"]
pub struct Keys {
    store: StateStore,
    pattern: Bytes,
    keys: VecDeque<Bytes>,
    next: Next,
}

/// Where the next page comes from.
enum Next {
    /// It begins here; `None` for the first.
    At(Option<Bytes>),
    Asked(Pin<Box<Asking>>),
    /// There is none.
    End,
}

/// The token that a page was asked for with, and the page.
type Asking = dyn Future<Output = (Option<Bytes>, Result<Listed, Error>)> + Send;

struct Listed {
    keys: VecDeque<Bytes>,
    token: Option<Bytes>,
}

impl Keys {
    /// The next key; `None` when all are listed.
    ///
    /// Cancel safe: no key is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// As [`StateStore::get`]. The next call asks for the same page again.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context))
            .await
            .transpose()
    }

    /// All keys that are left.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn collect(mut self) -> Result<Vec<Bytes>, Error> {
        let mut all = Vec::new();
        while let Some(key) = self.next().await? {
            all.push(key);
        }
        Ok(all)
    }
}

impl Stream for Keys {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(key) = self.keys.pop_front() {
                return Poll::Ready(Some(Ok(key)));
            }
            match &mut self.next {
                Next::End => return Poll::Ready(None),
                Next::At(token) => {
                    let token = token.clone();
                    let asking = page(self.store.clone(), self.pattern.clone(), token);
                    self.next = Next::Asked(Box::pin(asking));
                }
                Next::Asked(asking) => {
                    let (token, listed) = ready!(asking.as_mut().poll(context));
                    match listed {
                        Ok(listed) => {
                            self.next = listed.token.map_or(Next::End, |at| Next::At(Some(at)));
                            self.keys = listed.keys;
                        }
                        Err(error) => {
                            self.next = Next::At(token);
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
            }
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl StateStore {
    /// Lists the keys that match a pattern, byte by byte: `*` is any run, `?` exactly one, `[0-9]`
    /// one of a set of bytes and ranges; all else is literal.
    pub fn scan(&self, pattern: impl Into<Bytes>) -> Keys {
        Keys {
            store: self.clone(),
            pattern: pattern.into(),
            keys: VecDeque::new(),
            next: Next::At(None),
        }
    }

    /// Lists the keys that begin with these bytes.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let broker = catena_sdk_testing::Broker::start()?;
    /// # let client = catena_sdk::Client::connect(&broker.url()).await?;
    /// # let store = catena_sdk::StateStore::new(&client).await?;
    /// store.set("line-1/speed", "12").await?;
    /// store.set("line-2/speed", "9").await?;
    /// let mut keys = store.scan_prefix("line-1/");
    /// while let Some(key) = keys.next().await? {
    ///     assert_eq!(key, "line-1/speed");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Keys {
        let mut pattern = Vec::new();
        for byte in prefix.as_ref() {
            match byte {
                // A set of one.
                b'*' | b'?' | b'[' => pattern.extend_from_slice(&[b'[', *byte, b']']),
                _ => pattern.push(*byte),
            }
        }
        pattern.push(b'*');
        self.scan(pattern)
    }
}

/// One page, and the token that it was asked for with.
async fn page(
    store: StateStore,
    pattern: Bytes,
    token: Option<Bytes>,
) -> (Option<Bytes>, Result<Listed, Error>) {
    let listed = listed(&store, &pattern, token.as_deref()).await;
    (token, listed)
}

async fn listed(store: &StateStore, pattern: &[u8], token: Option<&[u8]>) -> Result<Listed, Error> {
    let command = Command::Scan(Scan { pattern, token });
    let payload = store.calls().ask(&command, store.wait()).await?.payload;
    let page = list(Page::parse(&payload))?;
    let keys = page.keys.iter().map(|key| payload.slice_ref(key));
    Ok(Listed {
        keys: keys.collect(),
        token: page.token.map(|token| payload.slice_ref(token)),
    })
}
