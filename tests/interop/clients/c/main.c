/* Eclipse Paho's C client against a running broker: the scenarios of clients/README.md. */
#include "peer.h"

#include <execinfo.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Less than the runner waits for the next line. */
enum { SCENARIO_SECONDS = 80 };

static jmp_buf scenario_end;
static char why[512];

void fail(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(why, sizeof why, format, values);
	va_end(values);
	longjmp(scenario_end, 1);
}

static struct peer *plain(const struct options *o, const char *name)
{
	return peer_connect(o, (struct wish){ .name = name });
}

static struct peer *lasting(const struct options *o, const char *name)
{
	return peer_connect(o, (struct wish){ .name = name, .lasting = true });
}

static const char *digits(int number)
{
	static char text[16];

	snprintf(text, sizeof text, "%d", number);
	return text;
}

static void deliver(const struct options *o, int qos)
{
	struct peer *subscriber = plain(o, "subscriber");
	struct peer *publisher = plain(o, "publisher");
	int lower = qos < 1 ? qos : 1;
	char topic[32];

	snprintf(topic, sizeof topic, "paho-c/qos%d", qos);
	peer_subscribe(subscriber, topic, qos, false);
	for (int number = 0; number < 10; number++)
		peer_publish(publisher, topic, digits(number), qos);
	for (int number = 0; number < 10; number++) {
		const struct message *found = peer_expect(subscriber, digits(number), qos, false);
		CHECK(strcmp(found->topic, topic) == 0, "found topic %s", found->topic);
	}
	peer_subscribe(subscriber, "paho-c/lower/#", lower, false);
	peer_publish(publisher, "paho-c/lower/a", "lower", 2);
	peer_expect(subscriber, "lower", lower, false);
	peer_disconnect(subscriber);
	peer_disconnect(publisher);
}

static void qos0(const struct options *o) { deliver(o, 0); }
static void qos1(const struct options *o) { deliver(o, 1); }
static void qos2(const struct options *o) { deliver(o, 2); }

static void retained(const struct options *o)
{
	struct peer *early = plain(o, "early");
	struct peer *later = plain(o, "later");
	struct peer *last = plain(o, "last");

	peer_subscribe(early, "paho-c/retained/+", 1, false);
	peer_wait(early, peer_send(early, "paho-c/retained/a", "kept", 4, 1, true, NULL));
	peer_expect(early, "kept", 1, false);
	peer_subscribe(later, "paho-c/retained/#", 1, false);
	peer_expect(later, "kept", 1, true);
	peer_wait(early, peer_send(early, "paho-c/retained/a", "", 0, 1, true, NULL));
	peer_expect(early, "", 1, false);
	peer_subscribe(last, "paho-c/retained/#", 1, false);
	peer_publish(early, "paho-c/retained/b", "marker", 1);
	peer_expect(last, "marker", 1, false);
	peer_disconnect(early);
	peer_disconnect(later);
	peer_disconnect(last);
}

/* The library cannot break off a connection, so that another one has to take it over. */
static void will(const struct options *o)
{
	struct peer *watcher = plain(o, "watcher");

	peer_subscribe(watcher, "paho-c/will", 1, false);
	struct peer *first = peer_connect(o, (struct wish){ .name = "mortal", .will = "gone" });
	struct peer *second = peer_connect(o, (struct wish){ .name = "mortal", .will = "unwanted" });
	peer_expect(watcher, "gone", 1, false);
	peer_wait_closed(first);
	peer_disconnect(second);
	peer_publish(watcher, "paho-c/will", "marker", 1);
	peer_expect(watcher, "marker", 1, false);
	peer_disconnect(watcher);
}

