//! A stream, on its way from a sidecar's call to the task of its topic.

use catena_dapr_proto::v1::PullMessagesResponse;
use tokio::sync::mpsc;
use tonic::Status;

use super::deliveries::{Number, StreamNumber};
use super::opening::Opening;
use super::settings::Delivery;

/// A stream of a topic. It has to be [ended](Self::end).
pub(super) struct Stream {
    number: StreamNumber,
    commands: mpsc::Sender<Command>,
}

/// Where a stream's messages go.
pub(super) type Sender = mpsc::Sender<Result<PullMessagesResponse, Status>>;

/// What streams tell.
#[derive(Debug)]
pub(super) enum Command {
    Open {
        stream: StreamNumber,
        opened: Opened,
        opening: Opening,
    },
    Answer {
        stream: StreamNumber,
        number: Number,
        error: Option<String>,
    },
    End {
        stream: StreamNumber,
        end: End,
    },
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The sidecar does not want it any more.
    Closed,
    /// The sidecar, or the connection to it, is gone.
    Cut,
}

/// How a stream was opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) sender: Sender,
    /// The topic, as the sidecar calls it.
    pub(super) topic: String,
    /// Its settings, with those of its metadata.
    pub(super) delivery: Delivery,
}

impl Stream {
    /// One that was opened under this number.
    pub(super) fn new(number: StreamNumber, commands: mpsc::Sender<Command>) -> Self {
        Self { number, commands }
    }

    /// The application has answered. `false` if the instance is closed.
    pub(super) async fn answer(&self, id: &str, error: Option<String>) -> bool {
        let Ok(number) = id.parse() else {
            tracing::debug!("answer to a message that there never was");
            return true;
        };
        let answer = Command::Answer {
            stream: self.number,
            number,
            error,
        };
        self.commands.send(answer).await.is_ok()
    }

    /// It is over.
    pub(super) async fn end(self, end: End) {
        let stream = self.number;
        // An instance that is closed has ended it.
        let _ = self.commands.send(Command::End { stream, end }).await;
    }
}
