// HiveMQ's client for MQTT 5.0. It uses topic aliases of its own accord.

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperties;
import com.hivemq.client.mqtt.mqtt5.datatypes.Mqtt5UserProperty;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5DisconnectException;
import com.hivemq.client.mqtt.mqtt5.message.publish.Mqtt5Publish;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

final class PeerV5 extends Peer {
  private final Mqtt5AsyncClient client;

  PeerV5(Options options, Wish wish) throws Exception {
    client = builder(options, wish).useMqttVersion5().buildAsync();
    client.publishes(MqttGlobalPublishFilter.ALL, this::arrived);
    var connect = client.connectWith()
        .cleanStart(wish.clean())
        .sessionExpiryInterval(wish.lasting() ? 300 : 0)
        .restrictions()
        .topicAliasMaximum(5)
        .sendTopicAliasMaximum(5)
        .applyRestrictions();
    if (wish.will() != null) {
      var payload = wish.will().getBytes(StandardCharsets.UTF_8);
      var will = connect.willPublish().topic("hivemq/will").payload(payload);
      connect = will.qos(MqttQos.AT_LEAST_ONCE).applyWillPublish();
    }
    sessionPresent = within(connect.send()).isSessionPresent();
  }

  private void arrived(Mqtt5Publish found) {
    var user = found.getUserProperties().asList().stream()
        .map(one -> one.getName() + "=" + one.getValue())
        .collect(Collectors.joining(","));
    var told = new Message.Properties(
        found.getContentType().map(Object::toString).orElse(null),
        found.getResponseTopic().map(Object::toString).orElse(null),
        found.getCorrelationData().map(PeerV5::text).orElse(null),
        found.getMessageExpiryInterval().orElse(-1),
        user);
    var topic = found.getTopic().toString();
    var qos = found.getQos().getCode();
    messages.add(new Message(topic, found.getPayloadAsBytes(), qos, found.isRetain(), told));
  }

  private static String text(ByteBuffer bytes) {
    return StandardCharsets.ISO_8859_1.decode(bytes).toString();
  }

  @Override
  void subscribe(String filter, int qos, boolean noLocal) throws Exception {
    var wanted = client.subscribeWith()
        .topicFilter(filter).qos(MqttQos.fromCode(qos)).noLocal(noLocal);
    var granted = within(wanted.send()).getReasonCodes();
    var codes = granted.stream().map(code -> code.getCode()).toList();
    Failure.unless(codes.equals(List.of(qos)), "SUBACK: found " + codes + ", expected " + qos);
  }

  @Override
  void unsubscribe(String filter) throws Exception {
    within(client.unsubscribeWith().topicFilter(filter).send());
  }

  @Override
  CompletableFuture<?> send(Message message) {
    var told = message.properties();
    var publish = client.publishWith()
        .topic(message.topic())
        .payload(message.payload())
        .qos(MqttQos.fromCode(message.qos()))
        .retain(message.retain())
        .contentType(told.contentType())
        .responseTopic(told.responseTopic());
    if (told.correlation() != null) {
      publish.correlationData(told.correlation().getBytes(StandardCharsets.ISO_8859_1));
    }
    if (told.expiry() >= 0) {
      publish.messageExpiryInterval(told.expiry());
    }
    if (!told.user().isEmpty()) {
      var pairs = Arrays.stream(told.user().split(",")).map(pair -> pair.split("="));
      var all = pairs.map(pair -> Mqtt5UserProperty.of(pair[0], pair[1])).toList();
      publish.userProperties(Mqtt5UserProperties.of(all));
    }
    return publish.send();
  }

  @Override
  void disconnect() throws Exception {
    within(client.disconnect());
  }

  @Override
  int reason() throws Exception {
    return within(closed) instanceof Mqtt5DisconnectException told
        ? told.getMqttMessage().getReasonCode().getCode()
        : -1;
  }
}
