package main

import "time"

// wish says how a client connects.
type wish struct {
	name    string
	lasting bool
	clean   bool
	will    string // The payload; topic paho-go/will, QoS 1.
	aliases uint16
}

func plain(name string) wish   { return wish{name: name, clean: true} }
func lasting(name string) wish { return wish{name: name, lasting: true} }

// properties are those of MQTT 5.0 that the scenarios use.
type properties struct {
	alias           uint16
	contentType     string
	responseTopic   string
	correlationData string
	expiry          uint32
	user            string // name=value, with commas between them.
}

type message struct {
	topic      string
	payload    string
	qos        byte
	retain     bool
	properties properties
}

// library is a client of either version. Its methods fail the scenario.
type library interface {
	sessionPresent() bool
	subscribe(filter string, qos byte, noLocal bool)
	unsubscribe(filter string)
	// publish waits for the acknowledgement, send does not.
	publish(one message)
	send(one message)
	disconnect()
	// breakOff ends the connection without DISCONNECT.
	breakOff()
	// closed tells the reason code of the end, 0 if there was none.
	closed() <-chan byte
	messages() <-chan message
}

type peer struct{ library }

func connect(o *options, w wish) peer {
	if o.version == "5" {
		return peer{connectV5(o, w)}
	}
	return peer{connectV3(o, w)}
}

func (p peer) publish(topic, payload string, qos byte) {
	p.library.publish(message{topic: topic, payload: payload, qos: qos})
}

func (p peer) retain(topic, payload string) {
	p.library.publish(message{topic: topic, payload: payload, qos: 1, retain: true})
}

func (p peer) receive() message {
	select {
	case found := <-p.messages():
		return found
	case <-time.After(deadline):
		check(false, "no message within %v", deadline)
		return message{}
	}
}

func (p peer) expect(payload string, qos byte, retain bool) message {
	found := p.receive()
	same := found.payload == payload && found.qos == qos && found.retain == retain
	check(same, "found %.40q with QoS %d and retain %v, expected %q with %d and %v",
		found.payload, found.qos, found.retain, payload, qos, retain)
	return found
}

func (p peer) waitClosed() byte {
	select {
	case reason := <-p.closed():
		return reason
	case <-time.After(deadline):
		check(false, "the connection stays open")
		return 0
	}
}
