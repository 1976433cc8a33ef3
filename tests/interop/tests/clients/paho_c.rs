//! Eclipse Paho for C, without WebSocket: version 1.3.12 stalls when a WebSocket frame holds more
//! than one packet, which the standard (5.0, section 6) tells receivers to expect.

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
    v5_over_tcp: V5 over Tcp;
    v5_over_tls: V5 over Tls;
}
