// HiveMQ's client for MQTT 3.1.1.

import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.Mqtt3AsyncClient;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;

final class PeerV3 extends Peer {
  private final Mqtt3AsyncClient client;

  PeerV3(Options options, Wish wish) throws Exception {
    client = builder(options, wish).useMqttVersion3().buildAsync();
    client.publishes(MqttGlobalPublishFilter.ALL, this::arrived);
    var connect = client.connectWith().cleanSession(wish.clean());
    if (wish.will() != null) {
      var payload = wish.will().getBytes(StandardCharsets.UTF_8);
      var will = connect.willPublish().topic("hivemq/will").payload(payload);
      connect = will.qos(MqttQos.AT_LEAST_ONCE).applyWillPublish();
    }
    sessionPresent = within(connect.send()).isSessionPresent();
  }

  private void arrived(Mqtt3Publish found) {
    var topic = found.getTopic().toString();
    var qos = found.getQos().getCode();
    var none = Message.Properties.NONE;
    messages.add(new Message(topic, found.getPayloadAsBytes(), qos, found.isRetain(), none));
  }

  @Override
  void subscribe(String filter, int qos, boolean noLocal) throws Exception {
    var wanted = client.subscribeWith().topicFilter(filter).qos(MqttQos.fromCode(qos));
    var granted = within(wanted.send()).getReturnCodes();
    var codes = granted.stream().map(code -> code.getCode()).toList();
    Failure.unless(codes.equals(List.of(qos)), "SUBACK: found " + codes + ", expected " + qos);
  }

  @Override
  void unsubscribe(String filter) throws Exception {
    within(client.unsubscribeWith().topicFilter(filter).send());
  }

  @Override
  CompletableFuture<?> send(Message message) {
    return client.publishWith()
        .topic(message.topic())
        .payload(message.payload())
        .qos(MqttQos.fromCode(message.qos()))
        .retain(message.retain())
        .send();
  }

  @Override
  void disconnect() throws Exception {
    within(client.disconnect());
  }

  @Override
  int reason() throws Exception {
    within(closed);
    return -1;
  }
}
