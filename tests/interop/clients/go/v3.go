package main

import (
	"fmt"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

type v3 struct {
	client  mqtt.Client
	present bool
	options *options
	name    string
	ended   chan byte
	arrived chan message
}

func connectV3(o *options, w wish) *v3 {
	made := &v3{
		options: o,
		name:    w.name,
		ended:   make(chan byte, 1),
		arrived: make(chan message, 10_000),
	}
	wanted := mqtt.NewClientOptions()
	wanted.AddBroker(o.url()).SetTLSConfig(o.tlsConfig())
	wanted.SetProtocolVersion(4).SetClientID("paho-go-" + w.name).SetCleanSession(w.clean)
	wanted.SetAutoReconnect(false).SetConnectTimeout(deadline)
	if w.will != "" {
		wanted.SetWill("paho-go/will", w.will, 1, false)
	}
	wanted.SetConnectionLostHandler(func(mqtt.Client, error) { made.ended <- 0 })
	wanted.SetDefaultPublishHandler(func(_ mqtt.Client, found mqtt.Message) {
		made.arrived <- message{
			topic:   found.Topic(),
			payload: string(found.Payload()),
			qos:     found.Qos(),
			retain:  found.Retained(),
		}
	})
	made.client = mqtt.NewClient(wanted)
	token := made.client.Connect()
	finish(token, "CONNECT")
	made.present = token.(*mqtt.ConnectToken).SessionPresent()
	return made
}

func (o *options) url() string {
	scheme, path := "tcp", ""
	switch {
	case o.ws && o.tlsCA != "":
		scheme, path = "wss", "/mqtt"
	case o.ws:
		scheme, path = "ws", "/mqtt"
	case o.tlsCA != "":
		scheme = "ssl"
	}
	return fmt.Sprintf("%s://%s:%d%s", scheme, o.host, o.port, path)
}

func finish(token mqtt.Token, what string) {
	check(token.WaitTimeout(deadline), "%s: no answer within %v", what, deadline)
	must(token.Error(), what)
}

func (c *v3) sessionPresent() bool { return c.present }

func (c *v3) subscribe(filter string, qos byte, _ bool) {
	token := c.client.Subscribe(filter, qos, nil)
	finish(token, "SUBSCRIBE")
	for _, granted := range token.(*mqtt.SubscribeToken).Result() {
		check(granted == qos, "SUBACK: found %d, expected %d", granted, qos)
	}
}

func (c *v3) unsubscribe(filter string) { finish(c.client.Unsubscribe(filter), "UNSUBSCRIBE") }

func (c *v3) publish(one message) {
	finish(c.client.Publish(one.topic, one.qos, one.retain, one.payload), "PUBLISH")
}

func (c *v3) send(one message) { c.client.Publish(one.topic, one.qos, one.retain, one.payload) }

func (c *v3) disconnect() { c.client.Disconnect(1000) }

// breakOff lets another connection take this one over: the library hides its socket.
func (c *v3) breakOff() {
	second := connectV3(c.options, plain(c.name))
	peer{c}.waitClosed()
	second.disconnect()
}

func (c *v3) closed() <-chan byte      { return c.ended }
func (c *v3) messages() <-chan message { return c.arrived }
