//! The attacks that train networks.

mod examiner;
mod gan;
mod instahide;
mod itn;
mod neuracrypt;
mod stage;
#[path = "../support/mod.rs"]
mod support;
