//! SUBSCRIBE and UNSUBSCRIBE: what the listener allows, and the answers.

use catena_mqtt::{
    EncodeError, Filter, PacketId, ReasonCode, ReasonCodes, ReasonProperties, SubAck, Subscribe,
    UnsubAck, Version, encode,
};

use crate::close::Failure;
use crate::connection::{Connection, State};
use crate::{Action, Close, FilterAction, Outbox, Settings, Stats, stats};

impl Connection {
    /// The session has its subscriptions: SUBACK [MQTT-3.8.4-1] with a code for each filter, in
    /// order [MQTT-3.8.4-6] [MQTT-3.9.3-1].
    ///
    /// # Errors
    /// The connection is over: the client takes no packet of that size.
    pub fn handle_subscribed(
        &mut self,
        settings: &Settings,
        packet_id: PacketId,
        codes: &[ReasonCode],
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Close> {
        let is_over = |code: &&ReasonCode| **code == ReasonCode::QuotaExceeded;
        stats.subscriptions_refused += codes.iter().filter(is_over).count() as u64;
        self.write_suback(settings, packet_id, codes, bytes, stats)
            .map_err(|failure| self.close(settings, failure, bytes, stats))
    }

    /// The session has ended subscriptions: UNSUBACK [MQTT-3.10.4-4] with a code for each filter,
    /// in order [MQTT-3.11.3-1].
    ///
    /// # Errors
    /// The connection is over: the client takes no packet of that size.
    pub fn handle_unsubscribed(
        &mut self,
        settings: &Settings,
        packet_id: PacketId,
        codes: &[ReasonCode],
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Close> {
        self.write_unsuback(settings, packet_id, codes, bytes, stats)
            .map_err(|failure| self.close(settings, failure, bytes, stats))
    }

    pub(crate) fn take_subscribe<'a>(
        &mut self,
        settings: &Settings,
        version: Version,
        subscribe: &Subscribe<'a>,
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        let subscription_id = subscribe.subscription_id;
        if subscription_id.is_some() && !settings.subscription_identifiers {
            let reason = ReasonCode::SubscriptionIdentifiersNotSupported;
            return Err(Failure::new(reason, "subscription identifier"));
        }
        let packet_id = subscribe.packet_id;
        let is_too_long = subscribe.filters.count() > settings.filters_per_subscribe as usize;
        out.stats.subscribes_too_long += u64::from(is_too_long);
        let mut filters = Vec::with_capacity(subscribe.filters.count());
        let mut refused_count = 0;
        for (filter, options) in subscribe.filters.iter() {
            let unsupported = unsupported(settings, filter);
            let refused = match unsupported {
                // Clients of MQTT 5.0 were told in CONNACK.
                Some(reason) if version.is_v5() => {
                    return Err(Failure::new(reason, "kind of filter not supported"));
                }
                Some(reason) => Some(reason),
                None if is_too_long => Some(ReasonCode::QuotaExceeded),
                // Whoever asks: being another client would not help, as "not authorized" says.
                None => is_refused(settings, filter).then_some(ReasonCode::UnspecifiedError),
            };
            refused_count += usize::from(refused.is_some());
            filters.push(FilterAction {
                filter,
                // [MQTT-3.2.2-10]
                qos: options.qos.min(settings.maximum_qos),
                no_local: options.no_local,
                retain_as_published: options.retain_as_published,
                retain_handling: options.retain_handling,
                refused,
            });
        }
        out.stats.filters_refused += refused_count as u64;
        if refused_count == filters.len() {
            let codes: Vec<_> = filters.iter().filter_map(|filter| filter.refused).collect();
            return self.write_suback(settings, packet_id, &codes, out.bytes, out.stats);
        }
        out.actions.push(Action::Subscribe {
            packet_id,
            subscription_id,
            filters,
        });
        Ok(())
    }

    fn write_suback(
        &self,
        settings: &Settings,
        packet_id: PacketId,
        codes: &[ReasonCode],
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let codes = nearest(codes, SubAck::allows);
        let packet = SubAck {
            packet_id,
            properties: self.explain(settings, &codes),
            codes: ReasonCodes::from(&codes[..]),
        };
        // [MQTT-3.9.2-1]
        let packet = packet.fit(self.packet_bytes_max);
        self.write_answer(stats::SUBACK, bytes, stats, |bytes, version| {
            encode::suback(bytes, version, &packet)
        })
    }

    fn write_unsuback(
        &self,
        settings: &Settings,
        packet_id: PacketId,
        codes: &[ReasonCode],
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let codes = nearest(codes, UnsubAck::allows);
        let packet = UnsubAck {
            packet_id,
            properties: self.explain(settings, &codes),
            codes: ReasonCodes::from(&codes[..]),
        };
        // [MQTT-3.11.2-1]
        let packet = packet.fit(self.packet_bytes_max);
        self.write_answer(stats::UNSUBACK, bytes, stats, |bytes, version| {
            encode::unsuback(bytes, version, &packet)
        })
    }

    /// Words for the failures among `codes`, where they are wanted [MQTT-3.1.2-29].
    fn explain(&self, settings: &Settings, codes: &[ReasonCode]) -> ReasonProperties<'static> {
        let is_failure = codes.iter().any(|code| code.is_error());
        let is_wanted = settings.reason_strings && self.problem_information;
        ReasonProperties {
            reason_string: (is_failure && is_wanted).then_some("not all filters were accepted"),
            ..ReasonProperties::EMPTY
        }
    }

    /// SUBACK or UNSUBACK; nothing if the connection has ended meanwhile.
    fn write_answer(
        &self,
        packet_type: u8,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
        encode: impl FnOnce(&mut Vec<u8>, Version) -> Result<(), EncodeError>,
    ) -> Result<(), Failure> {
        let (State::Connected, Some(version)) = (self.state, self.version) else {
            return Ok(());
        };
        if !self.write(bytes, |bytes| encode(bytes, version)) {
            return Err(Failure::TOO_LARGE);
        }
        stats.count_sent(packet_type);
        Ok(())
    }
}

/// The codes, each as the nearest that the packet may carry [MQTT-3.9.3-2] [MQTT3-3.9.3-2]
/// [MQTT-3.11.3-2].
fn nearest(codes: &[ReasonCode], allows: fn(ReasonCode) -> bool) -> Vec<ReasonCode> {
    let nearest = |code: &ReasonCode| match *code {
        code if allows(code) => code,
        _ => ReasonCode::UnspecifiedError,
    };
    codes.iter().map(nearest).collect()
}

/// Whether nobody may subscribe to this filter, by itself or in a share group.
fn is_refused(settings: &Settings, filter: &str) -> bool {
    let refused = &settings.refused_filters;
    if refused.is_empty() {
        return false;
    }
    let parsed = Filter::parse_limited(filter, &settings.limits);
    parsed.is_ok_and(|filter| refused.iter().any(|refused| **refused == *filter.path))
}

/// Why filters of this kind are refused, if they are.
fn unsupported(settings: &Settings, filter: &str) -> Option<ReasonCode> {
    if !settings.shared_subscriptions && filter.starts_with("$share/") {
        return Some(ReasonCode::SharedSubscriptionsNotSupported);
    }
    // [MQTT3-3.8.3-2]
    if !settings.wildcard_subscriptions && filter.contains(['+', '#']) {
        return Some(ReasonCode::WildcardSubscriptionsNotSupported);
    }
    None
}
