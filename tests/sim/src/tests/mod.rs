//! Tests of the simulation itself: seeds hold, they replay exactly, and planted bugs are found.

mod mutations;
mod replay;
mod seeds;
