/* One client of the synchronous Paho C library, with callbacks in its own thread. */
#include "peer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEADLINE_SECONDS = 20, DEADLINE_MS = DEADLINE_SECONDS * 1000 };

struct peer {
	MQTTClient client;
	bool v5;
	bool session_present;
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	struct message *first;
	struct message **last;
	struct message *current; /* What peer_receive gave last. */
	bool closed;
	int reason;
};

static void message_free(struct message *message)
{
	if (message == NULL)
		return;
	MQTTProperties_free(&message->properties);
	free(message->topic);
	free(message->payload);
	free(message);
}

static int on_message(void *context, char *topic, int topic_length, MQTTClient_message *found)
{
	struct peer *peer = context;
	struct message *message = calloc(1, sizeof *message);
	size_t length = (size_t)found->payloadlen;

	/* The length is 0 if the topic ends with a zero byte. */
	message->topic = topic_length ? strndup(topic, (size_t)topic_length) : strdup(topic);
	message->payload = calloc(1, length + 1);
	if (length > 0)
		memcpy(message->payload, found->payload, length);
	message->length = length;
	message->qos = found->qos;
	message->retain = found->retained;
	message->properties = MQTTProperties_copy(&found->properties);
	pthread_mutex_lock(&peer->lock);
	*peer->last = message;
	peer->last = &message->next;
	pthread_cond_signal(&peer->arrived);
	pthread_mutex_unlock(&peer->lock);
	MQTTClient_freeMessage(&found);
	MQTTClient_free(topic);
	return 1;
}

static void close_with(struct peer *peer, int reason)
{
	pthread_mutex_lock(&peer->lock);
	if (!peer->closed)
		peer->reason = reason;
	peer->closed = true;
	pthread_cond_signal(&peer->arrived);
	pthread_mutex_unlock(&peer->lock);
}

static void on_lost(void *context, char *cause)
{
	(void)cause;
	close_with(context, -1);
}

static void on_disconnected(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	(void)properties;
	close_with(context, reason);
}

static void name_server(const struct options *options, char *uri, size_t size)
{
	const char *scheme = options->ws ? "ws" : "tcp";
	const char *path = options->ws ? "/mqtt" : "";

	if (options->authority != NULL)
		scheme = options->ws ? "wss" : "ssl";
	snprintf(uri, size, "%s://%s:%s%s", scheme, options->host, options->port, path);
}

static void create(struct peer *peer, const struct options *options, const char *name)
{
	MQTTClient_createOptions created = MQTTClient_createOptions_initializer;
	char uri[256];
	char id[64];
	int result;

	created.MQTTVersion = options->v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
	name_server(options, uri, sizeof uri);
	snprintf(id, sizeof id, "paho-c-%s", name);
	result = MQTTClient_createWithOptions(&peer->client, uri, id, MQTTCLIENT_PERSISTENCE_NONE,
		NULL, &created);
	CHECK(result == MQTTCLIENT_SUCCESS, "create: %s", MQTTClient_strerror(result));
	MQTTClient_setCommandTimeout(peer->client, DEADLINE_MS);
	MQTTClient_setCallbacks(peer->client, peer, on_lost, on_message, NULL);
	if (options->v5)
		MQTTClient_setDisconnected(peer->client, peer, on_disconnected);
}

static void add_number(MQTTProperties *properties, enum MQTTPropertyCodes code, int number)
{
	MQTTProperty property = { .identifier = code };

	if (code == MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL)
		property.value.integer4 = (unsigned int)number;
	else
		property.value.integer2 = (unsigned short)number;
	MQTTProperties_add(properties, &property);
}

static void connect5(struct peer *peer, MQTTClient_connectOptions *wanted, struct wish wish)
{
	MQTTProperties properties = MQTTProperties_initializer;
	MQTTResponse answer;

	wanted->cleanstart = !wish.lasting;
	if (wish.lasting)
		add_number(&properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, 300);
	if (wish.aliases > 0)
		add_number(&properties, MQTTPROPERTY_CODE_TOPIC_ALIAS_MAXIMUM, wish.aliases);
	answer = MQTTClient_connect5(peer->client, wanted, &properties, NULL);
	CHECK(answer.reasonCode == MQTTREASONCODE_SUCCESS, "CONNECT: %d", (int)answer.reasonCode);
	MQTTResponse_free(answer);
	MQTTProperties_free(&properties);
}

struct peer *peer_connect(const struct options *options, struct wish wish)
{
	MQTTClient_connectOptions v3 = MQTTClient_connectOptions_initializer;
	MQTTClient_connectOptions v5 = MQTTClient_connectOptions_initializer5;
	MQTTClient_connectOptions wanted = options->v5 ? v5 : v3;
	MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
	MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
	struct peer *peer = calloc(1, sizeof *peer);

	peer->v5 = options->v5;
	pthread_mutex_init(&peer->lock, NULL);
	pthread_cond_init(&peer->arrived, NULL);
	peer->last = &peer->first;
	create(peer, options, wish.name);
	wanted.connectTimeout = DEADLINE_SECONDS;
	/* Else the library waits for each acknowledgement before it sends the next message. */
	wanted.reliable = 0;
	wanted.maxInflightMessages = 100;
	if (wish.will != NULL) {
		will.topicName = "paho-c/will";
		will.message = wish.will;
		will.qos = 1;
		wanted.will = &will;
	}
	if (options->authority != NULL) {
		tls.trustStore = options->authority;
		tls.verify = 1;
		wanted.ssl = &tls;
	}
	if (options->v5) {
		connect5(peer, &wanted, wish);
	} else {
		wanted.MQTTVersion = MQTTVERSION_3_1_1;
		wanted.cleansession = !wish.lasting;
		int result = MQTTClient_connect(peer->client, &wanted);
		CHECK(result == MQTTCLIENT_SUCCESS, "CONNECT: %s", MQTTClient_strerror(result));
	}
	peer->session_present = wanted.returned.sessionPresent;
	return peer;
}

