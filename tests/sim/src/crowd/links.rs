//! The connections of a crowd: numbers here, sockets elsewhere.

use std::collections::BTreeMap;

use crate::model::MessageId;
use crate::network::LinkId;

/// A connection's number; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkNumber(pub(super) LinkId);

impl LinkNumber {
    /// As a number, for who has to name it otherwise.
    pub fn number(self) -> usize {
        self.0
    }

    /// From [`LinkNumber::number`].
    pub fn from_number(number: usize) -> Self {
        Self(number)
    }
}

/// What has to be done with a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Open it.
    Open(LinkNumber),
    /// Send these last bytes, close this side, and wait until the broker has closed the other.
    Finish(LinkNumber, Vec<u8>),
    /// Close it without a word. Nothing more is to be told of it.
    Close(LinkNumber),
    /// Reset it. Nothing more is to be told of it.
    Reset(LinkNumber),
}

/// A connection that is over.
pub(super) struct Ended {
    /// The will that it has made void.
    pub(super) goodbye: Option<MessageId>,
    /// The client has not opened another since.
    pub(super) is_last: bool,
}

/// Connections that are open, and what has to be done.
#[derive(Debug, Default)]
pub(super) struct Links {
    open: BTreeMap<LinkNumber, Link>,
    newest: BTreeMap<usize, LinkNumber>,
    opened: usize,
    orders: Vec<Order>,
}

#[derive(Debug)]
struct Link {
    client: usize,
    goodbye: Option<MessageId>,
}

impl Links {
    pub(super) fn open(&mut self, client: usize) -> LinkNumber {
        let link = LinkNumber(self.opened);
        self.opened += 1;
        let goodbye = None;
        self.open.insert(link, Link { client, goodbye });
        self.newest.insert(client, link);
        self.orders.push(Order::Open(link));
        link
    }

    /// A DISCONNECT is the last that is sent; with the will that it makes void.
    pub(super) fn finish(&mut self, link: LinkNumber, bytes: Vec<u8>, will: Option<MessageId>) {
        if let Some(of) = self.open.get_mut(&link) {
            of.goodbye = will;
        }
        self.orders.push(Order::Finish(link, bytes));
    }

    /// It ends without a word.
    pub(super) fn abandon(&mut self, link: LinkNumber, how: fn(LinkNumber) -> Order) {
        self.open.remove(&link);
        self.orders.push(how(link));
    }

    /// The broker has ended it.
    pub(super) fn end(&mut self, link: LinkNumber) -> Option<Ended> {
        let Link { client, goodbye } = self.open.remove(&link)?;
        let is_last = self.newest.get(&client) == Some(&link);
        Some(Ended { goodbye, is_last })
    }

    pub(super) fn client_of(&self, link: LinkNumber) -> Option<usize> {
        self.open.get(&link).map(|of| of.client)
    }

    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// Connections that are not over, ascending.
    pub(super) fn standing(&self) -> impl Iterator<Item = LinkNumber> + '_ {
        self.open.keys().copied()
    }

    /// How many there ever were.
    pub(super) fn opened(&self) -> usize {
        self.opened
    }
}
