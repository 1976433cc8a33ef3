//! The matrix: each client over each transport it knows, with each version it speaks.

mod hivemq;
mod mosquitto;
mod mqttjs;
mod paho_c;
mod paho_go;
mod paho_python;
mod rumqttc;

/// One test for each combination of transport and version.
macro_rules! matrix {
    ($client:expr; $($name:ident: $version:ident over $transport:ident;)*) => {
        $(
            #[test]
            fn $name() -> anyhow::Result<()> {
                use catena_interop::{Transport, Version};
                $client.check(Version::$version, Transport::$transport)
            }
        )*
    };
}

pub(crate) use matrix;