bool peer_session_present(const struct peer *peer) { return peer->session_present; }

void peer_subscribe(struct peer *peer, const char *filter, int qos, bool no_local)
{
	MQTTSubscribe_options chosen = MQTTSubscribe_options_initializer;
	int granted;

	if (peer->v5) {
		chosen.noLocal = no_local;
		MQTTResponse answer = MQTTClient_subscribe5(peer->client, filter, qos, &chosen, NULL);
		granted = answer.reasonCode;
		MQTTResponse_free(answer);
	} else {
		int result = MQTTClient_subscribe(peer->client, filter, qos);
		/* The library checks the granted QoS of MQTT 3.1.1 itself. */
		granted = result == MQTTCLIENT_SUCCESS ? qos : result;
	}
	CHECK(granted == qos, "SUBACK: found %d, expected %d", granted, qos);
}

static int unsubscribe(struct peer *peer, const char *filter)
{
	if (!peer->v5)
		return MQTTClient_unsubscribe(peer->client, filter);
	MQTTResponse answer = MQTTClient_unsubscribe5(peer->client, filter, NULL);
	int reason = answer.reasonCode;
	MQTTResponse_free(answer);
	return reason;
}

void peer_unsubscribe(struct peer *peer, const char *filter)
{
	int result = unsubscribe(peer, filter);

	CHECK(result == MQTTCLIENT_SUCCESS, "UNSUBACK: %d", result);
}

int peer_send(struct peer *peer, const char *topic, const void *payload, size_t length, int qos,
	bool retain, MQTTProperties *properties)
{
	MQTTClient_deliveryToken token = 0;
	int result;

	if (peer->v5) {
		MQTTResponse answer = MQTTClient_publish5(peer->client, topic, (int)length, payload, qos,
			retain, properties, &token);
		result = answer.reasonCode;
		MQTTResponse_free(answer);
	} else {
		result = MQTTClient_publish(peer->client, topic, (int)length, payload, qos, retain,
			&token);
	}
	CHECK(result == MQTTCLIENT_SUCCESS, "PUBLISH: %d", result);
	return token;
}

void peer_wait(struct peer *peer, int token)
{
	int result = MQTTClient_waitForCompletion(peer->client, token, DEADLINE_MS);

	CHECK(result == MQTTCLIENT_SUCCESS, "acknowledgement: %s", MQTTClient_strerror(result));
}

void peer_publish(struct peer *peer, const char *topic, const char *text, int qos)
{
	peer_wait(peer, peer_send(peer, topic, text, strlen(text), qos, false, NULL));
}

/* With the lock held: waits for a message, or for the end of the connection. */
static bool wait_arrived(struct peer *peer, bool want_message)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_SECONDS;
	while (want_message ? peer->first == NULL : !peer->closed)
		if (pthread_cond_timedwait(&peer->arrived, &peer->lock, &until) != 0)
			return false;
	return true;
}

const struct message *peer_receive(struct peer *peer)
{
	message_free(peer->current);
	peer->current = NULL;
	pthread_mutex_lock(&peer->lock);
	if (wait_arrived(peer, true)) {
		peer->current = peer->first;
		peer->first = peer->first->next;
		if (peer->first == NULL)
			peer->last = &peer->first;
	}
	pthread_mutex_unlock(&peer->lock);
	CHECK(peer->current != NULL, "no message within %d s", DEADLINE_SECONDS);
	return peer->current;
}

const struct message *peer_expect(struct peer *peer, const char *text, int qos, bool retain)
{
	const struct message *found = peer_receive(peer);
	bool same = strcmp(found->payload, text) == 0 && found->qos == qos && found->retain == retain;

	CHECK(same, "found %.40s with QoS %d and retain %d, expected %s with %d and %d",
		found->payload, found->qos, found->retain, text, qos, retain);
	return found;
}

int peer_wait_closed(struct peer *peer)
{
	pthread_mutex_lock(&peer->lock);
	bool closed = wait_arrived(peer, false);
	int reason = peer->reason;
	pthread_mutex_unlock(&peer->lock);
	CHECK(closed, "the connection stays open");
	return reason;
}

/*
 * The library's thread still touches the queue and the client when on_message has returned, with
 * nothing to keep another thread from freeing both. An acknowledgement comes through that thread,
 * so that with it, it is done with all messages before.
 */
static void settle(struct peer *peer)
{
	int result = unsubscribe(peer, "paho-c/never-subscribed");
	int expected = peer->v5 ? MQTTREASONCODE_NO_SUBSCRIPTION_FOUND : MQTTCLIENT_SUCCESS;

	CHECK(result == expected, "UNSUBACK: found %d, expected %d", result, expected);
}

void peer_disconnect(struct peer *peer)
{
	settle(peer);
	if (peer->v5)
		MQTTClient_disconnect5(peer->client, 1000, MQTTREASONCODE_SUCCESS, NULL);
	else
		MQTTClient_disconnect(peer->client, 1000);
	MQTTClient_destroy(&peer->client);
}
