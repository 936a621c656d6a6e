//! Instructions to stages: what each is made from.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::error::DockerfileError;
use super::mount::Mount as MountOptions;
use super::source_text::SourceText;
use super::statement::Statement;
use super::variables::{self, Variables};
use super::{
    Copy, CopyKind, Instruction, MAX_BYTES, MAX_STAGES, Mount, Parameters, Parent, Source, Stage, Trigger,
    heredoc,
};
use crate::model::{ContextName, ImageRef, StageName};

const SCRATCH: &str = "scratch";

/// How many bytes of triggers may be carried out while one file is read.
const MAX_TRIGGER_BYTES: usize = 8 * MAX_BYTES;

/// What was read so far; the last stage is the one that instructions belong to.
pub(super) struct Reader<'a> {
    pub(super) variables: Variables<'a>,
    contexts: &'a BTreeSet<&'a ContextName>,
    /// Of images, by their references.
    triggers: &'a BTreeMap<String, Vec<Trigger>>,
    /// Whether the statement is a trigger, which stands elsewhere.
    is_trigger: bool,
    trigger_bytes: usize,
    line_starts: LineStarts<'a>,
    pub(super) stages: Vec<Stage>,
    /// The newest stage of each name.
    by_name: BTreeMap<StageName, usize>,
    /// The last stage of each name in the whole file, which is what `from` finds.
    by_name_in_file: BTreeMap<StageName, usize>,
    /// The name of each stage in the whole file.
    names_in_file: Vec<Option<StageName>>,
    pub(super) parents: Vec<Parent>,
    pub(super) copies: Vec<Copy>,
    pub(super) mounts: Vec<Mount>,
}

