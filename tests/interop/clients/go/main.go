// Eclipse Paho's Go clients against a running broker: paho.mqtt.golang for MQTT 3.1.1, paho.golang
// for 5.0. The command line is that of clients/README.md.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

const deadline = 20 * time.Second

type options struct {
	host      string
	port      int
	version   string
	scenarios string
	tlsCA     string
	ws        bool
}

func main() {
	var chosen options
	flag.StringVar(&chosen.host, "host", "127.0.0.1", "where the broker is")
	flag.IntVar(&chosen.port, "port", 1883, "its port")
	flag.StringVar(&chosen.version, "version", "5", "3 or 5")
	flag.StringVar(&chosen.scenarios, "scenario", "", "names with commas between them")
	flag.StringVar(&chosen.tlsCA, "tls-ca", "", "TLS, trusting the certificates in this file")
	flag.BoolVar(&chosen.ws, "ws", false, "MQTT over WebSocket")
	flag.Parse()
	code := 0
	for _, name := range strings.Split(chosen.scenarios, ",") {
		if err := attempt(&chosen, name); err != nil {
			fmt.Printf("failed %s: %v\n", name, err)
			code = 1
		} else {
			fmt.Printf("ok %s\n", name)
		}
	}
	os.Exit(code)
}

// attempt runs one scenario. Scenarios panic with a failure, which keeps them readable.
func attempt(chosen *options, name string) (err error) {
	defer func() {
		if found := recover(); found != nil {
			failure, ours := found.(failure)
			if !ours {
				panic(found)
			}
			err = failure
		}
	}()
	scenario, known := scenarios[name]
	check(known, "no such scenario")
	scenario(chosen)
	return nil
}

type failure string

func (f failure) Error() string { return string(f) }

// check fails the scenario unless the condition holds.
func check(condition bool, format string, values ...any) {
	if !condition {
		panic(failure(fmt.Sprintf(format, values...)))
	}
}

// must fails the scenario if there is an error.
func must(err error, what string) {
	check(err == nil, "%s: %v", what, err)
}

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), deadline)
}

func (o *options) tlsConfig() *tls.Config {
	if o.tlsCA == "" {
		return nil
	}
	text, err := os.ReadFile(o.tlsCA)
	must(err, "certificate")
	pool := x509.NewCertPool()
	check(pool.AppendCertsFromPEM(text), "no certificate in %s", o.tlsCA)
	return &tls.Config{RootCAs: pool, ServerName: o.host}
}
