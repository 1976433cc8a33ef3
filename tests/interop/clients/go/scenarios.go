package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

var scenarios = map[string]func(*options){
	"qos0":        func(o *options) { deliver(o, 0) },
	"qos1":        func(o *options) { deliver(o, 1) },
	"qos2":        func(o *options) { deliver(o, 2) },
	"retained":    retained,
	"will":        will,
	"unsubscribe": unsubscribe,
	"shared":      shared,
	"resume":      resume,
	"takeover":    takeover,
	"large":       large,
	"order":       order,
	"alias":       alias,
	"properties":  told,
}

func deliver(o *options, qos byte) {
	subscriber, publisher := connect(o, plain("subscriber")), connect(o, plain("publisher"))
	topic := fmt.Sprintf("paho-go/qos%d", qos)
	subscriber.subscribe(topic, qos, false)
	for number := range 10 {
		publisher.publish(topic, strconv.Itoa(number), qos)
	}
	for number := range 10 {
		found := subscriber.expect(strconv.Itoa(number), qos, false)
		check(found.topic == topic, "found topic %s, expected %s", found.topic, topic)
	}
	lower := min(qos, 1)
	subscriber.subscribe("paho-go/lower/#", lower, false)
	publisher.publish("paho-go/lower/a", "lower", 2)
	subscriber.expect("lower", lower, false)
	subscriber.disconnect()
	publisher.disconnect()
}

func retained(o *options) {
	early := connect(o, plain("early"))
	early.subscribe("paho-go/retained/+", 1, false)
	early.retain("paho-go/retained/a", "kept")
	early.expect("kept", 1, false)
	later := connect(o, plain("later"))
	later.subscribe("paho-go/retained/#", 1, false)
	later.expect("kept", 1, true)
	early.retain("paho-go/retained/a", "")
	early.expect("", 1, false)
	last := connect(o, plain("last"))
	last.subscribe("paho-go/retained/#", 1, false)
	early.publish("paho-go/retained/b", "marker", 1)
	last.expect("marker", 1, false)
	for _, each := range []peer{early, later, last} {
		each.disconnect()
	}
}

func will(o *options) {
	watcher := connect(o, plain("watcher"))
	watcher.subscribe("paho-go/will", 1, false)
	mortal := plain("mortal")
	mortal.will = "gone"
	connect(o, mortal).breakOff()
	watcher.expect("gone", 1, false)
	mortal.will = "unwanted"
	connect(o, mortal).disconnect()
	watcher.publish("paho-go/will", "marker", 1)
	watcher.expect("marker", 1, false)
	watcher.disconnect()
}

func unsubscribe(o *options) {
	leaver := connect(o, plain("leaver"))
	leaver.subscribe("paho-go/left", 1, false)
	leaver.subscribe("paho-go/stays", 1, false)
	leaver.unsubscribe("paho-go/left")
	leaver.publish("paho-go/left", "unwanted", 1)
	leaver.publish("paho-go/stays", "wanted", 1)
	leaver.expect("wanted", 1, false)
	leaver.disconnect()
}

func shared(o *options) {
	members := []peer{connect(o, plain("one")), connect(o, plain("two"))}
	for _, member := range members {
		member.subscribe("$share/group/paho-go/shared", 1, false)
	}
	publisher := connect(o, plain("publisher"))
	publisher.subscribe("paho-go/shared", 1, false)
	for number := range 20 {
		publisher.publish("paho-go/shared", strconv.Itoa(number), 1)
	}
	for number := range 20 {
		publisher.expect(strconv.Itoa(number), 1, false)
	}
	var found, all []int
	for number, member := range members {
		// Once it has got the end, none of the above is under way any more.
		topic := fmt.Sprintf("paho-go/end/%d", number)
		member.subscribe(topic, 1, false)
		publisher.publish(topic, "end", 1)
		for one := member.receive(); one.payload != "end"; one = member.receive() {
			number, err := strconv.Atoi(one.payload)
			must(err, "payload")
			found = append(found, number)
		}
		member.disconnect()
	}
	for number := range 20 {
		all = append(all, number)
	}
	slices.Sort(found)
	check(slices.Equal(found, all), "the group got %v", found)
	publisher.disconnect()
}

