//! The attacks that train networks.

mod examiner;
mod gan;
mod itn;
mod stage;
