//! Reads what a Dockerfile is made from: images, stages, files of the context. Never runs it.
//!
//! Instructions are read as BuildKit's newest frontend reads them (`docs/dockerfile.md` says
//! which). What an engine would refuse later anyway, such as an unknown flag, is left to it.
//! The text itself stays as it was: [`Dockerfile::with_parents`] replaces references in place.

mod error;
pub mod file_names;
mod frontend;
mod heredoc;
mod instruction;
mod lines;
mod mount;
mod pattern;
mod shell;
mod shell_error;
mod shown;
mod source_text;
mod stages;
mod statement;
mod variables;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::OnceLock;

pub use error::DockerfileError;
pub use frontend::{ARGUMENT as FRONTEND_ARGUMENT, foreign_frontend};
pub use instruction::Instruction;

use crate::model::{ContextName, ImageRef, Platform, StageName};
use stages::Reader;
use variables::Variables;

/// How large a Dockerfile may be.
pub const MAX_BYTES: usize = 1 << 20;
/// How many stages a Dockerfile may have.
pub const MAX_STAGES: usize = 500;

/// A Dockerfile that was read with one set of build arguments, for one platform.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    text: Box<[u8]>,
    /// The line that names it, and its image.
    foreign_frontend: Option<(usize, String)>,
    /// Made when they are asked for: planning has no use for them.
    instructions: OnceLock<Vec<Instruction>>,
    stages: Vec<Stage>,
    parents: Vec<Parent>,
    copies: Vec<Copy>,
    mounts: Vec<Mount>,
    declared_args: BTreeSet<String>,
}

/// One `FROM` and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// From 0, as `COPY --from=<index>` counts.
    pub index: usize,
    pub name: Option<StageName>,
    pub line: usize,
    /// Whether a named context stands for it, so that nothing of the stage itself is used.
    pub is_replaced: bool,
    /// The place, among the file's parents, of the image that it starts from.
    base_image: Option<usize>,
    /// The stages it starts from, copies from or mounts. Engines refuse a file in which one of
    /// them isn't an earlier one.
    pub needs: BTreeSet<usize>,
    /// What `ONBUILD` leaves to the stages and images that start from it.
    triggers: Vec<Trigger>,
}

/// An instruction of `ONBUILD`, which is carried out in what starts from the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    instruction: String,
    line: usize,
}

/// What a Dockerfile is read with.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    pub build_args: &'a BTreeMap<String, String>,
    /// Without one, `TARGETARCH` and its kind are known to the engine alone.
    pub platform: Option<&'a Platform>,
    /// Names of stages and images that stand for named contexts: each is an image of its own, whatever the file says of a stage
    /// with this name.
    pub contexts: &'a BTreeSet<&'a ContextName>,
    /// The triggers of images, by the references that `FROM` names these by.
    pub triggers: &'a BTreeMap<String, Vec<Trigger>>,
}

/// An image that a stage takes something from: no stage of the file, and not `scratch`. Named contexts are images here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// With variables filled in. Not always a well-formed reference.
    pub reference: String,
    /// `FROM --platform`; as it is written where only the engine knows a variable of it.
    pub platform: Option<String>,
    /// Where the reference stands.
    pub line: usize,
    /// The index of the stage that uses it.
    pub stage: usize,
    /// Whether a trigger (`ONBUILD`) names it, for builds that start from this image. It may then be the name of a stage of
    /// such a build.
    pub in_trigger: bool,
    /// The bytes of the file that are the reference.
    spans: Vec<Range<usize>>,
}

/// Something of the build context that is copied or mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub kind: CopyKind,
    pub stage: usize,
    pub line: usize,
    /// Without here-documents, so possibly none.
    pub sources: Vec<Source>,
    /// `--parents`: `**` stands for folders.
    pub has_parents: bool,
    /// Whether `--exclude` leaves out some of it.
    pub has_exclusions: bool,
    /// Whether `--checksum` says what a URL has to hold.
    pub has_checksum: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyKind {
    Copy,
    Add,
    /// `RUN --mount=type=bind` without `from`.
    Mount,
}

