//! Bytes as they stand on the wire, right or wrong: for packets that the codec would not write.

/// A packet: `first_byte`, the length of all `parts` together, and the parts.
#[must_use]
pub fn packet(first_byte: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first_byte];
    bytes.extend(number(body.len()));
    bytes.extend(body);
    bytes
}

/// A string or binary field: its length in two bytes, and its bytes.
///
/// # Panics
/// If it is longer than 65,535 bytes.
#[must_use]
pub fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let length = u16::try_from(text.len()).expect("a field has at most 65,535 bytes");
    [length.to_be_bytes().as_slice(), text].concat()
}

/// A variable byte integer.
#[must_use]
pub fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// A property section: the length of all `parts` together, and the parts.
#[must_use]
pub fn section(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [number(body.len()), body].concat()
}

/// A CONNECT. `rest` is what follows the keep alive of 60 s: properties, then the payload.
#[must_use]
pub fn connect(name: &str, level: u8, flags: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    packet(0x10, &[&string(name), &[level, flags, 0, 60], &rest])
}

/// A CONNECT of MQTT 3.1.1 with clean session.
#[must_use]
pub fn connect_v3(client_id: &str) -> Vec<u8> {
    connect("MQTT", 4, 0b10, &[&string(client_id)])
}

/// A CONNECT of MQTT 5.0 with clean start and these properties.
#[must_use]
pub fn connect_v5(client_id: &str, properties: &[&[u8]]) -> Vec<u8> {
    connect("MQTT", 5, 0b10, &[&section(properties), &string(client_id)])
}
