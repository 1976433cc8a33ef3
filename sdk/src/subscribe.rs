//! What is subscribed to.

use rumqttc::v5::mqttbytes::v5::{Filter, RetainForwardRule};

use crate::{Error, Qos, topic};

/// A subscription to ask for. [`Client::subscribe`](crate::Client::subscribe) also takes a filter
/// alone.
///
/// ```
/// use catena_sdk::{Qos, RetainHandling, Subscribe};
///
/// let subscribe = Subscribe::to("plant/+/temperature")
///     .qos(Qos::ExactlyOnce)
///     .retained(RetainHandling::Never)
///     .acknowledge_manually();
/// # let _ = subscribe;
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before the client has it"]
pub struct Subscribe {
    pub(crate) filter: String,
    pub(crate) qos: Qos,
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    pub(crate) retained: RetainHandling,
    pub(crate) manual: bool,
}

/// Which retained messages come when a subscription is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// Those that match, at each SUBSCRIBE: so also when a lost session is made anew.
    #[default]
    Always,
    /// Those that match, if the session did not have the subscription.
    IfNew,
    /// None.
    Never,
}

impl Subscribe {
    /// A subscription at QoS 1 with automatic acknowledgement. `$share/GROUP/FILTER` shares the
    /// messages with the other members of the group.
    pub fn to(filter: impl Into<String>) -> Self {
        Self {
            filter: filter.into(),
            qos: Qos::default(),
            no_local: false,
            retain_as_published: false,
            retained: RetainHandling::default(),
            manual: false,
        }
    }

    /// With another maximum quality of service.
    pub fn qos(mut self, qos: Qos) -> Self {
        self.qos = qos;
        self
    }

    /// Without what this client publishes itself; unless another of its streams gets that whose
    /// filter overlaps with this one.
    pub fn no_local(mut self) -> Self {
        self.no_local = true;
        self
    }

    /// Messages keep their retain flag. Else it only marks those that were retained when the
    /// subscription was made.
    pub fn retain_as_published(mut self) -> Self {
        self.retain_as_published = true;
        self
    }

    /// Which retained messages come.
    pub fn retained(mut self, retained: RetainHandling) -> Self {
        self.retained = retained;
        self
    }

    /// Messages are acknowledged by [`Message::acknowledge`](crate::Message::acknowledge), not when
    /// the stream hands them out.
    ///
    /// What is not acknowledged counts against [`receive_max`](crate::Builder::receive_max) of the
    /// whole client: when so much of it is in hand, nothing else comes at QoS 1 or 2, no response
    /// of the [state store](crate::StateStore) either. Work that waits for one needs a client of
    /// its own for that.
    pub fn acknowledge_manually(mut self) -> Self {
        self.manual = true;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        topic::check_filter(&self.filter)?;
        if self.no_local && self.is_shared() {
            // [MQTT-3.8.3-4]
            let why = "a shared subscription cannot be without local messages";
            return Err(Error::invalid("filter", why));
        }
        Ok(())
    }

    /// Whether its messages are for one member of a group, so that they are copies of their own.
    pub(crate) fn is_shared(&self) -> bool {
        self.filter.starts_with("$share/")
    }

    pub(crate) fn wire(&self) -> Filter {
        Filter {
            path: self.filter.clone(),
            qos: self.qos.into(),
            nolocal: self.no_local,
            preserve_retain: self.retain_as_published,
            retain_forward_rule: match self.retained {
                RetainHandling::Always => RetainForwardRule::OnEverySubscribe,
                RetainHandling::IfNew => RetainForwardRule::OnNewSubscribe,
                RetainHandling::Never => RetainForwardRule::Never,
            },
        }
    }
}

impl From<&str> for Subscribe {
    fn from(filter: &str) -> Self {
        Self::to(filter)
    }
}

impl From<String> for Subscribe {
    fn from(filter: String) -> Self {
        Self::to(filter)
    }
}
