//! Images that lack what an environment requires.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::{AttestationKind, ImageRef, ProjectName, printable};

/// An image that lacks what an environment requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAttested {
    pub project: ProjectName,
    /// By digest, in the cache.
    pub image: ImageRef,
    pub lacks: Vec<Lack>,
}

/// What an image lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Nothing of this kind is there.
    Missing(AttestationKind),
    /// The program that verifies accepts nothing of this kind.
    Rejected { kind: AttestationKind, program: String, last_line: Option<String> },
}

impl Lack {
    fn kind(&self) -> AttestationKind {
        match self {
            Self::Missing(kind) | Self::Rejected { kind, .. } => *kind,
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(kind) => write!(formatter, "no {}", kind.noun()),
            Self::Rejected { kind, program, last_line } => {
                write!(formatter, "no {} that `{program}` accepts", kind.noun())?;
                last_line.as_ref().map_or(Ok(()), |line| write!(formatter, " ({})", printable(line)))
            }
        }
    }
}

/// The images, each with what it lacks.
pub(super) fn listed(refused: &[NotAttested]) -> String {
    let one = |NotAttested { project, image, lacks }: &NotAttested| {
        let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
        format!("`{project}` ({image}) has {}", lacks.join(", "))
    };
    refused.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// The build that makes what is missing: an SBOM can be made of any image, and the rest is written by the run that builds one.
pub(super) fn attesting_build(refused: &[NotAttested]) -> String {
    let lacking: BTreeSet<AttestationKind> =
        refused.iter().flat_map(|image| &image.lacks).map(Lack::kind).collect();
    let mut command = "chinampa build".to_owned();
    for (kind, option) in [
        (AttestationKind::Provenance, " --provenance"),
        (AttestationKind::Sbom, " --sbom"),
        (AttestationKind::Signature, " --sign"),
    ] {
        if lacking.contains(&kind) {
            command.push_str(option);
        }
    }
    let needs_a_build = |lack: &Lack| *lack != Lack::Missing(AttestationKind::Sbom);
    if refused.iter().flat_map(|image| &image.lacks).any(needs_a_build) {
        command.push_str(" --force");
    }
    for image in refused {
        command.push(' ');
        command.push_str(image.project.as_str());
    }
    format!("`{command}` in a trusted run of that commit makes it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ManifestDigest;

    #[test]
    fn a_refusal_of_images_names_what_each_lacks_and_the_build_that_makes_it() {
        let image = |project: &str, lacks| NotAttested {
            project: project.parse().unwrap(),
            image: format!("r.example/{project}@{}", ManifestDigest::of(b"m")).parse().unwrap(),
            lacks,
        };
        let rejected = Lack::Rejected {
            kind: AttestationKind::Signature,
            program: "cosign".to_owned(),
            last_line: Some("no matching signatures".to_owned()),
        };
        let sbom = || Lack::Missing(AttestationKind::Sbom);

        let of_sbom = [image("api", vec![sbom()])];
        let of_more = [image("api", vec![sbom(), rejected]), image("web", vec![sbom()])];

        let digest = ManifestDigest::of(b"m").to_string();
        assert_eq!(
            listed(&of_more).replace(&digest, "D"),
            "`api` (r.example/api@D) has no SBOM, no signature that `cosign` accepts \
             (no matching signatures); `web` (r.example/web@D) has no SBOM"
        );
        assert_eq!(
            attesting_build(&of_sbom),
            "`chinampa build --sbom api` in a trusted run of that commit makes it"
        );
        assert_eq!(
            attesting_build(&of_more),
            "`chinampa build --sbom --sign --force api web` in a trusted run of that commit makes it"
        );
    }
}
