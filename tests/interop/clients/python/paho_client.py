"""Eclipse Paho's Python client against a running broker."""

import os
import queue
import socket
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from command_line import DEADLINE, Failed, check, equal, options, run, tls_context

OPTIONS = options()
V5 = OPTIONS.version == "5"
LARGE = bytes(i * 7 % 251 for i in range(1024 * 1024))


class Peer:
    """One client: connects when made, collects what arrives."""

    def __init__(self, name, clean=True, keep=0, will=None, aliases=0):
        self.messages = queue.Queue()
        self.answers = {}
        self.arrived = threading.Condition()
        self.closed = queue.Queue()
        self.session_present = False
        clean_session = None if V5 else clean
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            client_id=f"paho-python-{name}",
            clean_session=clean_session,
            protocol=mqtt.MQTTv5 if V5 else mqtt.MQTTv311,
            transport="websockets" if OPTIONS.ws else "tcp",
            reconnect_on_failure=False,
        )
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _client, _data, message: self.messages.put(message)
        self.client.on_subscribe = self._on_answer
        self.client.on_unsubscribe = self._on_answer
        self.client.on_publish = self._on_answer
        self.client.on_disconnect = self._on_disconnect
        if OPTIONS.tls_ca:
            self.client.tls_set_context(tls_context(OPTIONS))
        if will:
            self.client.will_set(*will)
        self._connect(clean, keep, aliases)

    def _connect(self, clean, keep, aliases):
        connected = {}
        if V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = keep
            if aliases:
                properties.TopicAliasMaximum = aliases
            connected = {"clean_start": clean, "properties": properties}
        self.client.connect(OPTIONS.host, OPTIONS.port, 60, **connected)
        self.client.loop_start()
        reason = self._answer("connect")
        check(reason == 0, f"CONNACK says {reason}")

    def _on_connect(self, _client, _data, flags, reason, _properties):
        self.session_present = flags.session_present
        self._keep("connect", reason)

    def _on_answer(self, _client, _data, packet_id, reason, _properties):
        self._keep(packet_id, reason)

    def _on_disconnect(self, _client, _data, _flags, reason, _properties):
        self.closed.put(reason)

    def _keep(self, key, reason):
        with self.arrived:
            self.answers[key] = reason
            self.arrived.notify_all()

    def _answer(self, key):
        with self.arrived:
            there = self.arrived.wait_for(lambda: key in self.answers, DEADLINE)
            check(there, f"no answer to {key} within {DEADLINE} s")
            return self.answers.pop(key)

    def subscribe(self, topic_filter, qos, **subscribed):
        wanted = {"options": SubscribeOptions(qos, **subscribed)} if V5 else {"qos": qos}
        _, packet_id = self.client.subscribe(topic_filter, **wanted)
        reasons = self._answer(packet_id)
        equal([reason.value for reason in reasons], [qos], "SUBACK")

    def unsubscribe(self, topic_filter):
        _, packet_id = self.client.unsubscribe(topic_filter)
        self._answer(packet_id)

    def send(self, topic, payload, qos, retain=False, properties=None):
        """Publishes without waiting; gives the packet ID."""
        return self.client.publish(topic, payload, qos, retain, properties).mid

    def publish(self, topic, payload, qos=1, retain=False, properties=None):
        """Publishes and waits for the acknowledgement."""
        reason = self._answer(self.send(topic, payload, qos, retain, properties))
        check(isinstance(reason, ReasonCode) and not reason.is_failure, f"answer says {reason}")

    def receive(self):
        try:
            return self.messages.get(timeout=DEADLINE)
        except queue.Empty:
            raise Failed(f"no message within {DEADLINE} s") from None

    def expect(self, payload, **fields):
        message = self.receive()
        equal(message.payload, payload.encode(), "payload")
        for name, value in fields.items():
            equal(getattr(message, name), value, f"{name} of {payload}")
        return message

    def disconnect(self):
        self.client.disconnect()
        self._wait_closed()

    def break_off(self):
        """Ends the connection without DISCONNECT."""
        with socket.socket(fileno=os.dup(self.client.socket().fileno())) as raw:
            raw.shutdown(socket.SHUT_RDWR)
        self._wait_closed()

    def _wait_closed(self):
        try:
            reason = self.closed.get(timeout=DEADLINE)
        except queue.Empty:
            raise Failed("the connection stays open") from None
        self.client.loop_stop()
        return reason

    wait_closed = _wait_closed


def deliver(qos):
    subscriber, publisher = Peer("subscriber"), Peer("publisher")
    topic = f"paho/qos{qos}"
    subscriber.subscribe(topic, qos)
    for number in range(10):
        publisher.publish(topic, f"{number}", qos)
    for number in range(10):
        subscriber.expect(f"{number}", topic=topic, qos=qos, retain=False)
    # The lower of both levels counts, in both directions.
    subscriber.subscribe("paho/lower/#", min(qos, 1))
    publisher.publish("paho/lower/a", "lower", 2)
    subscriber.expect("lower", qos=min(qos, 1))
    for peer in (subscriber, publisher):
        peer.disconnect()


def retained():
    peer = Peer("retained")
    peer.subscribe("paho/retained/+", 1)
    peer.publish("paho/retained/a", "kept", retain=True)
    peer.expect("kept", retain=False)
    later = Peer("later")
    later.subscribe("paho/retained/#", 1)
    later.expect("kept", retain=True, qos=1)
    peer.publish("paho/retained/a", "", retain=True)
    peer.expect("", retain=False)
    later.expect("", retain=False)
    last = Peer("last")
    last.subscribe("paho/retained/#", 1)
    peer.publish("paho/retained/b", "marker")
    last.expect("marker")
    for each in (peer, later, last):
        each.disconnect()


