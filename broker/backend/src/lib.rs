//! The replicas of this node: runs partitions and the routing table inline.
