// A message that arrived, or is to be sent.

import java.nio.charset.StandardCharsets;

record Message(String topic, byte[] payload, int qos, boolean retain, Properties properties) {

  /** Properties of MQTT 5.0; text fields are null where there is none. */
  record Properties(
      String contentType, String responseTopic, String correlation, long expiry, String user) {

    static final Properties NONE = new Properties(null, null, null, -1, "");
  }

  Message(String topic, String payload, int qos) {
    this(topic, payload.getBytes(StandardCharsets.UTF_8), qos, false, Properties.NONE);
  }

  Message retained() {
    return new Message(topic, payload, qos, true, properties);
  }

  Message with(Properties told) {
    return new Message(topic, payload, qos, retain, told);
  }

  String text() {
    return new String(payload, StandardCharsets.UTF_8);
  }
}
