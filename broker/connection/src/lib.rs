//! What one client connection is allowed and obliged to do under MQTT.
