//! rumqttc, over TCP: its TLS and WebSocket need crates that nobody keeps any more.

use catena_interop::{Client, Program};

use crate::matrix;

const RUMQTTC: Client = Client {
    name: "rumqttc",
    program: || Program::binary(env!("CARGO_BIN_EXE_interop-rumqttc")),
    without: &[],
};

matrix! { RUMQTTC;
    v3_over_tcp: V3 over Tcp;
    v5_over_tcp: V5 over Tcp;
}
