//! What a connection does, one file per area, each test with the statements it proves.

mod alias;
mod auth;
mod connack;
mod connect;
mod disconnect;
mod driver;
mod keep_alive;
mod packet_size;
mod qos1_in;
mod qos2_in;
mod qos2_out;
mod receive_maximum;
mod split;
mod subscribe;
