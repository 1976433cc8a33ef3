//! The numbers that the process exports, and the page that shows them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, timeout};

use crate::context::Context;
use crate::instances::{Component, Instances};
use crate::server::Components;

/// A number that only goes up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.add_many(1);
    }

    /// So many more.
    pub fn add_many(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares the counters, each with its name and what it tells.
macro_rules! counters {
    ($($field:ident: $name:literal, $help:literal;)*) => {
        /// All counters of the process.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $field: Counter,)*
        }

        impl Metrics {
            /// Name, meaning and value of each.
            #[must_use]
            pub fn all(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$(($name, $help, self.$field.count()),)*]
            }
        }
    };
}

counters! {
    published: "catena_dapr_published_total",
        "Messages that the broker has taken.";
    publish_errors: "catena_dapr_publish_errors_total",
        "Messages that could not be published.";
    delivered: "catena_dapr_delivered_total",
        "Messages given to sidecars, each time they are.";
    acknowledged: "catena_dapr_acknowledged_total",
        "Messages that applications have taken.";
    failed: "catena_dapr_failed_total",
        "Answers of applications that they have not taken a message.";
    redelivered: "catena_dapr_redelivered_total",
        "Messages given to sidecars once more after an application has failed on them.";
    dead_lettered: "catena_dapr_dead_lettered_total",
        "Messages published to a dead-letter topic of a component.";
    dropped_failed: "catena_dapr_dropped_failed_total",
        "Messages given up after all redeliveries, without a dead-letter topic.";
    dropped_large: "catena_dapr_dropped_large_total",
        "Messages too large for a sidecar, which takes 4 MiB.";
    dropped_orphaned: "catena_dapr_dropped_orphaned_total",
        "Messages given up because their subscription has ended for good.";
    dropped_expired: "catena_dapr_dropped_expired_total",
        "Messages whose time to live ended while they waited for an application.";
    state_calls: "catena_dapr_state_calls_total",
        "Calls of the state store.";
    state_errors: "catena_dapr_state_errors_total",
        "Calls of the state store that have failed.";
}

impl Metrics {
    /// How often sidecars have called or answered: while this moves, they are there.
    #[must_use]
    pub fn calls(&self) -> u64 {
        let all = [
            &self.published,
            &self.publish_errors,
            &self.acknowledged,
            &self.failed,
            &self.state_calls,
        ];
        all.iter().map(|counter| counter.count()).sum()
    }
}

/// The text form of Prometheus.
#[must_use]
pub fn page(context: &Context, components: &Components) -> String {
    let mut page = String::new();
    for (name, help, value) in context.metrics.all() {
        // Writing into a string does not fail.
        let _ = writeln!(
            page,
            "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}"
        );
    }
    let kinds = [
        ("pubsub", connected(&components.pubsub)),
        ("state", connected(&components.state)),
    ];
    for (name, help, only_connected) in [
        ("catena_dapr_instances", "Instances of components.", false),
        (
            "catena_dapr_instances_connected",
            "Instances that are connected to the broker.",
            true,
        ),
    ] {
        // As above.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (kind, all) in &kinds {
            let count = all.iter().filter(|it| **it || !only_connected).count();
            // As above.
            let _ = writeln!(page, "{name}{{kind=\"{kind}\"}} {count}");
        }
    }
    page
}

/// For each instance, whether it is connected.
fn connected<C: Component>(instances: &Instances<C>) -> Vec<bool> {
    let all = instances.all();
    all.iter().map(|(_, it)| it.is_connected()).collect()
}

/// Answers each request with the page. Never ends.
pub async fn serve(listener: TcpListener, context: Context, components: Components) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open; that passes.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (context, components) = (context.clone(), components.clone());
        context.clone().start(async move {
            // Who is slow or vanishes gets no page.
            let _ = timeout(
                Duration::from_secs(5),
                answer(stream, &context, &components),
            )
            .await;
        });
    }
}

async fn answer(
    mut stream: TcpStream,
    context: &Context,
    components: &Components,
) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let mut len = 0;
    while len < request.len() && !request[..len].windows(4).any(|it| it == b"\r\n\r\n") {
        match stream.read(&mut request[len..]).await? {
            0 => break,
            count => len += count,
        }
    }
    let (status, body) = if request.starts_with(b"GET /metrics") {
        ("200 OK", page(context, components))
    } else {
        ("404 Not Found", "the page is /metrics\n".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: \
         {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
