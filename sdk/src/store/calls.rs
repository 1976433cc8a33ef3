//! Requests to the state store, and what their responses say.

use std::time::Duration;

use bytes::Bytes;
use catena_hlc::NODE_BYTES_MAX;
use catena_rpc::{CONTENT_TYPE, PERSIST, ResponseHeaders, Status, VERSION, names, topics};
use catena_store::{Answer as Told, Command, Malformed, Reply};

use crate::clock::Clock;
use crate::{Client, Error, Message, Publish, Requester, Version};

/// How requests get to the store, and responses back.
#[derive(Debug)]
pub(super) struct Calls {
    requester: Requester,
    node: String,
    clock: Clock,
}

/// What goes beside the payload of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside<'a> {
    pub(super) fencing_token: Option<&'a Version>,
    pub(super) persist: bool,
}

/// What a response says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) payload: Bytes,
    pub(super) version: Option<Version>,
}

impl Calls {
    /// Makes the subscription that responses come by.
    pub(super) async fn new(client: &Client) -> Result<Self, Error> {
        let topic = topics::response(client.client_id());
        let requester = Requester::with_topic(client, topic).await?;
        // A node has no colon, and is not long.
        let node = client.client_id().replace(':', "_");
        let node = node
            .char_indices()
            .take_while(|(i, _)| *i < NODE_BYTES_MAX - 3);
        Ok(Self {
            requester,
            node: node.map(|(_, c)| c).collect(),
            clock: Clock::default(),
        })
    }

    pub(super) fn client(&self) -> &Client {
        self.requester.client()
    }

    /// One request that is no write, and its response.
    pub(super) async fn ask(
        &self,
        command: &Command<'_>,
        timeout: Duration,
    ) -> Result<Answer, Error> {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        self.send(payload, Beside::default(), timeout).await
    }

    /// One request and its response.
    pub(super) async fn send(
        &self,
        payload: Vec<u8>,
        beside: Beside<'_>,
        timeout: Duration,
    ) -> Result<Answer, Error> {
        let request = self.request(payload, beside);
        let response = self.requester.request(request, timeout).await?;
        self.read(&response)
    }

    /// A request whose response nobody waits for. `false` if there is no room for it.
    pub(super) fn tell(&self, command: &Command<'_>) -> bool {
        let mut payload = Vec::new();
        command.encode(&mut payload);
        let request = self.request(payload, Beside::default());
        self.requester.tell(request).is_ok()
    }

    /// The version that a message from the store tells, and that the clock has taken note of.
    pub(super) fn version(&self, headers: &ResponseHeaders<'_>) -> Result<Option<Version>, Error> {
        let stamp = headers.stamp();
        let stamp = stamp.map_err(|_| Error::answer("its version is malformed"))?;
        if stamp.is_some_and(|stamp| !self.clock.saw(&stamp)) {
            let why = "its version is far ahead; are the clocks of client and broker right?";
            return Err(Error::answer(why));
        }
        Ok(stamp.as_ref().map(Version::of))
    }

    fn request(&self, payload: Vec<u8>, beside: Beside<'_>) -> Publish {
        let mut request = Publish::new(topics::INVOKE, payload)
            .content_type(CONTENT_TYPE)
            .user_property(names::SOURCE, self.client().client_id())
            .user_property(names::TIMESTAMP, self.clock.stamp(&self.node))
            .user_property(names::PROTOCOL_VERSION, VERSION);
        if let Some(token) = beside.fencing_token {
            request = request.user_property(names::FENCING_TOKEN, token.to_string());
        }
        if beside.persist {
            request = request.user_property(names::PERSISTENCE, PERSIST);
        }
        request
    }

    fn read(&self, response: &Message) -> Result<Answer, Error> {
        let headers = headers(response);
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
        Ok(Answer {
            version: self.version(&headers)?,
            payload: response.payload().clone(),
        })
    }
}

impl Answer {
    /// The version, of an answer that has one.
    pub(super) fn into_version(self) -> Result<Version, Error> {
        let missing = || Error::answer("a value was set, and no version is told");
        self.version.ok_or_else(missing)
    }
}

/// The properties that a message from the store has.
pub(super) fn headers(message: &Message) -> ResponseHeaders<'_> {
    let properties = message.properties().user.iter();
    ResponseHeaders::read(properties.map(|(n, v)| (&**n, &**v)))
}

/// A reply that is no list.
pub(super) fn parse(payload: &[u8]) -> Result<Reply<'_>, Error> {
    match Reply::parse(payload) {
        Ok(Reply::Refused(text)) => Err(refused(text)),
        Ok(reply) => Ok(reply),
        Err(Malformed) => Err(Error::answer("its payload is malformed")),
    }
}

/// What was asked for, of a reply that is a list.
pub(super) fn list<T>(told: Result<Told<'_, T>, Malformed>) -> Result<T, Error> {
    match told {
        Ok(Told::Done(list)) => Ok(list),
        Ok(Told::Refused(text)) => Err(refused(text)),
        Err(Malformed) => Err(Error::answer("its payload is malformed")),
    }
}

pub(super) fn unexpected(reply: &Reply<'_>) -> Error {
    let kind = match reply {
        Reply::Ok => "OK",
        Reply::Number(_) => "a number",
        Reply::Value(_) => "a value",
        Reply::Null => "nothing",
        Reply::Refused(_) => "a refusal",
    };
    Error::answer(&format!("{kind} does not fit the request"))
}

fn refused(text: &str) -> Error {
    let text = text.to_owned();
    Error::StoreRefused { text }
}
