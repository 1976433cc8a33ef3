//! One valid packet of each kind and version, byte by byte: the ground that mutations start from.

use catena_mqtt::Version::{self, V5, V31, V311};

/// Version of the connection, name, whole packet.
pub(crate) const PACKETS: &[(Version, &str, &[u8])] = &[
    (
        V31,
        "connect",
        b"\x10\x11\0\x06MQIsdp\x03\x02\0\x3c\0\x03abc",
    ),
    (V31, "subscribe again", b"\x8a\x08\0\x01\0\x03a/b\x01"),
    (
        V311,
        "connect",
        b"\x10\x0f\0\x04MQTT\x04\x02\0\x3c\0\x03abc",
    ),
    (
        V311,
        "connect empty id",
        b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0",
    ),
    (
        V311,
        "connect full",
        b"\x10\x25\0\x04MQTT\x04\xf6\0\x3c\0\x03abc\0\x03w/t\0\x03bye\0\x04user\0\x04pass",
    ),
    (V311, "connack", b"\x20\x02\x01\0"),
    (V311, "connack refused", b"\x20\x02\0\x05"),
    (V311, "publish qos 0", b"\x31\x07\0\x03a/bhi"),
    (V311, "publish qos 1", b"\x3a\x09\0\x03a/b\0\x07hi"),
    (V311, "publish qos 2 empty", b"\x34\x07\0\x03a/b\0\x07"),
    (V311, "puback", b"\x40\x02\0\x07"),
    (V311, "pubrec", b"\x50\x02\0\x07"),
    (V311, "pubrel", b"\x62\x02\0\x07"),
    (V311, "pubcomp", b"\x70\x02\0\x07"),
    (
        V311,
        "subscribe",
        b"\x82\x0e\0\x01\0\x03a/+\x01\0\x03b/#\x02",
    ),
    (V311, "suback", b"\x90\x04\0\x01\x01\x80"),
    (V311, "unsubscribe", b"\xa2\x07\0\x01\0\x03a/+"),
    (V311, "unsuback", b"\xb0\x02\0\x01"),
    (V311, "pingreq", b"\xc0\0"),
    (V311, "pingresp", b"\xd0\0"),
    (V311, "disconnect", b"\xe0\0"),
    (
        V5,
        "connect",
        b"\x10\x10\0\x04MQTT\x05\x02\0\x3c\0\0\x03abc",
    ),
    (
        V5,
        "connect properties",
        b"\x10\x37\0\x04MQTT\x05\x02\0\x3c\x27\x11\0\0\0\x3c\x21\0\x0a\x27\0\0\x10\0\x22\0\x05\
          \x19\x01\x17\0\x26\0\x01k\0\x01v\x15\0\x03abc\x16\0\x03xyz\0\x03abc",
    ),
    (
        V5,
        "connect will",
        b"\x10\x4a\0\x04MQTT\x05\xee\0\x3c\0\0\x03abc\x29\x18\0\0\0\x05\x01\x01\x02\0\0\0\x3c\
          \x03\0\x01c\x08\0\x03r/t\x09\0\x02id\x26\0\x01k\0\x01v\x26\0\x01k\0\x01w\
          \0\x03w/t\0\x03bye\0\x01u\0\x01p",
    ),
    (V5, "connack", b"\x20\x03\x01\0\0"),
    (
        V5,
        "connack properties",
        b"\x20\x50\0\0\x4d\x11\0\0\0\x3c\x21\0\x0a\x24\x01\x25\0\x27\0\0\x10\0\x12\0\x02id\
          \x22\0\x05\x1f\0\x02ok\x28\0\x29\0\x2a\0\x13\0\x1e\x1a\0\x02ri\x1c\0\x02sr\
          \x15\0\x03abc\x16\0\x03xyz\x26\0\x01k\0\x01v\x26\0\x02k2\0\x02v2",
    ),
    (V5, "connack refused", b"\x20\x03\0\x87\0"),
    (V5, "publish qos 0", b"\x30\x08\0\x03a/b\0hi"),
    (V5, "publish alias", b"\x30\x08\0\0\x03\x23\0\x01hi"),
    (
        V5,
        "publish properties",
        b"\x32\x2f\0\x03a/b\0\x07\x25\x01\x01\x02\0\0\0\x3c\x03\0\x01c\x23\0\x01\x08\0\x03r/t\
          \x09\0\x02id\x0b\x01\x26\0\x01k\0\x01v\x0b\x80\x01hi",
    ),
    (V5, "puback", b"\x40\x02\0\x07"),
    (V5, "puback code", b"\x40\x03\0\x07\x10"),
    (
        V5,
        "puback properties",
        b"\x40\x10\0\x07\x87\x0c\x1f\0\x02no\x26\0\x01k\0\x01v",
    ),
    (V5, "pubrec", b"\x50\x04\0\x07\x97\0"),
    (V5, "pubrel", b"\x62\x03\0\x07\x92"),
    (V5, "pubcomp", b"\x70\x02\0\x07"),
    (
        V5,
        "subscribe",
        b"\x82\x21\0\x01\x09\x0b\x05\x26\0\x01k\0\x01v\0\x03a/+\x2d\0\x0c$share/g/b/#\x02",
    ),
    (V5, "suback", b"\x90\x06\0\x01\0\x01\x02\x97"),
    (
        V5,
        "unsubscribe",
        b"\xa2\x0f\0\x01\x07\x26\0\x01k\0\x01v\0\x03a/+",
    ),
    (V5, "unsuback", b"\xb0\x05\0\x01\0\0\x11"),
    (V5, "pingreq", b"\xc0\0"),
    (V5, "pingresp", b"\xd0\0"),
    (V5, "disconnect", b"\xe0\0"),
    (V5, "disconnect code", b"\xe0\x01\x04"),
    (
        V5,
        "disconnect properties",
        b"\xe0\x18\x82\x16\x11\0\0\0\x3c\x1f\0\x02no\x26\0\x01k\0\x01v\x1c\0\x02sr",
    ),
    (V5, "auth", b"\xf0\0"),
    (
        V5,
        "auth properties",
        b"\xf0\x13\x18\x11\x15\0\x03abc\x16\0\x03xyz\x1f\0\x02no",
    ),
];
