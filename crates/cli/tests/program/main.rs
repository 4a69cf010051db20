//! The program as a user runs it: whole stories, bad input, crashes.

mod attacks;
mod audit;
mod bad_input;
mod copies;
mod crash;
mod images;
mod jpeg;
mod learning;
mod model_attacks;
mod schemes;
mod story;
mod support;
