//! SUBSCRIBE and UNSUBSCRIBE, and their answers.

use catena_mqtt::{
    Packet, PacketId, Qos, ReasonCode, SubAck, Subscribe, SubscriptionOptions, UnsubAck,
    Unsubscribe, UserProperties,
};

use super::{Asked, Client, Scene, Stage};
use crate::invariants::Verdict;
use crate::model::Subscription;
use crate::violation::Violation;

impl Client {
    /// Subscribes; the identifier is the same for all filters.
    pub(crate) fn subscribe(
        &mut self,
        scene: &mut Scene<'_>,
        filters: &[(String, SubscriptionOptions)],
        id: Option<u32>,
    ) {
        let Some(session) = self.session.filter(|_| self.stage == Stage::Connected) else {
            return;
        };
        let packet_id = self.new_packet_id();
        let of = &mut scene.model.sessions[session];
        let mut places = Vec::new();
        for (filter, options) in filters {
            let (may, sure) = of.standing(filter);
            for old in &mut of.subscriptions {
                if old.filter == *filter && old.end_asked.is_none() {
                    old.end_asked = Some(scene.now);
                }
            }
            places.push(of.subscriptions.len());
            of.subscriptions.push(Subscription {
                filter: filter.clone(),
                options: *options,
                id,
                asked: scene.now,
                acked: None,
                end_asked: None,
                end_acked: None,
                is_surely_new: !may,
                is_surely_old: sure,
            });
            scene.trace.line(
                scene.now,
                format_args!("client {} subscribes to {filter} {options:?}", self.index),
            );
        }
        let borrowed: Vec<(&str, SubscriptionOptions)> = filters
            .iter()
            .map(|(filter, options)| (filter.as_str(), *options))
            .collect();
        let Some(number) = PacketId::new(packet_id) else {
            return;
        };
        let subscribe = Subscribe {
            packet_id: number,
            subscription_id: id,
            user_properties: UserProperties::EMPTY,
            filters: borrowed.as_slice().into(),
        };
        self.asked.insert(packet_id, Asked::Subscribe(places));
        self.write(scene.now, &Packet::Subscribe(subscribe));
    }

    /// Unsubscribes.
    pub(crate) fn unsubscribe(&mut self, scene: &mut Scene<'_>, filters: &[String]) {
        let Some(session) = self.session.filter(|_| self.stage == Stage::Connected) else {
            return;
        };
        let packet_id = self.new_packet_id();
        let mut places = Vec::new();
        let all = &mut scene.model.sessions[session].subscriptions;
        for (place, old) in all.iter_mut().enumerate() {
            if filters.contains(&old.filter) && old.end_acked.is_none() {
                old.end_asked.get_or_insert(scene.now);
                places.push(place);
            }
        }
        scene.trace.line(
            scene.now,
            format_args!("client {} unsubscribes from {filters:?}", self.index),
        );
        let borrowed: Vec<&str> = filters.iter().map(String::as_str).collect();
        let Some(number) = PacketId::new(packet_id) else {
            return;
        };
        let unsubscribe = Unsubscribe {
            packet_id: number,
            user_properties: UserProperties::EMPTY,
            filters: borrowed.as_slice().into(),
        };
        let asked = Asked::Unsubscribe(places);
        self.asked.insert(packet_id, asked);
        self.write(scene.now, &Packet::Unsubscribe(unsubscribe));
    }

    pub(super) fn handle_suback(&mut self, scene: &mut Scene<'_>, suback: &SubAck<'_>) -> Verdict {
        let asked = self.asked.remove(&suback.packet_id.number());
        scene.trace.line(
            scene.now,
            format_args!("client {} has {asked:?} answered", self.index),
        );
        let (Some(Asked::Subscribe(places)), Some(session)) = (asked, self.session) else {
            return self.unasked(scene, "SUBACK");
        };
        if suback.codes.count() != places.len() {
            return self.unasked(scene, "SUBACK of another length");
        }
        let now = scene.now;
        let all = &mut scene.model.sessions[session].subscriptions;
        for (place, code) in places.into_iter().zip(suback.codes.iter()) {
            let granted = match code {
                ReasonCode::Success => Qos::AtMostOnce,
                ReasonCode::GrantedQos1 => Qos::AtLeastOnce,
                ReasonCode::GrantedQos2 => Qos::ExactlyOnce,
                _ => return self.unasked(scene, "refusal"),
            };
            if granted != all[place].options.qos {
                return self.unasked(scene, "other QoS");
            }
            all[place].acked = Some(now);
            let filter = all[place].filter.clone();
            for old in &mut all[..place] {
                if old.filter == filter && old.end_acked.is_none() {
                    old.end_acked = Some(now);
                }
            }
        }
        Ok(())
    }

    pub(super) fn handle_unsuback(
        &mut self,
        scene: &mut Scene<'_>,
        unsuback: &UnsubAck<'_>,
    ) -> Verdict {
        let asked = self.asked.remove(&unsuback.packet_id.number());
        scene.trace.line(
            scene.now,
            format_args!("client {} has {asked:?} answered", self.index),
        );
        let (Some(Asked::Unsubscribe(places)), Some(session)) = (asked, self.session) else {
            return self.unasked(scene, "UNSUBACK");
        };
        for place in places {
            let old = &mut scene.model.sessions[session].subscriptions[place];
            old.end_acked.get_or_insert(scene.now);
        }
        Ok(())
    }

    fn unasked(&self, scene: &Scene<'_>, what: &str) -> Verdict {
        let detail = format!("client {} got a {what} it had not asked for", self.index);
        Err(Violation::new("answers", scene.now, detail))
    }
}