static void unsubscribe(const struct options *o)
{
	struct peer *leaver = plain(o, "leaver");

	peer_subscribe(leaver, "paho-c/left", 1, false);
	peer_subscribe(leaver, "paho-c/stays", 1, false);
	peer_unsubscribe(leaver, "paho-c/left");
	peer_publish(leaver, "paho-c/left", "unwanted", 1);
	peer_publish(leaver, "paho-c/stays", "wanted", 1);
	peer_expect(leaver, "wanted", 1, false);
	peer_disconnect(leaver);
}

static void shared(const struct options *o)
{
	struct peer *members[] = { plain(o, "one"), plain(o, "two") };
	struct peer *publisher = plain(o, "publisher");
	int times[20] = { 0 };

	for (int member = 0; member < 2; member++)
		peer_subscribe(members[member], "$share/group/paho-c/shared", 1, false);
	peer_subscribe(publisher, "paho-c/shared", 1, false);
	for (int number = 0; number < 20; number++)
		peer_publish(publisher, "paho-c/shared", digits(number), 1);
	for (int number = 0; number < 20; number++)
		peer_expect(publisher, digits(number), 1, false);
	for (int member = 0; member < 2; member++) {
		/* Once it has got the end, none of the above is under way any more. */
		peer_subscribe(members[member], "paho-c/end", 1, false);
		peer_publish(publisher, "paho-c/end", "end", 1);
		for (;;) {
			const struct message *found = peer_receive(members[member]);
			if (strcmp(found->payload, "end") == 0)
				break;
			int number = atoi(found->payload);
			CHECK(number >= 0 && number < 20, "found %s", found->payload);
			times[number]++;
		}
		peer_disconnect(members[member]);
	}
	for (int number = 0; number < 20; number++)
		CHECK(times[number] == 1, "the group got %d %d times", number, times[number]);
	peer_disconnect(publisher);
}

static void resume(const struct options *o)
{
	peer_disconnect(plain(o, "resume"));
	struct peer *peer = lasting(o, "resume");
	CHECK(!peer_session_present(peer), "a session is present before there was one");
	peer_subscribe(peer, "paho-c/resume", 2, false);
	peer_disconnect(peer);
	struct peer *publisher = plain(o, "publisher");
	for (int number = 0; number < 20; number++)
		peer_publish(publisher, "paho-c/resume", digits(number), 1 + number / 10);
	peer = lasting(o, "resume");
	/* The library tells it for MQTT 3.1.1 only; what arrives shows it as well. */
	CHECK(o->v5 || peer_session_present(peer), "the session is gone");
	for (int number = 0; number < 20; number++)
		peer_expect(peer, digits(number), 1 + number / 10, false);
	peer_disconnect(peer);
	peer = plain(o, "resume");
	CHECK(!peer_session_present(peer), "a clean start keeps the session");
	peer_disconnect(peer);
	peer_disconnect(publisher);
}

static void takeover(const struct options *o)
{
	struct peer *first = lasting(o, "taken");

	peer_subscribe(first, "paho-c/taken", 1, false);
	struct peer *second = lasting(o, "taken");
	int reason = peer_wait_closed(first);
	CHECK(!o->v5 || reason == MQTTREASONCODE_SESSION_TAKEN_OVER, "DISCONNECT: found %d", reason);
	CHECK(o->v5 || peer_session_present(second), "the session is gone");
	peer_publish(second, "paho-c/taken", "here", 1);
	peer_expect(second, "here", 1, false);
	peer_disconnect(second);
	peer_disconnect(plain(o, "taken"));
}

static void large(const struct options *o)
{
	enum { LENGTH = 1024 * 1024 };
	static unsigned char payload[LENGTH];
	struct peer *peer = plain(o, "large");

	for (int i = 0; i < LENGTH; i++)
		payload[i] = (unsigned char)(i * 7 % 251);
	peer_subscribe(peer, "paho-c/large", 2, false);
	for (int qos = 0; qos < 3; qos++) {
		peer_wait(peer, peer_send(peer, "paho-c/large", payload, LENGTH, qos, false, NULL));
		const struct message *found = peer_receive(peer);
		bool same = found->length == LENGTH && memcmp(found->payload, payload, LENGTH) == 0;
		CHECK(same, "another payload of %zu bytes", found->length);
	}
	peer_disconnect(peer);
}

