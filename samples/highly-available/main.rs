//! Counts what orders ask for, in several instances that share the work and the state, and loses
//! and doubles nothing when one is killed. The numbers are those of the recipe in the README.
//!
//! `highly-available NAME [URL]`: each instance has a name of its own, and the same one after a
//! restart.

use std::time::Duration;

use catena_sdk::{
    Client, Error, Group, GroupOutcome, LeaderElection, Message, Outcome, Publish, Qos, Set,
    StateStore, Subscribe,
};

/// All keys share the text in their braces: so they can change together.
const TOTAL: &str = "{packing}/total";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "packer-1".to_owned());
    let url = arguments.next();
    let url = url.as_deref().unwrap_or("mqtt://localhost:1883");
    let client = connect(&name, url).await?;
    // A connection of its own: orders in hand hold up no answer of the store.
    let store = StateStore::new(&connect(&format!("{name}-state"), url).await?).await?;
    tokio::select! {
        done = pack(&client, &store, &name) => done,
        done = report(&client, &store, &name) => done,
    }
}

/// (1) MQTT 5. (2) A client ID that survives a restart, and a session that goes on. (3) The session
/// outlives any restart. (4) A keep alive that notices a dead connection soon. (5) No more messages
/// in hand than are worked on.
async fn connect(name: &str, url: &str) -> Result<Client, Error> {
    Client::builder(url)
        .client_id(name)
        .clean_start(false)
        .session_expiry(Duration::from_secs(3600))
        .keep_alive(Duration::from_secs(10))
        .receive_max(16)
        .connect()
        .await
}

/// (6) The instances share one subscription, at QoS 1. (7) A message is acknowledged when what it
/// asks for is done, not earlier: until then the broker keeps it.
async fn pack(client: &Client, store: &StateStore, name: &str) -> Result<(), Error> {
    let orders = Subscribe::to("$share/packers/orders/+").qos(Qos::AtLeastOnce);
    let mut orders = client.subscribe(orders.acknowledge_manually()).await?;
    println!("{name} is ready");
    while let Some(order) = orders.next().await {
        let Some(count) = parse(&order) else {
            eprintln!("{} is no order", order.topic());
            order.acknowledge();
            continue;
        };
        count_once(store, order.topic(), count).await?;
        order.acknowledge();
    }
    Err(Error::Closed)
}

/// (8) State lives in the state store, not in an instance. That an order is done and the total that
/// contains it change together, so that an order that comes again changes nothing.
async fn count_once(store: &StateStore, order: &str, count: i64) -> Result<(), Error> {
    let day = Duration::from_secs(24 * 3600);
    let done = Set::new(format!("{{packing}}/done/{order}"), "").lifetime(day);
    let group = Group::new().set(done.if_absent()).increment(TOTAL, count);
    loop {
        match store.apply(&group).await {
            Ok(GroupOutcome::Applied(_)) => println!("{order} is done"),
            Ok(GroupOutcome::Unmet(_)) => println!("{order} was done before"),
            // Even what may have been done can be done again here: it counts once.
            Err(error) if error.is_retryable() || error.outcome() == Outcome::Unknown => {
                eprintln!("{order} has to wait: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
            Err(error) => return Err(error),
        }
        return Ok(());
    }
}

/// (9) What only one may do is done by a leader that the instances elect: here, to tell the total
/// whenever it changes.
async fn report(client: &Client, store: &StateStore, name: &str) -> Result<(), Error> {
    let time = Duration::from_secs(3);
    let election = LeaderElection::new(store, "packing/leader", name.to_owned(), time);
    loop {
        let led = async {
            let leadership = election.campaign().await?;
            println!("{name} leads");
            tokio::select! {
                () = leadership.lost() => Err(Error::LeaseLost),
                done = tell_totals(client, store) => done,
            }
        };
        match led.await {
            Err(error) if error.is_retryable() => eprintln!("{name} leads no more: {error}"),
            done => return done,
        }
    }
}

async fn tell_totals(client: &Client, store: &StateStore) -> Result<(), Error> {
    let mut changes = store.observe(TOTAL).await?;
    loop {
        if let Some(total) = store.get(TOTAL).await? {
            let told = Publish::new("packing/total", total.value).retain();
            client.publish(told).await?;
        }
        if changes.next().await?.is_none() {
            return Err(Error::Closed);
        }
    }
}

/// How many pieces an order asks for.
fn parse(order: &Message) -> Option<i64> {
    std::str::from_utf8(order.payload()).ok()?.parse().ok()
}
