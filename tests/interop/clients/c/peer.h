/* One client of the synchronous Paho C library: collects what arrives. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

#include <MQTTClient.h>

/* The command line of clients/README.md. */
struct options {
	const char *host;
	const char *port;
	const char *authority; /* NULL without TLS. */
	bool v5;
	bool ws;
};

/* How a client connects. */
struct wish {
	const char *name;
	const char *will; /* The payload; topic paho-c/will, QoS 1. NULL for none. */
	int aliases;
	bool lasting; /* Else the session starts clean and ends with the connection. */
};

struct message {
	struct message *next;
	char *topic;
	char *payload; /* With a zero byte behind it. */
	size_t length;
	int qos;
	bool retain;
	MQTTProperties properties;
};

struct peer;

/* Ends the scenario; never returns. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails the scenario unless the condition holds. */
#define CHECK(condition, ...) do { if (!(condition)) fail(__VA_ARGS__); } while (0)

struct peer *peer_connect(const struct options *options, struct wish wish);
bool peer_session_present(const struct peer *peer);
void peer_subscribe(struct peer *peer, const char *filter, int qos, bool no_local);
void peer_unsubscribe(struct peer *peer, const char *filter);
/* Publishes without waiting; gives the token that peer_wait takes. */
int peer_send(struct peer *peer, const char *topic, const void *payload, size_t length, int qos,
	bool retain, MQTTProperties *properties);
/* Waits for the acknowledgement. */
void peer_wait(struct peer *peer, int token);
/* Publishes a text and waits for the acknowledgement. */
void peer_publish(struct peer *peer, const char *topic, const char *text, int qos);
/* The next message, valid until the next call. */
const struct message *peer_receive(struct peer *peer);
/* Checks the next message. */
const struct message *peer_expect(struct peer *peer, const char *text, int qos, bool retain);
/* Waits until the broker has closed the connection; gives the reason code, -1 if there was none. */
int peer_wait_closed(struct peer *peer);
void peer_disconnect(struct peer *peer);

#endif
