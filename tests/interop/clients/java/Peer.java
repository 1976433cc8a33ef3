// One client of either version: collects what arrives.

import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttWebSocketConfig;
import com.hivemq.client.mqtt.lifecycle.MqttClientDisconnectedContext;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.TrustManagerFactory;

abstract class Peer {
  static final int DEADLINE = 20; // Seconds.

  /** How a client connects. */
  record Wish(String name, boolean clean, boolean lasting, String will) {
    static Wish plain(String name) {
      return new Wish(name, true, false, null);
    }

    static Wish lasting(String name) {
      return new Wish(name, false, true, null);
    }

    static Wish mortal(String will) {
      return new Wish("mortal", true, false, will);
    }
  }

  final LinkedBlockingQueue<Message> messages = new LinkedBlockingQueue<>();
  final CompletableFuture<Throwable> closed = new CompletableFuture<>();
  boolean sessionPresent;

  static Peer connect(Options options, Wish wish) throws Exception {
    return options.v5() ? new PeerV5(options, wish) : new PeerV3(options, wish);
  }

  abstract void subscribe(String filter, int qos, boolean noLocal) throws Exception;

  abstract void unsubscribe(String filter) throws Exception;

  /** Publishes; the future ends with the acknowledgement. */
  abstract CompletableFuture<?> send(Message message);

  abstract void disconnect() throws Exception;

  /** The reason code of the broker's DISCONNECT, or -1. */
  abstract int reason() throws Exception;

  void publish(Message message) throws Exception {
    within(send(message));
  }

  Message receive() throws Exception {
    var found = messages.poll(DEADLINE, TimeUnit.SECONDS);
    Failure.unless(found != null, "no message within " + DEADLINE + " s");
    return found;
  }

  Message expect(String payload, int qos, boolean retain) throws Exception {
    var found = receive();
    Failure.unless(
        found.text().equals(payload) && found.qos() == qos && found.retain() == retain,
        "found %s with QoS %d and retain %s, expected %s with %d and %s"
            .formatted(found.text(), found.qos(), found.retain(), payload, qos, retain));
    return found;
  }

  static <T> T within(CompletableFuture<T> future) throws Exception {
    return future.get(DEADLINE, TimeUnit.SECONDS);
  }

  /** What both versions have in common. */
  MqttClientBuilder builder(Options options, Wish wish) throws Exception {
    var builder = MqttClient.builder()
        .identifier("hivemq-" + wish.name())
        .serverHost(options.host())
        .serverPort(options.port())
        .addDisconnectedListener(this::ended);
    if (options.ws()) {
      builder = builder.webSocketConfig(MqttWebSocketConfig.builder().serverPath("mqtt").build());
    }
    return options.authority() == null ? builder : builder.sslConfig(tls(options.authority()));
  }

  private void ended(MqttClientDisconnectedContext context) {
    closed.complete(context.getCause());
  }

  private static MqttClientSslConfig tls(String authority) throws Exception {
    var store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (var file = new FileInputStream(authority)) {
      var certificate = CertificateFactory.getInstance("X.509").generateCertificate(file);
      store.setCertificateEntry("authority", certificate);
    }
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    return MqttClientSslConfig.builder().trustManagerFactory(trust).build();
  }
}
