// HiveMQ's Java client against a running broker: the scenarios of clients/README.md.

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

final class Scenarios {
  private final Options options;

  private Scenarios(Options options) {
    this.options = options;
  }

  public static void main(String[] words) {
    var options = Options.read(words);
    var failures = 0;
    for (var name : options.scenarios()) {
      try {
        new Scenarios(options).run(name);
        System.out.println("ok " + name);
      } catch (Exception | LinkageError error) {
        System.out.println("failed " + name + ": " + error);
        failures++;
      }
    }
    System.exit(failures == 0 ? 0 : 1);
  }

  private void run(String name) throws Exception {
    switch (name) {
      case "qos0" -> deliver(0);
      case "qos1" -> deliver(1);
      case "qos2" -> deliver(2);
      case "retained" -> retained();
      case "will" -> will();
      case "unsubscribe" -> unsubscribe();
      case "shared" -> shared();
      case "resume" -> resume();
      case "takeover" -> takeover();
      case "large" -> large();
      case "order" -> order();
      case "alias" -> alias();
      case "properties" -> properties();
      default -> throw new IllegalArgumentException("no such scenario");
    }
  }

  private Peer plain(String name) throws Exception {
    return Peer.connect(options, Peer.Wish.plain(name));
  }

  private void deliver(int qos) throws Exception {
    var subscriber = plain("subscriber");
    var publisher = plain("publisher");
    var topic = "hivemq/qos" + qos;
    subscriber.subscribe(topic, qos, false);
    for (var number = 0; number < 10; number++) {
      publisher.publish(new Message(topic, "" + number, qos));
    }
    for (var number = 0; number < 10; number++) {
      var found = subscriber.expect("" + number, qos, false).topic();
      Failure.unless(found.equals(topic), "found topic " + found + ", expected " + topic);
    }
    var lower = Math.min(qos, 1);
    subscriber.subscribe("hivemq/lower/#", lower, false);
    publisher.publish(new Message("hivemq/lower/a", "lower", 2));
    subscriber.expect("lower", lower, false);
    subscriber.disconnect();
    publisher.disconnect();
  }

  private void retained() throws Exception {
    var early = plain("early");
    early.subscribe("hivemq/retained/+", 1, false);
    early.publish(new Message("hivemq/retained/a", "kept", 1).retained());
    early.expect("kept", 1, false);
    var later = plain("later");
    later.subscribe("hivemq/retained/#", 1, false);
    later.expect("kept", 1, true);
    early.publish(new Message("hivemq/retained/a", "", 1).retained());
    early.expect("", 1, false);
    var last = plain("last");
    last.subscribe("hivemq/retained/#", 1, false);
    early.publish(new Message("hivemq/retained/b", "marker", 1));
    last.expect("marker", 1, false);
    for (var each : List.of(early, later, last)) {
      each.disconnect();
    }
  }

  /** The client cannot break off a connection, so that another one has to take it over. */
  private void will() throws Exception {
    var watcher = plain("watcher");
    watcher.subscribe("hivemq/will", 1, false);
    Peer.connect(options, Peer.Wish.mortal("gone"));
    var second = Peer.connect(options, Peer.Wish.mortal("unwanted"));
    watcher.expect("gone", 1, false);
    second.disconnect();
    watcher.publish(new Message("hivemq/will", "marker", 1));
    watcher.expect("marker", 1, false);
    watcher.disconnect();
  }

  private void unsubscribe() throws Exception {
    var leaver = plain("leaver");
    leaver.subscribe("hivemq/left", 1, false);
    leaver.subscribe("hivemq/stays", 1, false);
    leaver.unsubscribe("hivemq/left");
    leaver.publish(new Message("hivemq/left", "unwanted", 1));
    leaver.publish(new Message("hivemq/stays", "wanted", 1));
    leaver.expect("wanted", 1, false);
    leaver.disconnect();
  }

  private void shared() throws Exception {
    var members = List.of(plain("one"), plain("two"));
    for (var member : members) {
      member.subscribe("$share/group/hivemq/shared", 1, false);
    }
    var publisher = plain("publisher");
    publisher.subscribe("hivemq/shared", 1, false);
    for (var number = 0; number < 20; number++) {
      publisher.publish(new Message("hivemq/shared", "" + number, 1));
    }
    for (var number = 0; number < 20; number++) {
      publisher.expect("" + number, 1, false);
    }
    var found = new ArrayList<Integer>();
    for (var member : members) {
      // Once it has got the end, none of the above is under way any more.
      member.subscribe("hivemq/end", 1, false);
      publisher.publish(new Message("hivemq/end", "end", 1));
      for (var text = member.receive().text(); !text.equals("end");
          text = member.receive().text()) {
        found.add(Integer.parseInt(text));
      }
      member.disconnect();
    }
    var all = IntStream.range(0, 20).boxed().toList();
    Failure.unless(found.stream().sorted().toList().equals(all), "the group got " + found);
    publisher.disconnect();
  }

