//! Calls of the state store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use catena_hlc::NODE_BYTES_MAX;
use catena_rpc::{CONTENT_TYPE, PERSIST, ResponseHeaders, Status, VERSION, names, topics};
use catena_store::{
    Command, Delete, DeleteCondition, KeyNotify, Lifetime, Registration, Reply, SetCondition,
    Write, reply,
};

use crate::clock::Clock;
use crate::store::observer::Observers;
use crate::{Client, Error, Observer, Publish, Requester, Version};

/// The state store, through a client. Cloning is cheap; make one for a client and clone it.
///
/// Each call is one request and its response. It waits for up to the [timeout](Self::timeout), also
/// while there is no connection. The broker answers a request that it gets twice, because the
/// connection broke, without doing it twice.
///
/// All futures are cancel safe in the sense that nothing is left behind; the request may have been
/// sent.
///
/// ```no_run
/// # async fn example(client: catena_sdk::Client) -> Result<(), catena_sdk::Error> {
/// use catena_sdk::{Set, StateStore};
/// use std::time::Duration;
///
/// let store = StateStore::new(&client).await?;
/// store.set("line-1/speed", "12").await?;
/// let entry = store.get("line-1/speed").await?;
/// assert!(entry.is_some_and(|entry| entry.value == "12"));
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
    requester: Requester,
    node: String,
    clock: Arc<Clock>,
    observers: Observers,
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

/// A value to set, and how.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before the store has it"]
pub struct Set {
    key: Bytes,
    value: Bytes,
    condition: Condition,
    lifetime: Option<Duration>,
    fencing_token: Option<Version>,
    persist: bool,
}

/// When a value is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// If there is no such key.
    Absent,
    /// If there is no such key, or it has this very value: so a lease is renewed.
    AbsentOrEqual,
}

/// What a response says.
struct Answer {
    payload: Bytes,
    version: Option<Version>,
}

