//! The statements of MQTT 5.0 and 3.1.1 against a running broker, over the network.
//!
//! One program, so that tests which have to let time pass run beside all others. Most use one
//! broker and names of their own; files follow the chapters of the standards.

mod access;
mod alias;
mod connack;
mod connect;
mod connect_fields;
mod disconnect;
mod flow_control;
mod keep_alive;
mod limits;
mod load;
mod mixed_versions;
mod packet_size;
mod properties;
mod publish_qos0;
mod publish_qos1;
mod publish_qos2;
mod retained;
mod session;
mod shared_subscriptions;
mod subscribe;
mod websocket;
mod will;

use catena_conformance::Broker;
use catena_mqtt::Version;

/// The versions that both standards are about.
const VERSIONS: [Version; 2] = [Version::V5, Version::V311];

/// The broker of most tests.
fn shared() -> &'static Broker {
    Broker::shared()
}
