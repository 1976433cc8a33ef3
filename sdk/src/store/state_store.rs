//! Calls of the state store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use catena_store::limits::GET_MANY_KEYS_MAX;
use catena_store::{
    Command, Increment, Living, Refusal, Reply, Results, Write, encode_get_many, placement_text,
    reply,
};
use tokio::task::JoinSet;

use super::calls::{Answer, Beside, Calls, list, parse, unexpected};
use super::hub::Hub;
use super::write::{Delete, Set};
use crate::{Client, Error, Observer, Version};

/// The state store, through a client. Cloning is cheap; make one for a client and clone it.
///
/// Each call is one request and its response. It waits for up to the [timeout](Self::timeout), also
/// while there is no connection. The broker answers a request that it gets twice, because the
/// connection broke, without doing it twice. What the store refuses was
/// [not done](crate::Outcome::NotApplied), and only a full store [may do it
/// later](Error::is_retryable); of what had no answer in time the outcome is unknown.
///
/// All futures are cancel safe in the sense that nothing is left behind; the request may have been
/// sent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let broker = catena_sdk_testing::Broker::start()?;
/// # let client = catena_sdk::Client::connect(&broker.url()).await?;
/// use catena_sdk::{Set, StateStore};
/// use std::time::Duration;
///
/// let store = StateStore::new(&client).await?;
/// store.set("line-1/speed", "12").await?;
/// let entry = store.get("line-1/speed").await?.ok_or("it is gone")?;
/// assert_eq!(entry.value, "12");
///
/// // Only if nobody has changed it since.
/// if let Some(version) = &entry.version {
///     let set = Set::new("line-1/speed", "13").if_version(version);
///     assert!(store.set_with(set).await?.is_some());
/// }
///
/// let once = Set::new("line-1/job", "4711").if_absent().lifetime(Duration::from_secs(60));
/// if store.set_with(once).await?.is_none() {
///     println!("there is a job already");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StateStore {
    inner: Arc<Inner>,
    timeout: Duration,
}

#[derive(Debug)]
struct Inner {
    calls: Arc<Calls>,
    hub: Hub,
    /// A store that tells value and time to live by two commands only: it has refused to by one.
    tells_apart: AtomicBool,
}

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// Its version; `None` if the store tells none.
    pub version: Option<Version>,
}

/// How long a key lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeToLive {
    /// There is no such key.
    Absent,
    /// Until it is removed.
    Forever,
    /// So long, in whole milliseconds.
    For(Duration),
}

/// How long a call may take if nobody says otherwise.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Requests of one multi-get that are under way at a time.
const GET_MANY_REQUESTS_MAX: usize = 16;

