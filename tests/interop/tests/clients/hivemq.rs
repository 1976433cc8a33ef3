//! HiveMQ's Java client.

use catena_interop::{Client, Program};

use crate::matrix;

const HIVEMQ: Client = Client {
    name: "HiveMQ's client",
    program: Program::java,
    without: &[],
};

matrix! { HIVEMQ;
    v3_over_tcp: V3 over Tcp;
    v3_over_tls: V3 over Tls;
    v3_over_websocket: V3 over WebSocket;
    v3_over_secure_websocket: V3 over SecureWebSocket;
    v5_over_tcp: V5 over Tcp;
    v5_over_tls: V5 over Tls;
    v5_over_websocket: V5 over WebSocket;
    v5_over_secure_websocket: V5 over SecureWebSocket;
}
