//! The attacks that train networks.

mod examiner;
mod gan;
mod instahide;
mod itn;
mod neuracrypt;
mod stage;
