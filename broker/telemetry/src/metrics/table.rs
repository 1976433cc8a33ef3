//! Every metric of a node: the one table that the reference page is made from.

use super::definition::{Definition, Kind, Metric, Namespace};

macro_rules! metrics {
    ($(
        $constant:ident = $namespace:ident $kind:ident $name:literal
            [$($label:literal),*] $help:literal;
    )+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $help)]
            pub const $constant: Metric<{ <[&str]>::len(&[$($label),*]) }> = Metric::new(
                Namespace::$namespace, Kind::$kind, $name, &[$($label),*], $help,
            );
        )+
        /// All metrics, in the order of the reference page.
        pub const ALL: &[Definition] = &[$($constant.definition()),+];
    };
}

metrics! {
    PUBLISHES_RECEIVED = Compatible Counter "publishes_received" ["category"]
        "PUBLISH packets received from clients.";
    PUBLISHES_SENT = Compatible Counter "publishes_sent" ["category"]
        "PUBLISH packets sent to clients.";
    PAYLOAD_BYTES_RECEIVED = Compatible Counter "payload_bytes_received" ["category"]
        "Bytes of payload in PUBLISH packets received.";
    PAYLOAD_BYTES_SENT = Compatible Counter "payload_bytes_sent" ["category"]
        "Bytes of payload in PUBLISH packets sent.";
    PUBLISHES_RECEIVED_PER_SECOND = Compatible Gauge "publishes_received_per_second" []
        "PUBLISH packets received in the last second.";
    PUBLISHES_SENT_PER_SECOND = Compatible Gauge "publishes_sent_per_second" []
        "PUBLISH packets sent in the last second.";
    PUBLISHES_PROCESSED = Compatible Counter "publishes_processed_count" []
        "PUBLISH packets that the broker has taken care of, whatever became of them.";
    AUTHENTICATION_SUCCESSES = Compatible Counter "authentication_successes" ["category"]
        "Clients that proved who they are.";
    AUTHENTICATION_FAILURES = Compatible Counter "authentication_failures" ["category"]
        "Authentications that could not be decided, as when a server did not answer.";
    AUTHENTICATION_DENY = Compatible Counter "authentication_deny" ["category"]
        "Clients turned away for wrong or missing credentials.";
    QOS0_MESSAGES_DROPPED = Compatible Counter "qos0_messages_dropped" ["category", "direction"]
        "QoS 0 messages dropped because the broker or a receiver was too busy.";
    BACKPRESSURE_REJECTED = Compatible Counter "backpressure_packets_rejected" ["category"]
        "Packets rejected because the memory for messages was used up.";
    CLIENT_CONNECTED = Compatible Counter "client_connected" []
        "Connections that got a session.";
    CLIENT_DISCONNECTED = Compatible Counter "client_disconnected" []
        "Connections with a session that ended.";
    CLIENT_REMOVED = Compatible Counter "client_removed" []
        "Sessions that ended, by expiry or by the client's wish.";
    TOTAL_SESSIONS = Compatible Gauge "total_sessions" []
        "Sessions, connected or not.";
    CONNECTED_SESSIONS = Compatible Gauge "connected_sessions" ["category", "mqtt_version"]
        "Sessions with a connection.";
    TOTAL_SUBSCRIPTIONS = Compatible Gauge "total_subscriptions" []
        "Subscriptions, each filter of each session counted once.";
    STORE_TOTAL_SESSIONS = Compatible Gauge "store_total_sessions"
        ["is_persistent", "is_tail", "chain_id"]
        "Sessions that a replica holds; is_persistent tells those that outlive their connection.";
    STORE_CONNECTED_SESSIONS = Compatible Gauge "store_connected_sessions"
        ["is_persistent", "is_tail", "chain_id"]
        "Sessions with a connection that a replica holds.";
    STORE_TOTAL_SUBSCRIPTIONS = Compatible Gauge "store_total_subscriptions"
        ["is_tail", "chain_id"]
        "Subscriptions that a replica holds.";
    STORE_RETAINED_MESSAGES = Compatible Gauge "store_retained_messages" ["is_tail", "chain_id"]
        "Retained messages that a replica holds.";
    STORE_RETAINED_BYTES = Compatible Gauge "store_retained_bytes" ["is_tail", "chain_id"]
        "Bytes of the retained messages that a replica holds.";
    STORE_WILL_MESSAGES = Compatible Gauge "store_will_messages" ["is_tail", "chain_id"]
        "Will messages that a replica holds.";
    STORE_WILL_BYTES = Compatible Gauge "store_will_bytes" ["is_tail", "chain_id"]
        "Bytes of the will messages that a replica holds.";
    BACKEND_REPLICAS = Compatible Gauge "backend_replicas" []
        "Backend replicas that the configuration asks for.";
    BACKEND_REPLICAS_CURRENT = Compatible Gauge "backend_replicas_current" []
        "Backend replicas that are active.";
    BACKEND_VERTICAL_CHAIN = Compatible Gauge "backend_vertical_chain" []
        "Replicas per chain that the configuration asks for.";
    BACKEND_VERTICAL_CHAIN_CURRENT = Compatible Gauge "backend_vertical_chain_current" []
        "Active replicas of the least healthy chain.";
    FRONTEND_REPLICAS = Compatible Gauge "frontend_replicas" []
        "Frontends that the configuration asks for.";
    FRONTEND_REPLICAS_CURRENT = Compatible Gauge "frontend_replicas_current" []
        "Frontends that run.";
    NUMBER_OF_ROUTES = Compatible Gauge "number_of_routes" []
        "Paths through a frontend and a chain.";
    BUFFER_POOL_USED_PERCENT = Compatible Gauge "buffer_pool_used_percent" ["name"]
        "How much of a buffer pool is used, 0 to 100.";
    STATE_STORE_INSERTIONS = Compatible Counter "state_store_insertions" []
        "Keys of the state store that a request created.";
    STATE_STORE_MODIFICATIONS = Compatible Counter "state_store_modifications" []
        "Keys of the state store that a request gave another value.";
    STATE_STORE_DELETIONS = Compatible Counter "state_store_deletions" []
        "Keys of the state store that a request deleted.";
    STATE_STORE_RETRIEVALS = Compatible Counter "state_store_retrievals" []
        "Keys of the state store whose value was asked for.";
    STATE_STORE_KEYNOTIFY_REQUESTS = Compatible Counter "state_store_keynotify_requests" []
        "Requests to be told of changes of a key, or no more.";
    STATE_STORE_NOTIFICATIONS = Compatible Counter "state_store_notifications_sent" []
        "Notifications of changes of keys.";

    BUILD_INFO = Catena Gauge "build_info" ["version"]
        "Always 1; the label tells the version of the program.";
    UPTIME_SECONDS = Catena Gauge "uptime_seconds" []
        "Time since the process started.";
    PACKETS_RECEIVED = Catena Counter "frontend_packets_received_total" ["type"]
        "Packets received from clients.";
    PACKETS_SENT = Catena Counter "frontend_packets_sent_total" ["type"]
        "Packets sent to clients.";
    BYTES_RECEIVED = Catena Counter "frontend_received_bytes_total" []
        "Bytes of packets received from clients, before TLS and WebSocket framing.";
    BYTES_SENT = Catena Counter "frontend_sent_bytes_total" []
        "Bytes of packets sent to clients, before TLS and WebSocket framing.";
    CONNECTIONS = Catena Gauge "frontend_connections" ["listener", "transport"]
        "Open connections.";
    CONNECTIONS_ACCEPTED = Catena Counter "frontend_connections_accepted_total"
        ["listener", "transport"]
        "Connections accepted.";
    CONNECTIONS_REFUSED = Catena Counter "frontend_connections_refused_total" ["reason"]
        "Connections refused before they had a session.";
    DISCONNECTS = Catena Counter "frontend_disconnects_total" ["reason"]
        "Connections with a session that ended.";
    MESSAGES_DROPPED = Catena Counter "messages_dropped_total" ["reason"]
        "Messages that did not reach a session, counted once per session.";
    SHARED_SUBSCRIPTIONS = Catena Gauge "backend_shared_subscriptions" []
        "Subscriptions to share groups.";
    QUEUED_MESSAGES = Catena Gauge "backend_queued_messages" []
        "Messages that wait in delivery queues, counted once per session.";
    QUEUED_BYTES = Catena Gauge "backend_queued_bytes" []
        "Bytes of stored messages, each stored once however many sessions wait for it.";
    STATE_STORE_REQUESTS = Catena Counter "state_store_requests_total" []
        "Requests to the state store.";
    STATE_STORE_REFUSED = Catena Counter "state_store_refused_total" []
        "Publishes to topics of the state store that were no requests, or by nobody who may.";
    STATE_STORE_REPEATED = Catena Counter "state_store_repeated_total" []
        "Requests that came again and were answered as before.";
    STATE_STORE_EXPIRED = Catena Counter "state_store_expired_total" []
        "Keys of the state store that expired.";
    STATE_STORE_EXPIRING = Catena Gauge "state_store_expiring_keys" []
        "Keys of the state store with an expiry.";
    LIMIT_USED = Catena Gauge "limit_used" ["limit"]
        "How much of a limit is used now; absent for limits on a single packet or client.";
    LIMIT_MAX = Catena Gauge "limit_max" ["limit"]
        "The limit as configured; absent when there is none.";
    LIMIT_HITS = Catena Counter "limit_hits_total" ["limit"]
        "How often a limit acted: refused, lowered, dropped or closed.";
    FAULTS = Catena Counter "faults_total" []
        "Broken invariants; each stops a connection or replica.";
    ADMIN_REQUESTS = Catena Counter "admin_requests_total" ["code"]
        "Answers of the admin port.";

    PROCESS_CPU_SECONDS = Process Counter "process_cpu_seconds_total" []
        "Processor time used, in seconds.";
    PROCESS_RESIDENT_BYTES = Process Gauge "process_resident_memory_bytes" []
        "Resident memory, in bytes.";
    PROCESS_OPEN_FILES = Process Gauge "process_open_fds" []
        "Open file descriptors.";
    PROCESS_MAX_FILES = Process Gauge "process_max_fds" []
        "Most file descriptors that may be open.";
}
