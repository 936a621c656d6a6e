//! What names the outcome of a command: all that decides on it, as one digest. Pure.

use std::collections::BTreeMap;

use crate::inputs::{InputContent, InputFile};
use crate::model::{Fingerprint, Fingerprinter, InputDigest, ProjectName, RepoPath, Secret};

/// What a command can read besides declared files and variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The content of the project's image: its layers and its settings.
    Image(Fingerprint),
    /// A checkout of the project's inputs.
    Checkout(InputDigest),
}

/// A command, and all that decides on its outcome.
#[derive(Clone, Debug)]
pub struct Job<'j> {
    pub project: &'j ProjectName,
    /// Tells several jobs of a project apart.
    pub name: &'j str,
    pub subject: Subject,
    /// Where the command runs, in the checkout.
    pub folder: &'j RepoPath,
    /// The program and its arguments.
    pub command: &'j [String],
    /// Declared files, sorted by path.
    pub inputs: &'j [InputFile],
    /// Declared variables; `None` for one that is not set.
    pub variables: &'j BTreeMap<String, Option<Secret>>,
    /// The file that the command is to write.
    pub junit: Option<&'j RepoPath>,
}

impl Job<'_> {
    /// Two jobs have the same key exactly if all of this is the same. Values of variables can't be read from it.
    pub fn key(&self) -> Fingerprint {
        let count = |count: usize| (count as u64).to_be_bytes();
        let (kind, subject) = match &self.subject {
            Subject::Image(content) => ("image", content.to_string()),
            Subject::Checkout(inputs) => ("checkout", inputs.to_string()),
        };
        let mut key = Fingerprinter::new("job/1")
            .field(self.project.as_str())
            .field(self.name)
            .field(kind)
            .field(subject)
            .field(self.folder.as_bytes())
            .field(count(self.command.len()));
        for word in self.command {
            key = key.field(word);
        }
        key = key.field(count(self.inputs.len()));
        for InputFile { path, mode, content } in self.inputs {
            let (kind, content) = match content {
                InputContent::Committed(id) => ("file", id.to_string()),
                InputContent::Lfs(id) => ("lfs", id.to_string()),
                InputContent::Extra(sha256) => ("extra", InputDigest::from_bytes(*sha256).to_string()),
                InputContent::EmptyFolder => ("folder", String::new()),
            };
            key = key.field(path.as_bytes()).field(mode.as_octal()).field(kind).field(content);
        }
        key = key.field(count(self.variables.len()));
        for (name, value) in self.variables {
            key = key.field(name);
            key = match value {
                Some(value) => key.field("set").field(value.reveal()),
                None => key.field("unset"),
            };
        }
        match self.junit {
            Some(path) => key.field("junit").field(path.as_bytes()),
            None => key,
        }
        .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{FileMode, ObjectId};

    /// All that a job is made of, owned.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Parts {
        project: ProjectName,
        name: String,
        subject: Subject,
        folder: RepoPath,
        command: Vec<String>,
        inputs: Vec<InputFile>,
        variables: BTreeMap<String, Option<String>>,
        junit: Option<RepoPath>,
    }

    impl Parts {
        fn key(&self) -> Fingerprint {
            let variables = self
                .variables
                .iter()
                .map(|(name, value)| (name.clone(), value.clone().map(Secret::new)))
                .collect();
            Job {
                project: &self.project,
                name: &self.name,
                subject: self.subject.clone(),
                folder: &self.folder,
                command: &self.command,
                inputs: &self.inputs,
                variables: &variables,
                junit: self.junit.as_ref(),
            }
            .key()
        }
    }

    /// Few texts, so that parts are often the same, and often the same in another place.
    fn text() -> impl Strategy<Value = String> {
        "[ab]{1,2}"
    }

    fn path() -> impl Strategy<Value = RepoPath> {
        text().prop_map(|text| RepoPath::new(text.as_bytes()).unwrap())
    }

    fn input() -> impl Strategy<Value = InputFile> {
        let mode = prop_oneof![Just(FileMode::Regular), Just(FileMode::Executable), Just(FileMode::Symlink)];
        let id = prop_oneof![Just("1"), Just("2")]
            .prop_map(|digit| -> ObjectId { digit.repeat(40).parse().unwrap() });
        let content = prop_oneof![
            id.clone().prop_map(InputContent::Committed),
            id.prop_map(InputContent::Lfs),
            any::<bool>().prop_map(|bit| InputContent::Extra([u8::from(bit); 32])),
            Just(InputContent::EmptyFolder),
        ];
        (path(), mode, content).prop_map(|(path, mode, content)| InputFile { path, mode, content })
    }

    fn subject() -> impl Strategy<Value = Subject> {
        let digest = any::<bool>().prop_map(|bit| InputDigest::from_bytes([u8::from(bit); 32]));
        prop_oneof![
            any::<bool>()
                .prop_map(|bit| Subject::Image(Fingerprinter::new(if bit { "a" } else { "b" }).finish())),
            digest.prop_map(Subject::Checkout),
        ]
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let texts = || prop::collection::vec(text(), 1..3);
        let variables = prop::collection::btree_map(text(), prop::option::of(text()), 0..3);
        let inputs = prop::collection::vec(input(), 0..3);
        (text(), text(), subject(), path(), texts(), inputs, variables, prop::option::of(path())).prop_map(
            |(project, name, subject, folder, command, inputs, variables, junit)| Parts {
                project: project.parse().unwrap(),
                name,
                subject,
                folder,
                command,
                inputs,
                variables,
                junit,
            },
        )
    }

    /// The same, or the same but for one part of another one.
    fn pairs() -> impl Strategy<Value = (Parts, Parts)> {
        (parts(), parts(), 0..9_u8).prop_map(|(one, other, part)| {
            let mut near = one.clone();
            match part {
                0 => near.project = other.project,
                1 => near.name = other.name,
                2 => near.subject = other.subject,
                3 => near.folder = other.folder,
                4 => near.command = other.command,
                5 => near.inputs = other.inputs,
                6 => near.variables = other.variables,
                7 => near.junit = other.junit,
                _ => near = other,
            }
            (one, near)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn keys_are_the_same_exactly_when_all_that_decides_is((one, other) in pairs()) {
            prop_assert_eq!(one.key() == other.key(), one == other);
        }
    }
}
