// MQTT.js against a running broker. The command line is that of clients/README.md.
"use strict";

const fs = require("node:fs");
const mqtt = require("mqtt");

const DEADLINE_MS = 20_000;

function options(words) {
  const found = { host: "127.0.0.1", port: 1883, version: "5", scenario: "", ws: false };
  while (words.length) {
    const word = words.shift();
    if (word === "--ws") found.ws = true;
    else if (word === "--tls-ca") found.tlsCa = words.shift();
    else found[word.slice(2)] = words.shift();
  }
  return found;
}

const OPTIONS = options(process.argv.slice(2));
const V5 = OPTIONS.version === "5";

function check(condition, message) {
  if (!condition) throw new Error(message);
}

function equal(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  check(left === right, `${what}: found ${left}, expected ${right}`);
}

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within 20 s`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** One client: collects what arrives. */
class Peer {
  constructor(client) {
    this.client = client;
    this.messages = [];
    this.waiting = [];
    this.reason = null;
    client.on("message", (topic, payload, packet) => {
      // The packet itself has no topic if it came by alias.
      const message = { ...packet, topic };
      const waiting = this.waiting.shift();
      if (waiting) waiting(message);
      else this.messages.push(message);
    });
    client.on("error", () => {});
    client.on("disconnect", (packet) => { this.reason = packet.reasonCode; });
    this.closed = new Promise((resolve) => { client.once("close", resolve); });
  }

  static async connect(name, { clean = true, keep = 0, will, aliases = 0 } = {}) {
    const tls = OPTIONS.tlsCa !== undefined;
    const protocol = OPTIONS.ws ? (tls ? "wss" : "ws") : (tls ? "mqtts" : "mqtt");
    const properties = { sessionExpiryInterval: keep };
    if (aliases) properties.topicAliasMaximum = aliases;
    const client = mqtt.connect({
      protocol,
      hostname: OPTIONS.host,
      port: Number(OPTIONS.port),
      path: "/mqtt",
      ca: tls ? fs.readFileSync(OPTIONS.tlsCa) : undefined,
      protocolVersion: V5 ? 5 : 4,
      clientId: `mqttjs-${name}`,
      clean,
      will,
      reconnectPeriod: 0,
      properties: V5 ? properties : undefined,
    });
    const peer = new Peer(client);
    const connected = new Promise((resolve, reject) => {
      client.once("connect", resolve);
      client.once("error", reject);
    });
    peer.sessionPresent = (await within(connected, "CONNACK")).sessionPresent;
    return peer;
  }

  async subscribe(filter, qos, more = {}) {
    const granted = await within(this.client.subscribeAsync(filter, { qos, ...more }), "SUBACK");
    equal(granted.map((one) => one.qos), [qos], "SUBACK");
  }

  unsubscribe(filter) {
    return within(this.client.unsubscribeAsync(filter), "UNSUBACK");
  }

  publish(topic, payload, qos = 1, more = {}) {
    return within(this.client.publishAsync(topic, payload, { qos, ...more }), "acknowledgement");
  }

  receive() {
    const message = this.messages.shift();
    if (message) return message;
    return within(new Promise((resolve) => this.waiting.push(resolve)), "message");
  }

  async expect(payload, fields = {}) {
    const message = await this.receive();
    equal(message.payload.toString(), payload, "payload");
    for (const [name, value] of Object.entries(fields)) {
      equal(message[name], value, `${name} of ${payload}`);
    }
    return message;
  }

  disconnect() {
    return within(this.client.endAsync(), "end of the connection");
  }

  /** Ends the connection without DISCONNECT. */
  breakOff() {
    this.client.stream.destroy();
    return within(this.closed, "end of the connection");
  }
}

const disconnect = (...peers) => Promise.all(peers.map((peer) => peer.disconnect()));

async function deliver(qos) {
  const subscriber = await Peer.connect("subscriber");
  const publisher = await Peer.connect("publisher");
  const topic = `mqttjs/qos${qos}`;
  await subscriber.subscribe(topic, qos);
  for (let number = 0; number < 10; number++) await publisher.publish(topic, `${number}`, qos);
  for (let number = 0; number < 10; number++) {
    await subscriber.expect(`${number}`, { topic, qos, retain: false });
  }
  const lower = Math.min(qos, 1);
  await subscriber.subscribe("mqttjs/lower/#", lower);
  await publisher.publish("mqttjs/lower/a", "lower", 2);
  await subscriber.expect("lower", { qos: lower });
  await disconnect(subscriber, publisher);
}

async function retained() {
  const early = await Peer.connect("early");
  await early.subscribe("mqttjs/retained/+", 1);
  await early.publish("mqttjs/retained/a", "kept", 1, { retain: true });
  await early.expect("kept", { retain: false });
  const later = await Peer.connect("later");
  await later.subscribe("mqttjs/retained/#", 1);
  await later.expect("kept", { retain: true, qos: 1 });
  await early.publish("mqttjs/retained/a", "", 1, { retain: true });
  await early.expect("", { retain: false });
  const last = await Peer.connect("last");
  await last.subscribe("mqttjs/retained/#", 1);
  await early.publish("mqttjs/retained/b", "marker");
  await last.expect("marker");
  await disconnect(early, later, last);
}

async function will() {
  const watcher = await Peer.connect("watcher");
  await watcher.subscribe("mqttjs/will", 1);
  const gone = { topic: "mqttjs/will", payload: Buffer.from("gone"), qos: 1, retain: false };
  await (await Peer.connect("mortal", { will: gone })).breakOff();
  await watcher.expect("gone", { qos: 1 });
  const unwanted = { ...gone, payload: Buffer.from("unwanted") };
  await (await Peer.connect("mortal", { will: unwanted })).disconnect();
  await watcher.publish("mqttjs/will", "marker");
  await watcher.expect("marker");
  await watcher.disconnect();
}

async function unsubscribe() {
  const peer = await Peer.connect("leaver");
  await peer.subscribe("mqttjs/left", 1);
  await peer.subscribe("mqttjs/stays", 1);
  await peer.unsubscribe("mqttjs/left");
  await peer.publish("mqttjs/left", "unwanted");
  await peer.publish("mqttjs/stays", "wanted");
  await peer.expect("wanted");
  await peer.disconnect();
}

async function shared() {
  const members = [await Peer.connect("member-1"), await Peer.connect("member-2")];
  for (const member of members) await member.subscribe("$share/group/mqttjs/shared", 1);
  const publisher = await Peer.connect("publisher");
  await publisher.subscribe("mqttjs/shared", 1);
  for (let number = 0; number < 20; number++) await publisher.publish("mqttjs/shared", `${number}`);
  for (let number = 0; number < 20; number++) await publisher.expect(`${number}`);
  const found = [];
  for (const [number, member] of members.entries()) {
    // Once it has got the end, none of the above is under way any more.
    await member.subscribe(`mqttjs/end/${number}`, 1);
    await publisher.publish(`mqttjs/end/${number}`, "end");
    for (;;) {
      const payload = (await member.receive()).payload.toString();
      if (payload === "end") break;
      found.push(Number(payload));
    }
  }
  found.sort((left, right) => left - right);
  equal(found, [...Array(20).keys()], "messages of the group");
  await disconnect(...members, publisher);
}

async function resume() {
  await (await Peer.connect("resume")).disconnect();
  const lasting = { clean: false, keep: 300 };
  let peer = await Peer.connect("resume", lasting);
  check(!peer.sessionPresent, "a session is present before there was one");
  await peer.subscribe("mqttjs/resume", 2);
  await peer.disconnect();
  const publisher = await Peer.connect("publisher");
  for (let number = 0; number < 20; number++) {
    await publisher.publish("mqttjs/resume", `${number}`, number < 10 ? 1 : 2);
  }
  peer = await Peer.connect("resume", lasting);
  check(peer.sessionPresent, "the session is gone");
  for (let number = 0; number < 20; number++) {
    await peer.expect(`${number}`, { qos: number < 10 ? 1 : 2 });
  }
  await peer.disconnect();
  peer = await Peer.connect("resume");
  check(!peer.sessionPresent, "a clean start keeps the session");
  await disconnect(peer, publisher);
}

async function takeover() {
  const lasting = { clean: false, keep: 300 };
  const first = await Peer.connect("taken", lasting);
  await first.subscribe("mqttjs/taken", 1);
  const second = await Peer.connect("taken", lasting);
  await within(first.closed, "end of the first connection");
  if (V5) equal(first.reason, 0x8e, "DISCONNECT");
  check(second.sessionPresent, "the session is gone");
  await second.publish("mqttjs/taken", "here");
  await second.expect("here");
  await second.disconnect();
  await (await Peer.connect("taken")).disconnect();
}

async function large() {
  const payload = Buffer.from(Array.from({ length: 1024 * 1024 }, (_, i) => (i * 7) % 251));
  const peer = await Peer.connect("large");
  await peer.subscribe("mqttjs/large", 2);
  for (const qos of [0, 1, 2]) {
    await peer.publish("mqttjs/large", payload, qos);
    const found = (await peer.receive()).payload;
    check(payload.equals(found), `another payload of ${found.length} bytes`);
  }
  await peer.disconnect();
}

async function order() {
  const subscriber = await Peer.connect("subscriber");
  const publisher = await Peer.connect("publisher");
  await subscriber.subscribe("mqttjs/order/+", 2);
  for (const qos of [0, 1, 2]) {
    const sent = [];
    for (let number = 0; number < 1000; number++) {
      sent.push(publisher.publish(`mqttjs/order/${qos}`, `${number}`, qos));
    }
    for (let number = 0; number < 1000; number++) await subscriber.expect(`${number}`, { qos });
    await Promise.all(sent);
  }
  await disconnect(subscriber, publisher);
}

async function alias() {
  const subscriber = await Peer.connect("subscriber", { aliases: 5 });
  const publisher = await Peer.connect("publisher");
  await subscriber.subscribe("mqttjs/alias/#", 1);
  for (const topicAlias of [1, 2]) {
    const topic = `mqttjs/alias/${topicAlias}`;
    for (let number = 0; number < 10; number++) {
      await publisher.publish(number ? "" : topic, `${number}`, 1, { properties: { topicAlias } });
    }
    for (let number = 0; number < 10; number++) await subscriber.expect(`${number}`, { topic });
  }
  await disconnect(subscriber, publisher);
}

async function properties() {
  const peer = await Peer.connect("properties");
  await peer.subscribe("mqttjs/properties", 1);
  const sent = {
    payloadFormatIndicator: true,
    responseTopic: "mqttjs/answer",
    correlationData: Buffer.from([0, 1, 255]),
    userProperties: { a: ["1", "3"], b: "2" },
    contentType: "text/plain",
  };
  const told = { ...sent, messageExpiryInterval: 100 };
  await peer.publish("mqttjs/properties", "told", 1, { properties: told });
  const found = (await peer.expect("told")).properties;
  for (const [name, value] of Object.entries(sent)) equal(found[name], value, name);
  const left = found.messageExpiryInterval;
  check(left >= 90 && left <= 100, `expiry is ${left}`);
  await peer.subscribe("mqttjs/no-local", 1, { nl: true });
  await peer.publish("mqttjs/no-local", "unwanted");
  await peer.publish("mqttjs/properties", "marker");
  await peer.expect("marker");
  await peer.disconnect();
}

const SCENARIOS = {
  qos0: () => deliver(0),
  qos1: () => deliver(1),
  qos2: () => deliver(2),
  retained, will, unsubscribe, shared, resume, takeover, large, order, alias, properties,
};

async function main() {
  let failures = 0;
  for (const name of OPTIONS.scenario.split(",")) {
    try {
      await SCENARIOS[name]();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`failed ${name}: ${error.message}`);
      failures += 1;
    }
  }
  process.exit(failures ? 1 : 0);
}

main();
