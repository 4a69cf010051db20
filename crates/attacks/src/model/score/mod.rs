//! Judging what attacks on models found, by a truth that they do not have.

mod classes;
mod extraction;
mod inversion;
mod membership;

pub use classes::{ClassAnswers, ClassLeak, classes};
pub use extraction::{Fidelity, extraction};
pub use inversion::{ClassPicture, InversionScore, inversion};
pub use membership::{MembershipScore, Rate, membership};