static void order(const struct options *o)
{
	struct peer *subscriber = plain(o, "subscriber");
	struct peer *publisher = plain(o, "publisher");
	char topic[32];

	peer_subscribe(subscriber, "paho-c/order/+", 2, false);
	for (int qos = 0; qos < 3; qos++) {
		snprintf(topic, sizeof topic, "paho-c/order/%d", qos);
		for (int number = 0; number < 1000; number++) {
			const char *text = digits(number);
			peer_send(publisher, topic, text, strlen(text), qos, false, NULL);
		}
		for (int number = 0; number < 1000; number++)
			peer_expect(subscriber, digits(number), qos, false);
	}
	peer_disconnect(subscriber);
	peer_disconnect(publisher);
}

/* The library takes no empty topic, so that aliases are set but not used by themselves. */
static void alias(const struct options *o)
{
	struct peer *peer = plain(o, "alias");

	peer_subscribe(peer, "paho-c/alias", 1, false);
	for (int number = 0; number < 20; number++) {
		MQTTProperties sent = MQTTProperties_initializer;
		MQTTProperty property = { .identifier = MQTTPROPERTY_CODE_TOPIC_ALIAS };
		const char *text = digits(number);

		property.value.integer2 = 1;
		MQTTProperties_add(&sent, &property);
		peer_wait(peer, peer_send(peer, "paho-c/alias", text, strlen(text), 1, false, &sent));
		MQTTProperties_free(&sent);
		peer_expect(peer, text, 1, false);
	}
	peer_disconnect(peer);
}

static void add_text(MQTTProperties *all, enum MQTTPropertyCodes code, char *text, char *value)
{
	MQTTProperty property = { .identifier = code };

	property.value.data = (MQTTLenString){ .len = (int)strlen(text), .data = text };
	if (value != NULL)
		property.value.value = (MQTTLenString){ .len = (int)strlen(value), .data = value };
	MQTTProperties_add(all, &property);
}

static void check_text(const struct message *found, enum MQTTPropertyCodes code, int index,
	const char *text)
{
	MQTTProperties all = found->properties;
	MQTTProperty *property = MQTTProperties_getPropertyAt(&all, code, index);

	CHECK(property != NULL, "no %s", MQTTPropertyName(code));
	/* Of a user property this is the name. */
	bool same = property->value.data.len == (int)strlen(text)
		&& memcmp(property->value.data.data, text, strlen(text)) == 0;
	CHECK(same, "another %s than %s", MQTTPropertyName(code), text);
}

