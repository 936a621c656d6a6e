//! Checks of `doctor` that found an error.

use crate::error::Error;
use crate::report::doctor::Check;

/// The error, its causes and its hint as a check.
pub(super) fn of_error(subject: &str, error: Error) -> Check {
    Check::of_error(subject, &error, error.hint())
}
