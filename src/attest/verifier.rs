//! Lets a program say whether an image is signed by whom it should be.

use super::login::ProgramLogin;
use super::{AttestError, AttestedImage, PROGRAM_TIMEOUT, ProgramEnvironment, Tool};
use crate::program::{self, ProgramError, Stop};

/// The program that `CHINAMPA_VERIFY` names.
#[derive(Debug)]
pub struct Verifier {
    pub tool: Tool,
    /// All of the environment that it gets, besides the login for the registry.
    pub environment: ProgramEnvironment,
}

/// What a program says of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    Valid,
    Invalid {
        program: String,
        /// The last lines that it wrote, oldest first.
        log_tail: Vec<String>,
    },
}

impl Verifier {
    /// Runs the program for an image, or for an artifact that refers to one.
    ///
    /// # Errors
    /// [`AttestError`] when it can't be run: that says nothing of the image.
    pub async fn verify(&self, image: AttestedImage<'_>) -> Result<Verification, AttestError> {
        let login = ProgramLogin::new(image.registry).await?;
        let command = login.command(&self.tool, &image.name(), &self.environment);
        let on_line = |line| tracing::debug!(%line, "verifying");
        match program::run(command, Stop::Terminate, Some(PROGRAM_TIMEOUT), &on_line).await {
            Ok(()) => Ok(Verification::Valid),
            Err(ProgramError::Failed { program, log_tail, .. }) => {
                Ok(Verification::Invalid { program, log_tail })
            }
            Err(source) => {
                Err(AttestError::Verify { image: Box::new(image.name()), source: Box::new(source) })
            }
        }
    }
}