static void properties(const struct options *o)
{
	struct peer *peer = plain(o, "properties");
	MQTTProperties sent = MQTTProperties_initializer;
	MQTTProperty expiry = { .identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL };

	expiry.value.integer4 = 100;
	MQTTProperties_add(&sent, &expiry);
	add_text(&sent, MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", NULL);
	add_text(&sent, MQTTPROPERTY_CODE_RESPONSE_TOPIC, "paho-c/answer", NULL);
	add_text(&sent, MQTTPROPERTY_CODE_CORRELATION_DATA, "abc", NULL);
	add_text(&sent, MQTTPROPERTY_CODE_USER_PROPERTY, "a", "1");
	add_text(&sent, MQTTPROPERTY_CODE_USER_PROPERTY, "b", "2");
	peer_subscribe(peer, "paho-c/properties", 1, false);
	peer_wait(peer, peer_send(peer, "paho-c/properties", "told", 4, 1, false, &sent));
	MQTTProperties_free(&sent);
	const struct message *found = peer_expect(peer, "told", 1, false);
	check_text(found, MQTTPROPERTY_CODE_CONTENT_TYPE, 0, "text/plain");
	check_text(found, MQTTPROPERTY_CODE_RESPONSE_TOPIC, 0, "paho-c/answer");
	check_text(found, MQTTPROPERTY_CODE_CORRELATION_DATA, 0, "abc");
	check_text(found, MQTTPROPERTY_CODE_USER_PROPERTY, 0, "a");
	check_text(found, MQTTPROPERTY_CODE_USER_PROPERTY, 1, "b");
	MQTTProperties all = found->properties;
	int left = MQTTProperties_getNumericValue(&all, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
	CHECK(left >= 90 && left <= 100, "expiry is %d", left);
	peer_subscribe(peer, "paho-c/no-local", 1, true);
	peer_publish(peer, "paho-c/no-local", "unwanted", 1);
	peer_publish(peer, "paho-c/properties", "marker", 1);
	peer_expect(peer, "marker", 1, false);
	peer_disconnect(peer);
}

static const struct {
	const char *name;
	void (*run)(const struct options *options);
} SCENARIOS[] = {
	{ "qos0", qos0 }, { "qos1", qos1 }, { "qos2", qos2 }, { "retained", retained },
	{ "will", will }, { "unsubscribe", unsubscribe }, { "shared", shared },
	{ "resume", resume }, { "takeover", takeover }, { "large", large }, { "order", order },
	{ "alias", alias }, { "properties", properties },
};

/* Says in which call a scenario hangs: all waits of ours end long before. */
static void hang(int number)
{
	void *stack[32];
	int depth = backtrace(stack, 32);

	(void)number;
	backtrace_symbols_fd(stack, depth, STDERR_FILENO);
	_exit(1);
}

/*
 * Version 1.3.12 stops its thread when the last connection ends and frees what that thread uses
 * with the last client, and is not always done when the next client begins: one that stays keeps
 * both.
 */
static struct peer *keep(const struct options *options)
{
	if (setjmp(scenario_end) != 0) {
		fprintf(stderr, "the client that stays: %s\n", why);
		exit(1);
	}
	return plain(options, "keeper");
}

static bool run(const struct options *options, const char *name)
{
	alarm(SCENARIO_SECONDS);
	if (setjmp(scenario_end) != 0) {
		printf("failed %s: %s\n", name, why);
		return false;
	}
	for (size_t i = 0; i < sizeof SCENARIOS / sizeof *SCENARIOS; i++) {
		if (strcmp(SCENARIOS[i].name, name) == 0) {
			SCENARIOS[i].run(options);
			printf("ok %s\n", name);
			return true;
		}
	}
	fail("no such scenario");
}

int main(int count, char **words)
{
	struct options options = { .host = "127.0.0.1", .port = "1883", .v5 = true };
	MQTTClient_init_options inits = MQTTClient_init_options_initializer;
	char *scenarios = "";
	bool failed = false;

	for (int at = 1; at < count; at++) {
		const char *word = words[at];
		char *value = at + 1 < count ? words[at + 1] : "";
		if (strcmp(word, "--ws") == 0) {
			options.ws = true;
			continue;
		}
		at++;
		if (strcmp(word, "--host") == 0)
			options.host = value;
		else if (strcmp(word, "--port") == 0)
			options.port = value;
		else if (strcmp(word, "--version") == 0)
			options.v5 = strcmp(value, "5") == 0;
		else if (strcmp(word, "--scenario") == 0)
			scenarios = value;
		else if (strcmp(word, "--tls-ca") == 0)
			options.authority = value;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	inits.do_openssl_init = 1;
	MQTTClient_global_init(&inits);
	/* The first call loads a library, which must not happen in the midst of whatever hangs. */
	void *stack[1];
	(void)backtrace(stack, 1);
	signal(SIGALRM, hang);
	struct peer *keeper = keep(&options);
	for (char *name = strtok(scenarios, ","); name != NULL; name = strtok(NULL, ","))
		failed = !run(&options, name) || failed;
	peer_disconnect(keeper);
	return failed;
}
