//! Who is subscribed to what: the replicated routing table and its matcher.