impl StateStore {
    /// Makes the subscriptions that responses and notifications come by.
    ///
    /// # Errors
    ///
    /// See [`Client::subscribe`]; also for a second one of the same client.
    pub async fn new(client: &Client) -> Result<Self, Error> {
        let calls = Arc::new(Calls::new(client).await?);
        let hub = Hub::start(Arc::clone(&calls)).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                calls,
                hub,
                tells_apart: AtomicBool::new(false),
            }),
            timeout: TIMEOUT,
        })
    }

    /// The same store with another time that each call may take. Whole seconds travel. Default:
    /// 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_secs(1));
        self
    }

    /// The client that requests go through.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.inner.calls.client()
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// [`Error::StoreRefused`]; [`Error::TimedOut`]; else as
    /// [`Requester::request`](crate::Requester::request).
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Entry>, Error> {
        let command = Command::Get { key: key.as_ref() };
        let Answer { payload, version } = self.calls().ask(&command, self.timeout).await?;
        entry(&payload, &parse(&payload)?, version)
    }

    /// The values of several keys, in their order. What is read of keys that share the text in
    /// their first braces is read at one moment, up to 1,024 of them; others are asked for beside
    /// each other.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); for the first that fails.
    pub async fn multi_get(
        &self,
        keys: impl IntoIterator<Item = impl Into<Bytes>>,
    ) -> Result<Vec<Option<Entry>>, Error> {
        let keys: Vec<Bytes> = keys.into_iter().map(Into::into).collect();
        let mut places: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (index, key) in keys.iter().enumerate() {
            places.entry(placement_text(key)).or_default().push(index);
        }
        let mut entries = vec![None; keys.len()];
        let mut asking = JoinSet::new();
        for chunk in places.values().flat_map(|at| at.chunks(GET_MANY_KEYS_MAX)) {
            if asking.len() >= GET_MANY_REQUESTS_MAX {
                place(asking.join_next().await, &mut entries)?;
            }
            let (store, chunk) = (self.clone(), chunk.to_vec());
            let wanted = chunk.iter().filter_map(|at| keys.get(*at).cloned());
            let wanted: Vec<Bytes> = wanted.collect();
            asking.spawn(async move {
                let found = store.ask_together(&wanted).await?;
                Ok(chunk.into_iter().zip(found).collect())
            });
        }
        while let Some(done) = asking.join_next().await {
            place(Some(done), &mut entries)?;
        }
        Ok(entries)
    }

    /// Sets a value; gives back its version.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn set(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<Version, Error> {
        let version = self.set_with(Set::new(key, value)).await?;
        version.ok_or_else(|| Error::answer("a condition that nobody gave is not met"))
    }

    /// Sets a value under conditions; gives back its version, or `None` if the condition is not
    /// met.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`Error::Invalid`] for a lifetime or version that cannot be.
    pub async fn set_with(&self, set: Set) -> Result<Option<Version>, Error> {
        let token = set.fencing_token.as_ref();
        let answer = self.write(&set.write()?, token, set.persist).await?;
        match parse(&answer.payload)? {
            Reply::Ok => answer.into_version().map(Some),
            Reply::Number(reply::NOT_APPLIED | 0) => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// Removes a key. Gives back whether it was there.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.delete_with(Delete::new(copied(&key))).await
    }

    /// Removes a key if it has this value. Gives back whether it was there and had.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn delete_if(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool, Error> {
        let delete = Delete::new(copied(&key)).if_value(copied(&value));
        self.delete_with(delete).await
    }

    /// Removes a key that is protected by a fencing token. Gives back whether it was there.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn delete_fenced(
        &self,
        key: impl AsRef<[u8]>,
        token: &Version,
    ) -> Result<bool, Error> {
        let delete = Delete::new(copied(&key)).fencing_token(token);
        self.delete_with(delete).await
    }

    /// Removes a key under a condition. Gives back whether it was there and the condition met.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`Error::Invalid`] for a version that cannot be.
    pub async fn delete_with(&self, delete: Delete) -> Result<bool, Error> {
        let token = delete.fencing_token.as_ref();
        let answer = self.write(&delete.write()?, token, false).await?;
        match parse(&answer.payload)? {
            Reply::Number(reply::NOT_APPLIED) => Ok(false),
            Reply::Number(count @ 0..) => Ok(count > 0),
            other => Err(unexpected(&other)),
        }
    }

    /// Adds to the decimal number that is the value of a key, and gives back the sum. A key that
    /// is not there counts as 0; when a key expires stays as it was.
    ///
    /// Asking again after an [unknown outcome](Error::outcome) may count twice.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); refused, among others, if the value is no number of 64 bits.
    pub async fn increment(&self, key: impl AsRef<[u8]>, by: i64) -> Result<i64, Error> {
        self.add(key.as_ref(), by, None).await
    }

    /// As [`increment`](Self::increment), of a key that is protected by a fencing token.
    ///
    /// # Errors
    ///
    /// As [`increment`](Self::increment).
    pub async fn increment_fenced(
        &self,
        key: impl AsRef<[u8]>,
        by: i64,
        token: &Version,
    ) -> Result<i64, Error> {
        self.add(key.as_ref(), by, Some(token)).await
    }

    /// How long a key lives on.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn time_to_live(&self, key: impl AsRef<[u8]>) -> Result<TimeToLive, Error> {
        Ok(self.lives(key.as_ref()).await?.0)
    }

    /// The value of a key and how long the key lives on, both of the same version. A store without
    /// the feature `getpx` is asked for both at once, and again if somebody has changed the key
    /// between the two answers.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn value_with_time_to_live(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<(Entry, TimeToLive)>, Error> {
        let key = key.as_ref();
        if !self.inner.tells_apart.load(Ordering::Relaxed) {
            let command = Command::GetWithTimeToLive { key };
            let Answer { payload, version } = self.calls().ask(&command, self.timeout).await?;
            match list(Living::parse(&payload)) {
                Ok(found) => {
                    return Ok(found.map(|living| {
                        let value = payload.slice_ref(living.value);
                        (Entry { value, version }, time_to_live(living.millis))
                    }));
                }
                Err(Error::StoreRefused { text }) if text == Refusal::UnknownCommand.text() => {
                    self.inner.tells_apart.store(true, Ordering::Relaxed);
                }
                Err(error) => return Err(error),
            }
        }
        self.asked_apart(key).await
    }

    /// A value and how long its key lives on, by two requests.
    async fn asked_apart(&self, key: &[u8]) -> Result<Option<(Entry, TimeToLive)>, Error> {
        let asking = async {
            loop {
                let read = tokio::try_join!(self.get(key), self.lives(key))?;
                let (Some(entry), (left, version)) = read else {
                    return Ok(None);
                };
                // Without a version nobody can know.
                if left != TimeToLive::Absent && version.is_none_or(|v| entry.version == Some(v)) {
                    return Ok(Some((entry, left)));
                }
            }
        };
        let after = self.timeout;
        let asked = tokio::time::timeout(after, asking).await;
        asked.unwrap_or(Err(Error::TimedOut { after }))
    }

    /// The names of what the store can do beyond the published protocol, in the words of the
    /// [reference](https://github.com/catena-mqtt/catena/blob/main/docs/reference/state-store.md);
    /// none, if it only does what is published.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn features(&self) -> Result<Vec<String>, Error> {
        let answer = self.calls().ask(&Command::Features, self.timeout).await?;
        let names = match list(catena_store::Keys::parse_features(&answer.payload)) {
            Ok(names) => names,
            // It does not know the question.
            Err(Error::StoreRefused { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = names.iter().map(|name| String::from_utf8_lossy(name));
        Ok(names.map(|name| name.into_owned()).collect())
    }

    /// Is told of all changes of a key from now on. See [`Observer`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn observe(&self, key: impl Into<Bytes>) -> Result<Observer, Error> {
        let observer = Observer::new(self.clone(), key.into());
        self.inner
            .hub
            .register(observer.key(), self.timeout)
            .await?;
        Ok(observer)
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.inner.hub
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.inner.calls
    }

    /// How long a call may take.
    pub(super) fn wait(&self) -> Duration {
        self.timeout
    }

    async fn write(
        &self,
        write: &Write<'_>,
        fencing_token: Option<&Version>,
        persist: bool,
    ) -> Result<Answer, Error> {
        let mut payload = Vec::new();
        write.encode(&mut payload);
        let beside = Beside {
            fencing_token,
            persist,
        };
        self.calls().send(payload, beside, self.timeout).await
    }

    /// How long a key lives on, and its version.
    async fn lives(&self, key: &[u8]) -> Result<(TimeToLive, Option<Version>), Error> {
        let command = Command::TimeToLive { key };
        let answer = self.calls().ask(&command, self.timeout).await?;
        let left = match parse(&answer.payload)? {
            Reply::Number(millis @ reply::LIVES_NOT..) => time_to_live(millis),
            other => return Err(unexpected(&other)),
        };
        Ok((left, answer.version))
    }

    async fn add(&self, key: &[u8], by: i64, token: Option<&Version>) -> Result<i64, Error> {
        let write = Write::Increment(Increment { key, by });
        let answer = self.write(&write, token, false).await?;
        match parse(&answer.payload)? {
            Reply::Number(sum) => Ok(sum),
            other => Err(unexpected(&other)),
        }
    }

    /// One request for keys that live in one place.
    async fn ask_together(&self, keys: &[Bytes]) -> Result<Vec<Option<Entry>>, Error> {
        let borrowed: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
        let mut request = Vec::new();
        encode_get_many(&mut request, &borrowed);
        let answer = self.calls().send(request, Beside::default(), self.timeout);
        let payload = answer.await?.payload;
        let results = list(Results::parse(&payload))?;
        if results.len() != keys.len() {
            return Err(Error::answer("it tells of another number of keys"));
        }
        let each = results.iter();
        each.map(|(reply, version)| entry(&payload, &reply, version.map(Version::of_packed)))
            .collect()
    }
}

