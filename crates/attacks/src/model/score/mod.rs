//! Judging what attacks on models found, by a truth that they do not have.