def will():
    watcher = Peer("watcher")
    watcher.subscribe("paho/will", 1)
    Peer("mortal", will=("paho/will", "gone", 1)).break_off()
    watcher.expect("gone", qos=1)
    # A client that says good-bye leaves no will.
    Peer("mortal", will=("paho/will", "unwanted", 1)).disconnect()
    watcher.publish("paho/will", "marker")
    watcher.expect("marker")
    watcher.disconnect()


def unsubscribe():
    peer = Peer("unsubscribe")
    peer.subscribe("paho/left", 1)
    peer.subscribe("paho/stays", 1)
    peer.unsubscribe("paho/left")
    peer.publish("paho/left", "unwanted")
    peer.publish("paho/stays", "wanted")
    peer.expect("wanted")
    peer.disconnect()


def shared():
    members = [Peer("member-1"), Peer("member-2")]
    publisher = Peer("publisher")
    for member in members:
        member.subscribe("$share/group/paho/shared", 1)
    publisher.subscribe("paho/shared", 1)
    for number in range(20):
        publisher.publish("paho/shared", f"{number}")
    for number in range(20):
        publisher.expect(f"{number}")
    # Once the members have got these, none of the above is under way any more.
    for number, member in enumerate(members):
        member.subscribe(f"paho/end/{number}", 1)
        publisher.publish(f"paho/end/{number}", "end")
    found = []
    for member in members:
        while (payload := member.receive().payload) != b"end":
            found.append(int(payload))
    equal(sorted(found), list(range(20)), "messages of the group")
    for peer in [*members, publisher]:
        peer.disconnect()


def resume():
    Peer("resume").disconnect()
    peer = Peer("resume", clean=False, keep=300)
    check(not peer.session_present, "a session is present before there was one")
    peer.subscribe("paho/resume", 2)
    peer.disconnect()
    publisher = Peer("publisher")
    for number in range(20):
        publisher.publish("paho/resume", f"{number}", 1 + number // 10)
    peer = Peer("resume", clean=False, keep=300)
    check(peer.session_present, "the session is gone")
    for number in range(20):
        peer.expect(f"{number}", qos=1 + number // 10)
    publisher.publish("paho/resume", "live", 2)
    peer.expect("live", qos=2)
    peer.disconnect()
    peer = Peer("resume")
    check(not peer.session_present, "a clean start keeps the session")
    for each in (peer, publisher):
        each.disconnect()


def takeover():
    first = Peer("taken", clean=False, keep=300)
    first.subscribe("paho/taken", 1)
    second = Peer("taken", clean=False, keep=300)
    reason = first.wait_closed()
    if V5:
        equal(reason.value, 0x8E, "DISCONNECT")
    check(second.session_present, "the session is gone")
    second.publish("paho/taken", "here")
    second.expect("here")
    second.disconnect()
    Peer("taken").disconnect()


def alias():
    subscriber, publisher = Peer("subscriber", aliases=5), Peer("publisher")
    subscriber.subscribe("paho/alias/#", 1)
    for alias_number in (1, 2):
        topic = f"paho/alias/{alias_number}"
        for number in range(10):
            properties = Properties(PacketTypes.PUBLISH)
            properties.TopicAlias = alias_number
            publisher.publish("" if number else topic, f"{number}", properties=properties)
        for number in range(10):
            subscriber.expect(f"{number}")
    for peer in (subscriber, publisher):
        peer.disconnect()


def properties():
    peer = Peer("properties")
    peer.subscribe("paho/properties", 1)
    sent = Properties(PacketTypes.PUBLISH)
    sent.UserProperty = [("a", "1"), ("b", "2"), ("a", "3")]
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "paho/answer"
    sent.CorrelationData = b"\x00\x01\xff"
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 100
    peer.publish("paho/properties", "told", properties=sent)
    found = peer.expect("told").properties
    for name in ("UserProperty", "ContentType", "ResponseTopic", "CorrelationData"):
        equal(getattr(found, name), getattr(sent, name), name)
    equal(found.PayloadFormatIndicator, 1, "PayloadFormatIndicator")
    check(90 <= found.MessageExpiryInterval <= 100, "MessageExpiryInterval is not handed on")
    peer.subscribe("paho/no-local", 1, noLocal=True)
    peer.publish("paho/no-local", "unwanted")
    peer.publish("paho/properties", "marker")
    peer.expect("marker")
    peer.disconnect()


def large():
    peer = Peer("large")
    peer.subscribe("paho/large", 2)
    for qos in (0, 1, 2):
        peer.publish("paho/large", LARGE, qos)
        message = peer.receive()
        check(message.payload == LARGE, f"another payload of {len(message.payload)} bytes")
    peer.disconnect()


def order():
    subscriber, publisher = Peer("subscriber"), Peer("publisher")
    subscriber.subscribe("paho/order/+", 2)
    for qos in (0, 1, 2):
        for number in range(1000):
            publisher.send(f"paho/order/{qos}", f"{number}", qos)
        for number in range(1000):
            subscriber.expect(f"{number}", qos=qos)
    for peer in (subscriber, publisher):
        peer.disconnect()


SCENARIOS = {
    "qos0": lambda: deliver(0),
    "qos1": lambda: deliver(1),
    "qos2": lambda: deliver(2),
    "retained": retained,
    "will": will,
    "unsubscribe": unsubscribe,
    "shared": shared,
    "resume": resume,
    "takeover": takeover,
    "alias": alias,
    "properties": properties,
    "large": large,
    "order": order,
}

run(OPTIONS, lambda name: SCENARIOS[name]())
