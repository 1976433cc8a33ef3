//! Eclipse Paho for C. Version 1.3.12 stalls when a WebSocket frame holds more than one packet, so
//! this tests as well that the broker gives each packet a frame.

use catena_interop::{Client, Program};

use crate::matrix;

const PAHO_C: Client = Client {
    name: "Paho for C",
    program: Program::c,
    without: &[],
};

matrix! { PAHO_C;
    v3_over_tcp: V3 over Tcp;
    v3_over_tls: V3 over Tls;
    v3_over_websocket: V3 over WebSocket;
    v3_over_secure_websocket: V3 over SecureWebSocket;
    v5_over_tcp: V5 over Tcp;
    v5_over_tls: V5 over Tls;
    v5_over_websocket: V5 over WebSocket;
    v5_over_secure_websocket: V5 over SecureWebSocket;
}