func resume(o *options) {
	connect(o, plain("resume")).disconnect()
	away := connect(o, lasting("resume"))
	check(!away.sessionPresent(), "a session is present before there was one")
	away.subscribe("paho-go/resume", 2, false)
	away.disconnect()
	publisher := connect(o, plain("publisher"))
	for number := range 20 {
		publisher.publish("paho-go/resume", strconv.Itoa(number), byte(1+number/10))
	}
	back := connect(o, lasting("resume"))
	check(back.sessionPresent(), "the session is gone")
	for number := range 20 {
		back.expect(strconv.Itoa(number), byte(1+number/10), false)
	}
	back.disconnect()
	clean := connect(o, plain("resume"))
	check(!clean.sessionPresent(), "a clean start keeps the session")
	clean.disconnect()
	publisher.disconnect()
}

func takeover(o *options) {
	first := connect(o, lasting("taken"))
	first.subscribe("paho-go/taken", 1, false)
	second := connect(o, lasting("taken"))
	reason := first.waitClosed()
	check(o.version != "5" || reason == 0x8E, "DISCONNECT: found %#x, expected 0x8e", reason)
	check(second.sessionPresent(), "the session is gone")
	second.publish("paho-go/taken", "here", 1)
	second.expect("here", 1, false)
	second.disconnect()
	connect(o, plain("taken")).disconnect()
}

func large(o *options) {
	payload := strings.Repeat("0123456789abcdef", 1024*1024/16)
	one := connect(o, plain("large"))
	one.subscribe("paho-go/large", 2, false)
	for qos := range byte(3) {
		one.publish("paho-go/large", payload, qos)
		found := one.receive().payload
		check(found == payload, "another payload of %d bytes", len(found))
	}
	one.disconnect()
}

func order(o *options) {
	subscriber, publisher := connect(o, plain("subscriber")), connect(o, plain("publisher"))
	subscriber.subscribe("paho-go/order/+", 2, false)
	for qos := range byte(3) {
		topic := fmt.Sprintf("paho-go/order/%d", qos)
		for number := range 1000 {
			publisher.send(message{topic: topic, payload: strconv.Itoa(number), qos: qos})
		}
		for number := range 1000 {
			subscriber.expect(strconv.Itoa(number), qos, false)
		}
	}
	// paho.golang 0.23 does not bear being disconnected amid handshakes of QoS 2; this one is last.
	publisher.publish("paho-go/end", "end", 2)
	subscriber.disconnect()
	publisher.disconnect()
}

func alias(o *options) {
	wanted := plain("subscriber")
	wanted.aliases = 5
	subscriber, publisher := connect(o, wanted), connect(o, plain("publisher"))
	subscriber.subscribe("paho-go/alias/#", 1, false)
	for _, alias := range []uint16{1, 2} {
		topic := fmt.Sprintf("paho-go/alias/%d", alias)
		one := message{topic: topic, qos: 1, properties: properties{alias: alias}}
		for number := range 10 {
			one.payload = strconv.Itoa(number)
			publisher.library.publish(one)
			one.topic = ""
		}
		for number := range 10 {
			found := subscriber.expect(strconv.Itoa(number), 1, false)
			check(found.topic == topic, "found topic %s, expected %s", found.topic, topic)
		}
	}
	subscriber.disconnect()
	publisher.disconnect()
}

func told(o *options) {
	one := connect(o, plain("properties"))
	one.subscribe("paho-go/properties", 1, false)
	sent := properties{
		contentType:     "text/plain",
		responseTopic:   "paho-go/answer",
		correlationData: "\x00\x01\xff",
		expiry:          100,
		user:            "a=1,b=2,a=3",
	}
	one.library.publish(message{
		topic: "paho-go/properties", payload: "told", qos: 1, properties: sent,
	})
	found := one.expect("told", 1, false).properties
	check(found.expiry >= 90 && found.expiry <= 100, "expiry is %d", found.expiry)
	found.expiry = sent.expiry
	check(found == sent, "found %+v, expected %+v", found, sent)
	one.subscribe("paho-go/no-local", 1, true)
	one.publish("paho-go/no-local", "unwanted", 1)
	one.publish("paho-go/properties", "marker", 1)
	one.expect("marker", 1, false)
	one.disconnect()
}
