//! Random bytes from the operating system, or none at all.

use crate::Error;
use visard_core::{MasterSecret, Salt};
use zeroize::Zeroizing;

type Fill = fn(&mut [u8]) -> Result<(), getrandom::Error>;

/// A new secret from the operating system's generator.
///
/// # Errors
/// [`Error::Random`] if the system gives no random bytes; there is no fallback.
pub fn generate_secret() -> Result<MasterSecret, Error> {
    secret_from(getrandom::fill)
}

/// A new public salt for one run that disguises a data set.
///
/// # Errors
/// [`Error::Random`] if the system gives no random bytes; there is no fallback.
pub fn fresh_salt() -> Result<Salt, Error> {
    salt_from(getrandom::fill)
}

fn secret_from(fill: Fill) -> Result<MasterSecret, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    fill(bytes.as_mut_slice()).map_err(Error::Random)?;
    Ok(MasterSecret::new(*bytes))
}

fn salt_from(fill: Fill) -> Result<Salt, Error> {
    let mut bytes = [0; 16];
    fill(&mut bytes).map_err(Error::Random)?;
    Ok(Salt(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_differ_and_are_not_trivial() {
        let draws: Vec<_> = (0..8).map(|_| *generate_secret().unwrap().expose()).collect();
        for (i, draw) in draws.iter().enumerate() {
            assert!(draw.iter().any(|b| *b != draw[0]));
            assert!(!draws[..i].contains(draw));
        }
        assert_ne!(fresh_salt().unwrap(), fresh_salt().unwrap());
    }

    #[test]
    fn a_failing_generator_is_an_error_and_never_a_weak_secret() {
        let broken: Fill = |bytes| {
            bytes[0] = 1;
            Err(getrandom::Error::UNSUPPORTED)
        };
        assert!(matches!(secret_from(broken), Err(Error::Random(_))));
        assert!(matches!(salt_from(broken), Err(Error::Random(_))));
    }
}
