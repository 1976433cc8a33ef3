//! Who publishes what, and who subscribes to what.

use super::args::{BenchArgs, Scenario};
use super::tally::Order;

/// The topics and filters of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What each publisher publishes to, in turn.
    pub(crate) topics: Vec<Vec<String>>,
    /// What each subscriber subscribes to.
    pub(crate) filters: Vec<Vec<String>>,
    /// How many subscribers get each message.
    pub(crate) copies: u64,
    pub(crate) order: Order,
}

impl Plan {
    /// The plan of a scenario. `base` begins every topic and is no other run's.
    pub(crate) fn new(args: &BenchArgs, base: &str) -> Self {
        let (publishers, subscribers) = (args.publisher_count(), args.subscriber_count());
        match args.scenario {
            Scenario::FanIn => Self::gathered(publishers, subscribers, base, false),
            Scenario::Shared => Self::gathered(publishers, subscribers, base, true),
            Scenario::FanOut => {
                let topic = vec![format!("{base}/all")];
                Self {
                    topics: vec![topic.clone(); publishers],
                    filters: vec![topic; subscribers],
                    copies: subscribers as u64,
                    order: Order::EachSubscriber,
                }
            }
            Scenario::Wildcards => {
                Self::wildcards(publishers, subscribers, args.filters as usize, base)
            }
            Scenario::P2p
            | Scenario::Latency
            | Scenario::Connect
            | Scenario::Offline
            | Scenario::Retained
            | Scenario::State
            | Scenario::StateExpiry => Self::pairs(publishers, base),
        }
    }

    fn pairs(publishers: usize, base: &str) -> Self {
        let topics: Vec<_> = (0..publishers)
            .map(|number| vec![format!("{base}/{number}")])
            .collect();
        Self {
            filters: topics.clone(),
            topics,
            copies: 1,
            order: Order::EachSubscriber,
        }
    }

    fn gathered(publishers: usize, subscribers: usize, base: &str, shared: bool) -> Self {
        let filter = match shared {
            true => format!("$share/bench/{base}/#"),
            false => format!("{base}/#"),
        };
        let (copies, order) = match shared {
            true => (1, Order::Any),
            false => (subscribers as u64, Order::EachSubscriber),
        };
        Self {
            topics: Self::pairs(publishers, base).topics,
            filters: vec![vec![filter]; subscribers],
            copies,
            order,
        }
    }

    /// Filters of four shapes. Each topic matches exactly one of them.
    fn wildcards(publishers: usize, subscribers: usize, filters: usize, base: &str) -> Self {
        let mut plan = Self {
            topics: vec![Vec::new(); publishers],
            filters: vec![Vec::new(); subscribers],
            copies: 1,
            order: Order::Any,
        };
        for number in 0..filters {
            let filter = match number % 4 {
                0 => format!("{base}/w/{number}/+/t"),
                1 => format!("{base}/w/{number}/#"),
                2 => format!("{base}/+/{number}/d/t"),
                _ => format!("{base}/w/{number}/d/+"),
            };
            if let Some(of_one) = plan.filters.get_mut(number % subscribers) {
                of_one.push(filter);
            }
            if let Some(of_one) = plan.topics.get_mut(number % publishers) {
                of_one.push(format!("{base}/w/{number}/d/t"));
            }
        }
        // Fewer filters than publishers leave some without a topic.
        plan.topics.retain(|topics| !topics.is_empty());
        plan.filters.retain(|filters| !filters.is_empty());
        plan
    }
}

#[cfg(test)]
mod tests {
    use catena_mqtt::Filter;

    use super::*;

    #[test]
    fn each_wildcard_topic_matches_one_filter() {
        let plan = Plan::wildcards(3, 2, 40, "base");
        let filters: Vec<_> = plan.filters.iter().flatten().collect();
        assert_eq!(filters.len(), 40);
        for topic in plan.topics.iter().flatten() {
            let matching = filters
                .iter()
                .filter(|filter| Filter::parse(filter).unwrap().matches(topic));
            assert_eq!(matching.count(), 1, "{topic}");
        }
    }

    #[test]
    fn fewer_filters_than_publishers_leave_nobody_idle() {
        let plan = Plan::wildcards(10, 10, 3, "base");
        assert_eq!((plan.topics.len(), plan.filters.len()), (3, 3));
    }
}