/// From milliseconds as the store tells them.
fn time_to_live(millis: i64) -> TimeToLive {
    match millis {
        reply::LIVES_NOT => TimeToLive::Absent,
        reply::LIVES_FOREVER => TimeToLive::Forever,
        millis => TimeToLive::For(Duration::from_millis(millis.unsigned_abs())),
    }
}

fn copied(bytes: &impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(bytes.as_ref())
}

/// Entries, and where in the answer they belong.
type Placed = Result<Vec<(usize, Option<Entry>)>, Error>;

fn place(
    done: Option<Result<Placed, tokio::task::JoinError>>,
    entries: &mut [Option<Entry>],
) -> Result<(), Error> {
    // Only a runtime that ends cancels it.
    let Some(Ok(found)) = done else {
        return Err(Error::ClosedUnanswered);
    };
    for (index, entry) in found? {
        if let Some(slot) = entries.get_mut(index) {
            *slot = entry;
        }
    }
    Ok(())
}

fn entry(
    payload: &Bytes,
    reply: &Reply<'_>,
    version: Option<Version>,
) -> Result<Option<Entry>, Error> {
    match reply {
        Reply::Value(value) => {
            let value = payload.slice_ref(value);
            Ok(Some(Entry { value, version }))
        }
        Reply::Null => Ok(None),
        other => Err(unexpected(other)),
    }
}