impl StateStore {
    /// Makes the subscriptions that responses and notifications come by.
    ///
    /// # Errors
    ///
    /// See [`Client::subscribe`]; also for a second one of the same client.
    pub async fn new(client: &Client) -> Result<Self, Error> {
        let clock = Arc::new(Clock::default());
        let topic = topics::response(client.client_id());
        let requester = Requester::with_topic(client, topic).await?;
        let observers = Observers::start(client, Arc::clone(&clock)).await?;
        // A node has no colon, and is not long.
        let node = client.client_id().replace(':', "_");
        let node = node
            .char_indices()
            .take_while(|(i, _)| *i < NODE_BYTES_MAX - 3);
        let inner = Inner {
            requester,
            node: node.map(|(_, c)| c).collect(),
            clock,
            observers,
        };
        Ok(Self {
            inner: Arc::new(inner),
            timeout: Duration::from_secs(10),
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
        self.inner.requester.client()
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// [`Error::StoreRefused`]; [`Error::TimedOut`]; else as [`Requester::request`].
    pub async fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Entry>, Error> {
        let command = Command::Get { key: key.as_ref() };
        let Answer { payload, version } = self.call(&command, None, false).await?;
        match parse(&payload)? {
            Reply::Value(value) => {
                let value = payload.slice_ref(value);
                Ok(Some(Entry { value, version }))
            }
            Reply::Null => Ok(None),
            other => Err(unexpected(&other)),
        }
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
    /// As [`get`](Self::get).
    pub async fn set_with(&self, set: Set) -> Result<Option<Version>, Error> {
        let lifetime = set.lifetime.map(lifetime).transpose()?;
        let command = Command::Write(Write::Set(catena_store::Set {
            key: &set.key,
            value: &set.value,
            condition: match set.condition {
                Condition::Always => SetCondition::Always,
                Condition::Absent => SetCondition::Absent,
                Condition::AbsentOrEqual => SetCondition::AbsentOrEqual,
            },
            lifetime,
        }));
        let token = set.fencing_token.as_ref();
        let answer = self.call(&command, token, set.persist).await?;
        match parse(&answer.payload)? {
            Reply::Ok => { answer.version.map(Some) }
                .ok_or_else(|| Error::answer("a value was set, and no version is told")),
            Reply::Number(reply::NOT_APPLIED) => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// Removes a key. Gives back whether it was there.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn delete(&self, key: impl AsRef<[u8]>) -> Result<bool, Error> {
        self.remove(key.as_ref(), DeleteCondition::Always, None)
            .await
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
        let condition = DeleteCondition::Value(value.as_ref());
        self.remove(key.as_ref(), condition, None).await
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
        self.remove(key.as_ref(), DeleteCondition::Always, Some(token))
            .await
    }

    /// Is told of all changes of a key from now on. See [`Observer`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn observe(&self, key: impl Into<Bytes>) -> Result<Observer, Error> {
        let observer = self.inner.observers.add(key.into(), self.clone());
        self.register(observer.key()).await?;
        Ok(observer)
    }

    pub(crate) async fn register(&self, key: &[u8]) -> Result<(), Error> {
        let command = Command::KeyNotify(KeyNotify {
            key,
            registration: Registration::Start,
        });
        match parse(&self.call(&command, None, false).await?.payload)? {
            Reply::Ok => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn remove(
        &self,
        key: &[u8],
        condition: DeleteCondition<'_>,
        token: Option<&Version>,
    ) -> Result<bool, Error> {
        let command = Command::Write(Write::Delete(Delete { key, condition }));
        let answer = self.call(&command, token, false).await?;
        match parse(&answer.payload)? {
            Reply::Number(reply::NOT_APPLIED) => Ok(false),
            Reply::Number(count) if count >= 0 => Ok(count > 0),
            other => Err(unexpected(&other)),
        }
    }

    /// One request and its response.
    async fn call(
        &self,
        command: &Command<'_>,
        token: Option<&Version>,
        persist: bool,
    ) -> Result<Answer, Error> {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        let client_id = self.client().client_id();
        let stamp = self.inner.clock.stamp(&self.inner.node);
        let mut request = Publish::new(topics::INVOKE, payload)
            .content_type(CONTENT_TYPE)
            .user_property(names::SOURCE, client_id)
            .user_property(names::TIMESTAMP, stamp)
            .user_property(names::PROTOCOL_VERSION, VERSION);
        if let Some(token) = token {
            request = request.user_property(names::FENCING_TOKEN, token.to_string());
        }
        if persist {
            request = request.user_property(names::PERSISTENCE, PERSIST);
        }
        let response = self.inner.requester.request(request, self.timeout).await?;
        let properties = response.properties().user.iter();
        let headers = ResponseHeaders::read(properties.map(|(n, v)| (&**n, &**v)));
        if !headers.is_version_supported() {
            return Err(Error::answer("it is of another version of the protocol"));
        }
        match headers.status() {
            Some(Status::Ok) => {}
            Some(status) => {
                let text = headers.message.map(str::to_owned);
                let why = text.unwrap_or_else(|| format!("status {}", status.number()));
                return Err(Error::Remote { why });
            }
            None => return Err(Error::answer("it has no status")),
        }
        let stamp = headers.stamp();
        let stamp = stamp.map_err(|_| Error::answer("its version is malformed"))?;
        if stamp.is_some_and(|stamp| !self.inner.clock.saw(&stamp)) {
            let why = "its version is far ahead; are the clocks of client and broker right?";
            return Err(Error::answer(why));
        }
        Ok(Answer {
            version: stamp.as_ref().map(Version::of),
            payload: response.payload().clone(),
        })
    }
}

impl Set {
    /// Sets a value always, for ever.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            condition: Condition::Always,
            lifetime: None,
            fencing_token: None,
            persist: false,
        }
    }

    /// Under a condition.
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }

    /// If there is no such key.
    pub fn if_absent(self) -> Self {
        self.condition(Condition::Absent)
    }

    /// The key is removed after so long; milliseconds count.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Protects the key: a write with a lower token, or none, is refused from then on.
    pub fn fencing_token(mut self, token: &Version) -> Self {
        self.fencing_token = Some(token.clone());
        self
    }

    /// Asks the broker to keep it on disk.
    pub fn persist(mut self) -> Self {
        self.persist = true;
        self
    }
}

fn lifetime(lifetime: Duration) -> Result<Lifetime, Error> {
    let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    Lifetime::from_millis(millis)
        .ok_or_else(|| Error::invalid("lifetime", "it is shorter than a millisecond"))
}

fn parse(payload: &[u8]) -> Result<Reply<'_>, Error> {
    match Reply::parse(payload) {
        Ok(Reply::Refused(text)) => Err(Error::StoreRefused {
            text: text.to_owned(),
        }),
        Ok(reply) => Ok(reply),
        Err(_) => Err(Error::answer("its payload is malformed")),
    }
}

fn unexpected(reply: &Reply<'_>) -> Error {
    let kind = match reply {
        Reply::Ok => "OK",
        Reply::Number(_) => "a number",
        Reply::Value(_) => "a value",
        Reply::Null => "nothing",
        Reply::Refused(_) => "a refusal",
    };
    Error::answer(&format!("{kind} does not fit the request"))
}
