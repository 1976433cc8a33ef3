//! MQTT over WebSocket: the opening handshake, then frames as a mere envelope. MQTT packets may be
//! split over frames anywhere [MQTT-6.0.0-2], so a frame's payload is passed on as it comes in and
//! nothing is ever gathered.

pub(crate) mod framing;
pub(crate) mod handshake;