impl<'a> Reader<'a> {
    pub(super) fn read(
        text: &'a [u8],
        statements: &[Statement<'_>],
        variables: Variables<'a>,
        parameters: Parameters<'a>,
    ) -> Result<Self, DockerfileError> {
        let mut reader = Self {
            variables,
            contexts: parameters.contexts,
            triggers: parameters.triggers,
            is_trigger: false,
            trigger_bytes: 0,
            line_starts: LineStarts { text, starts: OnceCell::new() },
            stages: Vec::new(),
            by_name: BTreeMap::new(),
            by_name_in_file: BTreeMap::new(),
            names_in_file: Vec::new(),
            parents: Vec::new(),
            copies: Vec::new(),
            mounts: Vec::new(),
        };
        for statement in statements.iter().filter(|statement| statement.keyword == "FROM") {
            let name = From::parse(statement)?.name;
            if let Some(name) = name.clone() {
                reader.by_name_in_file.insert(name, reader.names_in_file.len());
            }
            reader.names_in_file.push(name);
        }
        reader.stages.reserve_exact(reader.names_in_file.len().min(MAX_STAGES));
        for statement in statements {
            reader.statement(statement)?;
        }
        if reader.stages.is_empty() {
            return Err(DockerfileError::NoStage);
        }
        Ok(reader)
    }

    fn statement(&mut self, statement: &Statement<'_>) -> Result<(), DockerfileError> {
        match statement.keyword {
            "FROM" => self.start_stage(statement, From::parse(statement)?),
            "ARG" => self.variables.declare(statement),
            _ if self.stages.is_empty() => Err(statement.malformed("stands before the first `FROM`")),
            "ENV" => self.variables.assign(statement),
            "COPY" => self.copy(statement, CopyKind::Copy),
            "ADD" => self.copy(statement, CopyKind::Add),
            "RUN" => self.run(statement),
            "LABEL" => variables::pairs(statement, &statement.rest.text(), self.variables.escape()).map(drop),
            "ONBUILD" => {
                Instruction::new(statement, self.variables.escape())?;
                self.trigger(&statement.trigger()?)?;
                let instruction = statement.rest.text().into_owned();
                let trigger = Trigger { instruction, line: statement.lines.0 };
                self.stages.last_mut().expect("the first statement starts a stage").triggers.push(trigger);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start_stage(&mut self, statement: &Statement<'_>, from: From<'_>) -> Result<(), DockerfileError> {
        let line = statement.lines.0;
        if self.stages.len() == MAX_STAGES {
            return Err(DockerfileError::TooManyStages { line });
        }
        let From { image, name } = from;
        let reference = self.image(&image, line)?;
        let platform = match statement.flag("platform") {
            Some(written) => {
                let written = written.text();
                let expanded = self.variables.expand_global(&written, line)?;
                Some(if expanded.unknown.is_empty() { expanded.text } else { written.into_owned() })
            }
            None => None,
        };
        // A name in upper case is no stage here, though it is one in `COPY --from`.
        let base = self.by_name.iter().find(|(name, _)| name.as_str() == reference).map(|(_, &stage)| stage);
        let base = base.filter(|_| !self.is_context(&reference));
        let index = self.stages.len();
        self.variables.start_stage(base, base.is_none() && reference == SCRATCH);
        let is_replaced = name.as_ref().is_some_and(|name| self.is_context(name.as_str()));
        let needs = base.into_iter().collect();
        let base_image = (base.is_none() && reference != SCRATCH).then_some(self.parents.len());
        let triggers = Vec::new();
        self.stages.push(Stage { index, name: name.clone(), line, is_replaced, base_image, needs, triggers });
        if let Some(name) = name {
            self.by_name.insert(name, index);
        }
        let inherited: Vec<Trigger> = match base {
            Some(base) => self.stages[base].triggers.clone(),
            None => {
                let triggers = self.triggers.get(&reference).into_iter().flatten();
                triggers.map(|trigger| Trigger { line, ..trigger.clone() }).collect()
            }
        };
        if base.is_none() {
            let line = self.line_starts.line_of(statement, &image);
            self.add_parent(reference, platform, line, || image.whole().into_iter().collect());
        }
        inherited.iter().try_for_each(|trigger| self.carry_out(trigger))
    }

    /// Reads a trigger of what the last stage starts from as if it were an instruction of this stage.
    fn carry_out(&mut self, trigger: &Trigger) -> Result<(), DockerfileError> {
        let Trigger { instruction, line } = trigger;
        self.trigger_bytes += instruction.len();
        if self.trigger_bytes > MAX_TRIGGER_BYTES {
            return Err(DockerfileError::TooMuchExpansion { line: *line });
        }
        let text = SourceText::as_is(instruction.as_bytes(), 0);
        let statement = Statement::parse(&text, *line)?;
        self.is_trigger = true;
        let result = self.statement(&statement);
        self.is_trigger = false;
        result
    }

    /// The image that a `FROM` names, its variables filled in.
    fn image(&self, image: &SourceText<'_>, line: usize) -> Result<String, DockerfileError> {
        let text = image.text();
        let written = || text.clone().into_owned();
        let expanded = self.variables.expand_global(&text, line)?;
        if let Some(variable) = expanded.unknown.into_iter().next() {
            return Err(DockerfileError::UnknownVariable { line, written: written(), variable });
        }
        // As in BuildKit, a variable without a value is empty, which is often what is wanted.
        let is_whole = || expanded.text.parse::<ImageRef>().is_ok();
        match expanded.unset.into_iter().next() {
            Some(variable) if !is_whole() => {
                Err(DockerfileError::UnsetVariable { line, written: written(), variable })
            }
            _ if expanded.text.is_empty() => Err(DockerfileError::BlankImage { line, written: written() }),
            _ => Ok(expanded.text),
        }
    }

    fn copy(&mut self, statement: &Statement<'_>, kind: CopyKind) -> Result<(), DockerfileError> {
        let line = statement.lines.0;
        let words = || statement.rest.words().filter(|_| statement.json.is_none());
        let paths = statement.json.as_deref().unwrap_or_default();
        let Some(sources) = (words().count() + paths.len()).checked_sub(1).filter(|&sources| sources > 0)
        else {
            return Err(statement.malformed("needs a source and a destination"));
        };
        let from = statement.flag("from").filter(|from| kind == CopyKind::Copy && !from.is_empty());
        if let Some(from) = from {
            return match from.text().parse::<i64>() {
                Ok(index) => self.need_by_index(index, statement, &from),
                Err(_) => self.take_from(statement, &from),
            };
        }
        let mut found = Vec::with_capacity(sources);
        for path in &paths[..sources.min(paths.len())] {
            found.push(self.source(path.clone(), line)?);
        }
        let words = words().take(sources).filter(|word| heredoc::of_word(&word.text()).is_none());
        for word in words {
            found.push(self.source(word.text().into_owned(), self.line_starts.line_of(statement, &word))?);
        }
        self.add_copy(statement, kind, line, found);
        Ok(())
    }

    fn run(&mut self, statement: &Statement<'_>) -> Result<(), DockerfileError> {
        for value in statement.flags_named("mount") {
            let mount = MountOptions::parse(&value).map_err(|problem| statement.malformed(problem))?;
            if let Some((kind, id)) = mount.session_mount() {
                let (stage, line) = (self.stages.len() - 1, self.line_starts.line_of(statement, &value));
                self.mounts.push(Mount { kind, id, stage, line });
            }
            match mount.from.as_ref().filter(|from| !from.is_empty()) {
                Some(from) if mount.kind.as_deref() != Some("tmpfs") => self.take_from(statement, from)?,
                None if mount.is_bind() => {
                    let line = self.line_starts.line_of(statement, &value);
                    let written =
                        mount.source.map_or_else(|| ".".to_owned(), |source| source.text().into_owned());
                    let source = self.source(written, line)?;
                    self.add_copy(statement, CopyKind::Mount, line, vec![source]);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes the images that a trigger will take something from in a later build. Stages that it names are those of the
    /// later Dockerfile.
    fn trigger(&mut self, trigger: &Statement<'_>) -> Result<(), DockerfileError> {
        let mut sources = Vec::new();
        match trigger.keyword {
            "COPY" => sources.extend(trigger.flag("from")),
            "RUN" => {
                for value in trigger.flags_named("mount") {
                    let mount = MountOptions::parse(&value).map_err(|problem| trigger.malformed(problem))?;
                    sources.extend(mount.from.filter(|_| mount.kind.as_deref() != Some("tmpfs")));
                }
            }
            _ => {}
        }
        for from in sources.iter().filter(|from| !from.is_empty()) {
            let written = from.text().into_owned();
            // A name of a context here may be something else there.
            let is_image = !written.contains('$') && written != SCRATCH && !self.is_context(&written);
            if written.parse::<i64>().is_err() && is_image {
                let line = self.line_starts.line_of(trigger, from);
                let stage = self.stages.len() - 1;
                let (reference, spans) = (written, from.spans());
                self.parents.push(Parent { reference, platform: None, line, stage, in_trigger: true, spans });
            }
        }
        Ok(())
    }

    /// Notes a stage that is named by its number, which only `COPY --from` allows.
    fn need_by_index(
        &mut self,
        index: i64,
        statement: &Statement<'_>,
        from: &SourceText<'_>,
    ) -> Result<(), DockerfileError> {
        let line = self.line_starts.line_of(statement, from);
        let stage = usize::try_from(index).ok().filter(|index| *index < self.names_in_file.len());
        let stage = stage.ok_or(DockerfileError::NoSuchStage { line, index })?;
        match self.names_in_file[stage].clone().filter(|name| self.is_context(name.as_str())) {
            Some(name) => self.add_parent(name.as_str().to_owned(), None, line, || from.spans()),
            None => self.need(stage),
        }
        Ok(())
    }

    /// Notes the stage or the image that `from` names.
    fn take_from(&mut self, statement: &Statement<'_>, from: &SourceText<'_>) -> Result<(), DockerfileError> {
        let (line, written) = (self.line_starts.line_of(statement, from), from.text().into_owned());
        if written.contains('$') {
            return Err(DockerfileError::VariableInFrom { line, written });
        }
        let name = written.parse::<StageName>().ok();
        if let Some(name) = name.as_ref().filter(|name| self.is_context(name.as_str())) {
            self.add_parent(name.as_str().to_owned(), None, line, || from.spans());
            return Ok(());
        }
        match name.and_then(|name| self.by_name_in_file.get(&name)) {
            Some(&stage) => self.need(stage),
            None => self.add_parent(written, None, line, || from.spans()),
        }
        Ok(())
    }

    /// Whether a named context stands for what has this name.
    fn is_context(&self, name: &str) -> bool {
        !self.contexts.is_empty()
            && name.parse::<ContextName>().is_ok_and(|name| self.contexts.contains(&name))
    }

    fn need(&mut self, stage: usize) {
        if let Some(current) = self.stages.last_mut() {
            current.needs.insert(stage);
        }
    }

    fn add_parent(
        &mut self,
        reference: String,
        platform: Option<String>,
        line: usize,
        spans: impl FnOnce() -> Vec<Range<usize>>,
    ) {
        // What a trigger names is the business of the Dockerfile that it stands in.
        if reference != SCRATCH && !self.is_trigger {
            let stage = self.stages.len() - 1;
            let spans = spans();
            self.parents.push(Parent { reference, platform, line, stage, in_trigger: false, spans });
        }
    }

    fn add_copy(&mut self, statement: &Statement<'_>, kind: CopyKind, line: usize, sources: Vec<Source>) {
        let stage = self.stages.len() - 1;
        let is_parents = |flag: &SourceText<'_>| {
            let flag = flag.text().to_ascii_lowercase();
            flag == "--parents" || flag == "--parents=true"
        };
        let has_parents = statement.flags.iter().any(is_parents);
        let has_exclusions = statement.flag("exclude").is_some();
        let has_checksum = statement.flag("checksum").is_some_and(|checksum| !checksum.is_empty());
        self.copies.push(Copy { kind, stage, line, sources, has_parents, has_exclusions, has_checksum });
    }

    fn source(&self, written: String, line: usize) -> Result<Source, DockerfileError> {
        let expanded = self.variables.expand_in_stage(&written, line)?;
        let path = expanded.unknown.is_empty().then_some(expanded.text);
        Ok(Source { written, path, line })
    }
}

/// Where the lines of a file start, to number them.
struct LineStarts<'t> {
    text: &'t [u8],
    /// Found when one is asked for: most instructions have one line.
    starts: OnceCell<Vec<usize>>,
}

impl LineStarts<'_> {
    /// The line on which a text of a statement begins.
    fn line_of(&self, statement: &Statement<'_>, text: &SourceText<'_>) -> usize {
        let (first, last) = statement.lines;
        let Some(start) = text.start().filter(|_| first < last) else { return first };
        let starts = self.starts.get_or_init(|| {
            let ends = self.text.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
            std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect()
        });
        starts.partition_point(|&line| line <= start)
    }
}

/// `FROM [--platform=…] <image> [AS <name>]`
struct From<'t> {
    image: SourceText<'t>,
    name: Option<StageName>,
}

impl<'t> From<'t> {
    fn parse(statement: &Statement<'t>) -> Result<Self, DockerfileError> {
        let mut words = statement.rest.words();
        match [words.next(), words.next(), words.next(), words.next()] {
            [Some(image), None, ..] => Ok(Self { image, name: None }),
            [Some(image), Some(keyword), Some(name), None] if keyword.bytes().eq_ignore_ascii_case(b"as") => {
                let name = name
                    .text()
                    .parse()
                    .map_err(|source| DockerfileError::StageName { line: statement.lines.0, source })?;
                Ok(Self { image, name: Some(name) })
            }
            _ => Err(statement.malformed("needs `<image>` or `<image> AS <name>`")),
        }
    }
}