  private void resume() throws Exception {
    plain("resume").disconnect();
    var lasting = Peer.Wish.lasting("resume");
    var away = Peer.connect(options, lasting);
    Failure.unless(!away.sessionPresent, "a session is present before there was one");
    away.subscribe("hivemq/resume", 2, false);
    away.disconnect();
    var publisher = plain("publisher");
    for (var number = 0; number < 20; number++) {
      publisher.publish(new Message("hivemq/resume", "" + number, 1 + number / 10));
    }
    var back = Peer.connect(options, lasting);
    Failure.unless(back.sessionPresent, "the session is gone");
    for (var number = 0; number < 20; number++) {
      back.expect("" + number, 1 + number / 10, false);
    }
    back.disconnect();
    var clean = plain("resume");
    Failure.unless(!clean.sessionPresent, "a clean start keeps the session");
    clean.disconnect();
    publisher.disconnect();
  }

  private void takeover() throws Exception {
    var lasting = Peer.Wish.lasting("taken");
    var first = Peer.connect(options, lasting);
    first.subscribe("hivemq/taken", 1, false);
    var second = Peer.connect(options, lasting);
    var reason = first.reason();
    Failure.unless(!options.v5() || reason == 0x8E, "DISCONNECT: found " + reason);
    Failure.unless(second.sessionPresent, "the session is gone");
    second.publish(new Message("hivemq/taken", "here", 1));
    second.expect("here", 1, false);
    second.disconnect();
    plain("taken").disconnect();
  }

  private void large() throws Exception {
    var payload = "0123456789abcdef".repeat(1024 * 1024 / 16);
    var peer = plain("large");
    peer.subscribe("hivemq/large", 2, false);
    for (var qos = 0; qos < 3; qos++) {
      peer.publish(new Message("hivemq/large", payload, qos));
      var found = peer.receive().text();
      Failure.unless(found.equals(payload), "another payload of %d bytes".formatted(found.length()));
    }
    peer.disconnect();
  }

  private void order() throws Exception {
    var subscriber = plain("subscriber");
    var publisher = plain("publisher");
    subscriber.subscribe("hivemq/order/+", 2, false);
    for (var qos = 0; qos < 3; qos++) {
      for (var number = 0; number < 1000; number++) {
        publisher.send(new Message("hivemq/order/" + qos, "" + number, qos));
      }
      for (var number = 0; number < 1000; number++) {
        subscriber.expect("" + number, qos, false);
      }
    }
    subscriber.disconnect();
    publisher.disconnect();
  }

  /** The client chooses aliases by itself, so that repeating topics is all there is to do. */
  private void alias() throws Exception {
    var subscriber = plain("subscriber");
    var publisher = plain("publisher");
    subscriber.subscribe("hivemq/alias/#", 1, false);
    for (var topic : List.of("hivemq/alias/one", "hivemq/alias/two")) {
      for (var number = 0; number < 10; number++) {
        publisher.publish(new Message(topic, "" + number, 1));
      }
      for (var number = 0; number < 10; number++) {
        var found = subscriber.expect("" + number, 1, false).topic();
        Failure.unless(found.equals(topic), "found topic " + found + ", expected " + topic);
      }
    }
    subscriber.disconnect();
    publisher.disconnect();
  }

  private void properties() throws Exception {
    var peer = plain("properties");
    peer.subscribe("hivemq/properties", 1, false);
    var sent = new Message.Properties(
        "text/plain", "hivemq/answer", "\u0000\u0001\u00ff", 100, "a=1,b=2,a=3");
    peer.publish(new Message("hivemq/properties", "told", 1).with(sent));
    var found = peer.expect("told", 1, false).properties();
    var left = found.expiry();
    Failure.unless(left >= 90 && left <= 100, "expiry is " + left);
    var same = new Message.Properties(
        found.contentType(), found.responseTopic(), found.correlation(), 100, found.user());
    Failure.unless(same.equals(sent), "found " + found + ", expected " + sent);
    peer.subscribe("hivemq/no-local", 1, true);
    peer.publish(new Message("hivemq/no-local", "unwanted", 1));
    peer.publish(new Message("hivemq/properties", "marker", 1));
    peer.expect("marker", 1, false);
    peer.disconnect();
  }
}
