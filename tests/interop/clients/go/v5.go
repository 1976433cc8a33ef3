package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
	"golang.org/x/net/websocket"
)

type v5 struct {
	client  *paho.Client
	raw     net.Conn
	present bool
	ended   chan byte
	arrived chan message
	aliases map[uint16]string
}

func connectV5(o *options, w wish) *v5 {
	made := &v5{
		ended:   make(chan byte, 10),
		arrived: make(chan message, 10_000),
		aliases: map[uint16]string{},
	}
	made.client = paho.NewClient(paho.ClientConfig{
		Conn:              packets.NewThreadSafeConn(made.dial(o)),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){made.receive},
		OnClientError:     func(error) { made.ended <- 0 },
		OnServerDisconnect: func(found *paho.Disconnect) {
			made.ended <- found.ReasonCode
		},
	})
	wanted := &paho.Connect{
		ClientID:   "paho-go-" + w.name,
		CleanStart: w.clean,
		KeepAlive:  60,
		Properties: &paho.ConnectProperties{},
	}
	if w.lasting {
		wanted.Properties.SessionExpiryInterval = paho.Uint32(300)
	}
	if w.aliases > 0 {
		wanted.Properties.TopicAliasMaximum = paho.Uint16(w.aliases)
	}
	if w.will != "" {
		wanted.WillMessage = &paho.WillMessage{
			Topic: "paho-go/will", Payload: []byte(w.will), QoS: 1,
		}
	}
	ctx, cancel := soon()
	defer cancel()
	answer, err := made.client.Connect(ctx, wanted)
	must(err, "CONNECT")
	made.present = answer.SessionPresent
	return made
}

// dial connects; this library leaves that to its user.
func (c *v5) dial(o *options) net.Conn {
	address := net.JoinHostPort(o.host, strconv.Itoa(o.port))
	raw, err := net.DialTimeout("tcp", address, deadline)
	must(err, "TCP")
	c.raw = raw
	conn, scheme := raw, "ws"
	if config := o.tlsConfig(); config != nil {
		conn, scheme = tls.Client(raw, config), "wss"
	}
	if !o.ws {
		return conn
	}
	config, err := websocket.NewConfig(fmt.Sprintf("%s://%s/mqtt", scheme, address), "http://x")
	must(err, "WebSocket")
	config.Protocol = []string{"mqtt"}
	socket, err := websocket.NewClient(config, conn)
	must(err, "WebSocket")
	socket.PayloadType = websocket.BinaryFrame
	return socket
}

func (c *v5) receive(found paho.PublishReceived) (bool, error) {
	packet := found.Packet
	one := message{
		topic:   packet.Topic,
		payload: string(packet.Payload),
		qos:     packet.QoS,
		retain:  packet.Retain,
	}
	if told := packet.Properties; told != nil {
		one.properties = properties{
			contentType:     told.ContentType,
			responseTopic:   told.ResponseTopic,
			correlationData: string(told.CorrelationData),
		}
		if told.MessageExpiry != nil {
			one.properties.expiry = *told.MessageExpiry
		}
		var pairs []string
		for _, pair := range told.User {
			pairs = append(pairs, pair.Key+"="+pair.Value)
		}
		one.properties.user = strings.Join(pairs, ",")
		// This library leaves aliases to its user as well.
		if alias := told.TopicAlias; alias != nil && one.topic != "" {
			c.aliases[*alias] = one.topic
		} else if alias != nil {
			one.topic = c.aliases[*alias]
		}
	}
	c.arrived <- one
	return true, nil
}

func (c *v5) sessionPresent() bool { return c.present }

func (c *v5) subscribe(filter string, qos byte, noLocal bool) {
	ctx, cancel := soon()
	defer cancel()
	one := paho.SubscribeOptions{Topic: filter, QoS: qos, NoLocal: noLocal}
	answer, err := c.client.Subscribe(ctx, &paho.Subscribe{
		Subscriptions: []paho.SubscribeOptions{one},
	})
	must(err, "SUBSCRIBE")
	check(answer.Reasons[0] == qos, "SUBACK: found %d, expected %d", answer.Reasons[0], qos)
}

func (c *v5) unsubscribe(filter string) {
	ctx, cancel := soon()
	defer cancel()
	_, err := c.client.Unsubscribe(ctx, &paho.Unsubscribe{Topics: []string{filter}})
	must(err, "UNSUBSCRIBE")
}

func (c *v5) publish(one message) { c.publishBy(one, paho.PublishMethod_Blocking) }
func (c *v5) send(one message)    { c.publishBy(one, paho.PublishMethod_AsyncSend) }

func (c *v5) publishBy(one message, method paho.PublishMethod) {
	ctx, cancel := soon()
	defer cancel()
	options := paho.PublishOptions{Method: method}
	_, err := c.client.PublishWithOptions(ctx, packet(one), options)
	must(err, "PUBLISH")
}

func packet(one message) *paho.Publish {
	told := &paho.PublishProperties{
		ContentType:   one.properties.contentType,
		ResponseTopic: one.properties.responseTopic,
	}
	if one.properties.correlationData != "" {
		told.CorrelationData = []byte(one.properties.correlationData)
	}
	if one.properties.expiry > 0 {
		told.MessageExpiry = paho.Uint32(one.properties.expiry)
	}
	if one.properties.alias > 0 {
		told.TopicAlias = paho.Uint16(one.properties.alias)
	}
	for _, pair := range strings.Split(one.properties.user, ",") {
		if name, value, found := strings.Cut(pair, "="); found {
			told.User.Add(name, value)
		}
	}
	return &paho.Publish{
		Topic:      one.topic,
		Payload:    []byte(one.payload),
		QoS:        one.qos,
		Retain:     one.retain,
		Properties: told,
	}
}

func (c *v5) disconnect() { must(c.client.Disconnect(&paho.Disconnect{}), "DISCONNECT") }

func (c *v5) breakOff() {
	must(c.raw.Close(), "socket")
	peer{c}.waitClosed()
}

func (c *v5) closed() <-chan byte      { return c.ended }
func (c *v5) messages() <-chan message { return c.arrived }
