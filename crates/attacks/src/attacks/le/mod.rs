//! Attacks on the nibble schemes (tanaka, ele) and on the byte schemes of blocks (shf, negpos, ffx).
//!
//! All of them look at series: the values that one place of a block takes over many blocks or images.
//! A key moves and turns whole series, so equal series, or series that are correlated alike, belong
//! together.

mod assign;
mod blocks;
mod byte_keys;
pub(super) mod bytes_helper;
pub(super) mod bytes_known;
pub(super) mod bytes_statistics;
mod correlate;
pub(super) mod ele_helper;
mod ele_keys;
pub(super) mod ele_known;
pub(super) mod ele_layout;
pub(super) mod helper;
pub(super) mod known;
mod layout;
mod panel;
mod series;
pub(super) mod statistics;
