//! A program that the environment names, with its arguments.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use thiserror::Error;
use tokio::process::Command;

use crate::model::ImageRef;

/// What stands for the image among the arguments.
const IMAGE: &str = "{image}";

/// What a program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It writes the SBOM of an image to standard output.
    Sbom,
    /// It signs an image, and stores the signature in the image's registry.
    Sign,
    /// It ends with 0 if an image is signed by whom it should be.
    Verify,
}

impl Purpose {
    /// The variable that names the program.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Sbom => "CHINAMPA_SBOM",
            Self::Sign => "CHINAMPA_SIGN",
            Self::Verify => "CHINAMPA_VERIFY",
        }
    }

    /// The arguments of a program that is named without any.
    fn usual_arguments(self, program: &str) -> &'static [&'static str] {
        match (self, program) {
            (Self::Sbom, "syft") => &["scan", "--quiet", "--output", "spdx-json", "registry:{image}"],
            (Self::Sbom, "trivy") => {
                &["image", "--quiet", "--image-src", "remote", "--format", "spdx-json", IMAGE]
            }
            (Self::Sign, "cosign") => &["sign", "--yes", IMAGE],
            (Self::Sign, "notation") => &["sign", IMAGE],
            (Self::Verify, "cosign" | "notation") => &["verify", IMAGE],
            (Self::Sbom | Self::Sign | Self::Verify, _) => &[IMAGE],
        }
    }
}

/// A text that names no program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a program is expected, such as `{0}`")]
pub struct InvalidTool(&'static str);

/// A program and its arguments, one of which has the place of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    program: String,
    arguments: Vec<String>,
}

impl Tool {
    /// Reads a program and its arguments, separated by blanks. There is no shell, and there are no quotes. The image is
    /// `{image}`, or the last argument where that is nowhere.
    ///
    /// # Errors
    /// [`InvalidTool`] for a text without a word.
    pub fn parse(purpose: Purpose, text: &str) -> Result<Self, InvalidTool> {
        let mut words = text.split_whitespace().map(str::to_owned);
        let program = words.next().ok_or(InvalidTool(match purpose {
            Purpose::Sbom => "syft",
            Purpose::Sign | Purpose::Verify => "cosign",
        }))?;
        let mut arguments: Vec<String> = words.collect();
        if arguments.is_empty() {
            let name = Path::new(&program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            arguments = purpose.usual_arguments(name).iter().map(|&argument| argument.to_owned()).collect();
        } else if !arguments.iter().any(|argument| argument.contains(IMAGE)) {
            arguments.push(IMAGE.to_owned());
        }
        Ok(Self { program, arguments })
    }

    pub fn program(&self) -> String {
        self.program.clone()
    }

    /// The arguments for an image.
    fn arguments(&self, image: &ImageRef) -> impl Iterator<Item = String> {
        let image = image.to_string();
        self.arguments.iter().map(move |argument| argument.replace(IMAGE, &image))
    }

    pub(super) fn command(&self, image: &ImageRef) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.arguments(image));
        command
    }
}

/// All of the environment that programs get, besides a login. Values may be secret, so `Debug` shows none.
#[derive(Clone)]
pub struct ProgramEnvironment(Vec<(OsString, OsString)>);

impl ProgramEnvironment {
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    pub(super) fn put_on(&self, command: &mut Command) {
        command.env_clear().envs(self.0.iter().map(|(name, value)| (name, value)));
    }
}

impl fmt::Debug for ProgramEnvironment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(purpose: Purpose, text: &str) -> String {
        let digest = format!("sha256:{}", "a".repeat(64));
        let image = format!("r.example/api@{digest}").parse().unwrap();
        let tool = Tool::parse(purpose, text).unwrap();
        let arguments: Vec<String> = tool.arguments(&image).collect();
        format!("{} {}", tool.program, arguments.join(" ")).replace(&digest, "D")
    }

    #[test]
    fn a_known_program_needs_no_arguments() {
        for (purpose, text, expected) in [
            (Purpose::Sbom, "syft", "syft scan --quiet --output spdx-json registry:r.example/api@D"),
            (Purpose::Sign, "/opt/cosign", "/opt/cosign sign --yes r.example/api@D"),
            (Purpose::Sign, "notation", "notation sign r.example/api@D"),
            (Purpose::Verify, "notation", "notation verify r.example/api@D"),
            (Purpose::Verify, "our-check", "our-check r.example/api@D"),
        ] {
            assert_eq!(arguments(purpose, text), expected);
        }
    }

    #[test]
    fn arguments_are_words_and_the_image_is_one_of_them() {
        let key = "cosign sign --yes --key env://COSIGN_PRIVATE_KEY";
        assert_eq!(arguments(Purpose::Sign, key), format!("{key} r.example/api@D"));
        assert_eq!(
            arguments(Purpose::Sbom, "trivy  image {image} -f cyclonedx"),
            "trivy image r.example/api@D -f cyclonedx"
        );
        assert_eq!(arguments(Purpose::Sign, "sign $(id) ;"), "sign $(id) ; r.example/api@D");
        assert!(Tool::parse(Purpose::Sign, " ").is_err());
    }
}
