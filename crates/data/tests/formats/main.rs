//! Every format, from the outside: what is written is read back, a run that stopped goes on to the
//! same bytes, and bad inputs get the right error.

mod bad;
mod copies;
mod images;
mod jpegs;
mod listing;
mod round;
mod sets;