/// A mount of something that only the client of a build has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub kind: SessionMount,
    /// Variables are not filled in.
    pub id: String,
    pub stage: usize,
    pub line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionMount {
    /// `RUN --mount=type=secret`
    Secret,
    /// `RUN --mount=type=ssh`
    Ssh,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub written: String,
    /// With variables filled in; may have wildcards, or be a URL after `ADD`. `None` where it
    /// depends on a variable that the file doesn't set.
    pub path: Option<String>,
    pub line: usize,
}

impl Dockerfile {
    /// Reads a Dockerfile as it is for these build arguments and this platform.
    ///
    /// Without a platform, `TARGETARCH` and its kind are known to the engine alone.
    ///
    /// # Errors
    /// [`DockerfileError`] when the text is larger than [`MAX_BYTES`], or is none that an engine
    /// would build; it names the line.
    pub fn parse(
        text: &[u8],
        build_args: &BTreeMap<String, String>,
        platform: Option<&Platform>,
    ) -> Result<Self, DockerfileError> {
        let (contexts, triggers) = (&BTreeSet::new(), &BTreeMap::new());
        Self::parse_with(text, Parameters { build_args, platform, contexts, triggers })
    }

    /// The same, where names stand for named contexts, and images have triggers.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with(text: &[u8], parameters: Parameters<'_>) -> Result<Self, DockerfileError> {
        if text.len() > MAX_BYTES {
            return Err(DockerfileError::TooLarge { bytes: text.len() });
        }
        let (statements, escape) = statement::read(text)?;
        let variables = Variables::new(escape, parameters.build_args, parameters.platform);
        let read = Reader::read(text, &statements, variables, parameters)?;
        let Reader { variables, stages, parents, copies, mounts, .. } = read;
        let declared_args = variables.into_declared();
        let foreign_frontend = frontend::foreign_frontend_with(text, parameters.build_args);
        let instructions = OnceLock::new();
        let text = text.into();
        Ok(Self { text, foreign_frontend, instructions, stages, parents, copies, mounts, declared_args })
    }

    /// Every instruction, as it is written.
    pub fn instructions(&self) -> &[Instruction] {
        self.instructions.get_or_init(|| instructions(&self.text).expect("they were read before"))
    }

    /// The image of the frontend that `# syntax=` names, and its line, from 1.
    pub fn frontend(&self) -> Option<(usize, String)> {
        lines::frontend(&self.text).map(|frontend| (frontend.line, frontend.image))
    }

    /// The frontend that reads the file instead of Docker's own, and the line that names it: what it makes of the file is not
    /// known.
    pub fn foreign_frontend(&self) -> Option<(usize, &str)> {
        self.foreign_frontend.as_ref().map(|(line, image)| (*line, image.as_str()))
    }

    /// At least one.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The image that a stage starts from; `None` where that is another stage or `scratch`.
    pub fn base(&self, stage: &Stage) -> Option<&str> {
        let base = stage.base_image?;
        Some(self.parents[base].reference.as_str())
    }

    /// The triggers that an image of `target` has: those of this one stage.
    ///
    /// # Errors
    /// As [`stages_needed_for`](Self::stages_needed_for).
    pub fn triggers_of(&self, target: Option<&StageName>) -> Result<&[Trigger], DockerfileError> {
        Ok(&self.stages[self.target(target)?].triggers)
    }

    /// The images that any stage takes something from, in the order of the file; one that is
    /// named twice is there twice.
    pub fn parents(&self) -> &[Parent] {
        &self.parents
    }

    /// The stages that `target` is made from, itself excluded, in an order to build them in.
    ///
    /// `None` is the last stage. A stage without a name is among them but can't be a target.
    ///
    /// # Errors
    /// [`DockerfileError::UnknownTarget`] when no stage has this name, [`DockerfileError::ReplacedTarget`] when a named context
    /// stands for it.
    pub fn stages_needed_for(&self, target: Option<&StageName>) -> Result<Vec<&Stage>, DockerfileError> {
        let target = self.target(target)?;
        let needed = self.closure(target).into_iter().filter(|&stage| stage != target);
        Ok(needed.map(|stage| &self.stages[stage]).collect())
    }

    /// The parents that a build of `target` uses: BuildKit passes over the other stages.
    ///
    /// # Errors
    /// [`DockerfileError::UnknownTarget`] when no stage has this name, [`DockerfileError::ReplacedTarget`] when a named context
    /// stands for it.
    pub fn parents_needed_for(&self, target: Option<&StageName>) -> Result<Vec<&Parent>, DockerfileError> {
        let target = self.target(target)?;
        if self.parents.is_empty() {
            return Ok(Vec::new());
        }
        let needed = self.closure(target);
        Ok(self.parents.iter().filter(|parent| needed.contains(&parent.stage)).collect())
    }

    /// What a build of `target` takes from the context, without the stages that it passes over.
    ///
    /// # Errors
    /// [`DockerfileError::UnknownTarget`] when no stage has this name, [`DockerfileError::ReplacedTarget`] when a named context
    /// stands for it.
    pub fn copies_needed_for(&self, target: Option<&StageName>) -> Result<Vec<&Copy>, DockerfileError> {
        let needed = self.closure(self.target(target)?);
        Ok(self.copies.iter().filter(|copy| needed.contains(&copy.stage)).collect())
    }

    /// The secrets and ssh agents that a build of `target` mounts.
    ///
    /// # Errors
    /// As [`copies_needed_for`](Self::copies_needed_for).
    pub fn mounts_needed_for(&self, target: Option<&StageName>) -> Result<Vec<&Mount>, DockerfileError> {
        let needed = self.closure(self.target(target)?);
        Ok(self.mounts.iter().filter(|mount| needed.contains(&mount.stage)).collect())
    }

    /// Whether a build argument of this name can have an effect: an `ARG` of the file, or of a trigger that is carried out in it, declares
    /// it; or it needs none. A foreign frontend may do anything with it.
    pub fn uses_build_arg(&self, name: &str) -> bool {
        self.declared_args.contains(name) || variables::is_predefined(name) || self.foreign_frontend.is_some()
    }

    /// The text with each parent for which `pin` has one replaced; not a byte else differs.
    pub fn with_parents(&self, pin: impl Fn(&Parent) -> Option<ImageRef>) -> Vec<u8> {
        self.with_images(pin, None)
    }

    /// The same, and the image of `# syntax=` replaced too, if there is one to replace it.
    pub fn with_images(
        &self,
        pin: impl Fn(&Parent) -> Option<ImageRef>,
        frontend: Option<&ImageRef>,
    ) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.text.len());
        let mut copied = 0;
        // It stands before the first instruction.
        if let Some(image) = frontend
            && let Some(span) = lines::frontend(&self.text).and_then(|frontend| frontend.span)
        {
            text.extend_from_slice(&self.text[..span.start]);
            text.extend_from_slice(image.to_string().as_bytes());
            copied = span.end;
        }
        for parent in &self.parents {
            let Some(image) = pin(parent) else { continue };
            for span in &parent.spans {
                text.extend_from_slice(&self.text[copied..span.start]);
                copied = span.end;
            }
            // Behind the last span: the others' lines are continued, and a line of which nothing is left would be too.
            text.extend_from_slice(image.to_string().as_bytes());
        }
        text.extend_from_slice(&self.text[copied..]);
        text
    }

    fn target(&self, name: Option<&StageName>) -> Result<usize, DockerfileError> {
        let target = match name {
            None => self.stages.len() - 1,
            Some(name) => {
                let named = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(name));
                named.ok_or_else(|| DockerfileError::UnknownTarget {
                    target: name.clone(),
                    known: self.stages.iter().filter_map(|stage| stage.name.clone()).collect(),
                })?
            }
        };
        match &self.stages[target] {
            Stage { is_replaced: true, name: Some(name), .. } => {
                Err(DockerfileError::ReplacedTarget { target: name.clone() })
            }
            _ => Ok(target),
        }
    }

    /// A stage and everything it needs.
    fn closure(&self, stage: usize) -> BTreeSet<usize> {
        let mut closure = BTreeSet::new();
        let mut open = vec![stage];
        while let Some(stage) = open.pop() {
            if closure.insert(stage) {
                open.extend(&self.stages[stage].needs);
            }
        }
        closure
    }
}

fn instructions(text: &[u8]) -> Result<Vec<Instruction>, DockerfileError> {
    let (statements, escape) = statement::read(text)?;
    statements.iter().map(|statement| Instruction::new(statement, escape)).collect()
}

#[cfg(test)]
mod tests;
