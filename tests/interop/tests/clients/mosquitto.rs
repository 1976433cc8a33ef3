//! Mosquitto's command-line clients, which know no WebSocket.

use catena_interop::{Client, Program};

use crate::matrix;

const MOSQUITTO: Client = Client {
    name: "mosquitto's clients",
    program: Program::mosquitto,
    without: &[],
};

matrix! { MOSQUITTO;
    v3_over_tcp: V3 over Tcp;
    v3_over_tls: V3 over Tls;
    v5_over_tcp: V5 over Tcp;
    v5_over_tls: V5 over Tls;
}
