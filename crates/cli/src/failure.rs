//! From errors to exit codes and the last lines that the user sees.

use crate::talk::Talk;
use serde_json::json;
use std::process::ExitCode;

/// A mistake in the request that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// A model and data, or a key, that do not belong together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Mismatch(pub(crate) String);

/// An input of the program itself (not of a data set) that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) String);

/// Exit code of a run that left some inputs out.
pub(crate) const SKIPPED: u8 = 3;

/// Prints the error and returns its exit code.
pub(crate) fn report(error: &anyhow::Error, talk: &Talk) -> ExitCode {
    if error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(is_closed_pipe)
    {
        return ExitCode::SUCCESS;
    }
    let code = code(error);
    let message = format!("{error:#}");
    if talk.json {
        eprintln!("{}", json!({ "type": "error", "code": code, "message": message }));
    } else {
        eprintln!("visard: {message}");
    }
    ExitCode::from(code)
}

/// Whoever read our output has closed it, as `head` does; that is no failure.
fn is_closed_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

fn code(error: &anyhow::Error) -> u8 {
    error.chain().find_map(code_of).unwrap_or(1)
}

fn code_of(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if cause.is::<Usage>() {
        return Some(2);
    }
    if cause.is::<Mismatch>() {
        return Some(12);
    }
    if cause.is::<Unreadable>() {
        return Some(10);
    }
    if let Some(error) = cause.downcast_ref::<visard_data::Error>() {
        return Some(data_code(error));
    }
    if let Some(error) = cause.downcast_ref::<visard_keys::Error>() {
        return Some(key_code(error));
    }
    if let Some(error) = cause.downcast_ref::<visard_core::Error>() {
        return Some(scheme_code(error));
    }
    if let Some(error) = cause.downcast_ref::<visard_attacks::Error>() {
        return Some(attack_code(error));
    }
    if let Some(error) = cause.downcast_ref::<visard_audit::Error>() {
        return Some(audit_code(error));
    }
    cause.downcast_ref::<visard_learn::Error>().map(learn_code)
}

fn data_code(error: &visard_data::Error) -> u8 {
    use visard_data::Error;
    match error {
        Error::Usage(_) => 2,
        Error::Input { .. } => 10,
        Error::Locked { .. } => 11,
        Error::WrongKey { .. } => 12,
        Error::Foreign { .. } => 13,
        Error::Verification { .. } => 14,
        Error::Limit { .. } => 15,
        Error::NoSpace { .. } => 16,
        Error::Interrupted => 130,
        Error::Scheme(error) => scheme_code(error),
        _ => 1,
    }
}

fn key_code(error: &visard_keys::Error) -> u8 {
    use visard_keys::Error;
    match error {
        Error::WrongKey { .. } => 12,
        Error::Exists { .. } | Error::Version { .. } => 13,
        Error::TooLarge { .. } | Error::ExcessiveWork { .. } => 15,
        Error::Recipient { .. } | Error::Lock { .. } | Error::Locked { .. } => 2,
        Error::Random { .. } | Error::Write { .. } => 1,
        _ => 10,
    }
}

fn scheme_code(error: &visard_core::Error) -> u8 {
    use visard_core::Error;
    match error {
        Error::UnknownScheme(_) | Error::Parameter { .. } | Error::Exhausted { .. } => 2,
        Error::Shape { .. } | Error::ShapeText(_) | Error::NotInvertible(_) => 2,
        Error::Material { .. } => 10,
        _ => 1,
    }
}

fn attack_code(error: &visard_attacks::Error) -> u8 {
    use visard_attacks::Error;
    match error {
        Error::Unknown(_) | Error::Unfit { .. } => 2,
        Error::Exposure(_) => 10,
        Error::Core(error) => scheme_code(error),
        _ => 1,
    }
}

fn audit_code(error: &visard_audit::Error) -> u8 {
    use visard_audit::Error;
    match error {
        Error::Subjects(_) => 10,
        Error::Record { .. } => 10,
        Error::Interrupted => 130,
        Error::Attack(error) => attack_code(error),
        Error::Core(error) => scheme_code(error),
        _ => 1,
    }
}

fn learn_code(error: &visard_learn::Error) -> u8 {
    use visard_learn::Error;
    match error {
        Error::UnknownNetwork(_) | Error::UnknownFront(_) | Error::Parameter(_) | Error::Setting { .. } => 2,
        Error::Shape { .. } | Error::Examples(_) | Error::Label { .. } | Error::Input { .. } => 10,
        Error::Foreign { .. } => 13,
        Error::Output { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => 16,
        Error::Interrupted { .. } => 130,
        _ => 1,
    }
}
