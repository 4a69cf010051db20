//! The attacks on each scheme: one program, so that it is linked once.

mod aes;
mod etc;
mod le;
mod mix;
mod mix_stages;
mod neuracrypt;
mod rmt;
mod rmt_aes;
mod skk;
#[path = "../support/mod.rs"]
mod support;
