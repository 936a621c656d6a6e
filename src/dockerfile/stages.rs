//! Instructions to stages: what each is made from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::error::DockerfileError;
use super::mount::Mount;
use super::statement::Statement;
use super::variables::{self, Variables};
use super::written::Written;
use super::{Copy, CopyKind, Instruction, MAX_STAGES, Parent, Source, Stage, heredoc};
use crate::model::{ImageRef, StageName};

const SCRATCH: &str = "scratch";

/// What was read so far; the last stage is the one that instructions belong to.
pub(super) struct Reader<'a> {
    variables: Variables<'a>,
    /// Where the lines start, to number them.
    line_starts: &'a [usize],
    pub(super) stages: Vec<Stage>,
    /// The newest stage of each name.
    by_name: BTreeMap<StageName, usize>,
    /// The last stage of each name in the whole file, which is what `from` finds.
    by_name_in_file: BTreeMap<StageName, usize>,
    stages_in_file: usize,
    pub(super) parents: Vec<Parent>,
    pub(super) copies: Vec<Copy>,
    pub(super) arguments: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn read(
        statements: &[Statement],
        variables: Variables<'a>,
        line_starts: &'a [usize],
    ) -> Result<Self, DockerfileError> {
        let mut reader = Self {
            variables,
            line_starts,
            stages: Vec::new(),
            by_name: BTreeMap::new(),
            by_name_in_file: BTreeMap::new(),
            stages_in_file: 0,
            parents: Vec::new(),
            copies: Vec::new(),
            arguments: BTreeSet::new(),
        };
        let froms = statements.iter().filter(|statement| statement.keyword == "FROM");
        let froms = froms.map(From::parse).collect::<Result<Vec<From>, _>>()?;
        let names = froms.iter().enumerate().filter_map(|(index, from)| Some((from.name.clone()?, index)));
        reader.by_name_in_file = names.collect();
        reader.stages_in_file = froms.len();
        let mut froms = froms.into_iter();
        for statement in statements {
            if statement.keyword == "FROM"
                && let Some(from) = froms.next()
            {
                reader.start_stage(statement, from)?;
            } else {
                reader.statement(statement)?;
            }
        }
        if reader.stages.is_empty() {
            return Err(DockerfileError::NoStage);
        }
        Ok(reader)
    }

    fn statement(&mut self, statement: &Statement) -> Result<(), DockerfileError> {
        match statement.keyword {
            "ARG" => {
                let names = self.variables.declare(statement)?;
                self.arguments.extend(names);
                Ok(())
            }
            _ if self.stages.is_empty() => Err(statement.malformed("stands before the first `FROM`")),
            "ENV" => self.variables.assign(statement),
            "COPY" => self.copy(statement, CopyKind::Copy),
            "ADD" => self.copy(statement, CopyKind::Add),
            "RUN" => self.run(statement),
            "LABEL" => variables::pairs(statement, self.variables.escape()).map(drop),
            "ONBUILD" => Instruction::new(statement, self.variables.escape()).map(drop),
            _ => Ok(()),
        }
    }

    fn start_stage(&mut self, statement: &Statement, from: From) -> Result<(), DockerfileError> {
        let line = statement.lines.0;
        if self.stages.len() == MAX_STAGES {
            return Err(DockerfileError::TooManyStages { line });
        }
        let From { image, name } = from;
        let reference = self.image(&image, line)?;
        let platform = match statement.flag("platform") {
            Some(written) => {
                let expanded = self.variables.expand_global(&written.text(), line)?;
                Some(if expanded.unknown.is_empty() { expanded.text } else { written.text() })
            }
            None => None,
        };
        // A name in upper case is no stage here, though it is one in `COPY --from`.
        let base = self.by_name.iter().find(|(name, _)| name.as_str() == reference).map(|(_, &stage)| stage);
        let index = self.stages.len();
        self.variables.start_stage(base);
        self.stages.push(Stage { index, name: name.clone(), line, needs: base.into_iter().collect() });
        if let Some(name) = name {
            self.by_name.insert(name, index);
        }
        if base.is_none() {
            self.add_parent(reference, platform, &image, image.whole());
        }
        Ok(())
    }

    /// The image that a `FROM` names, its variables filled in.
    fn image(&self, image: &Written, line: usize) -> Result<String, DockerfileError> {
        let written = image.text();
        let expanded = self.variables.expand_global(&written, line)?;
        if let Some(variable) = expanded.unknown.into_iter().next() {
            return Err(DockerfileError::UnknownVariable { line, written, variable });
        }
        // As in BuildKit, a variable without a value is empty, which is often what is wanted.
        let is_whole = || expanded.text.parse::<ImageRef>().is_ok();
        match expanded.unset.into_iter().next() {
            Some(variable) if !is_whole() => Err(DockerfileError::UnsetVariable { line, written, variable }),
            _ if expanded.text.is_empty() => Err(DockerfileError::BlankImage { line, written }),
            _ => Ok(expanded.text),
        }
    }

    fn copy(&mut self, statement: &Statement, kind: CopyKind) -> Result<(), DockerfileError> {
        let line = statement.lines.0;
        let mut sources = match &statement.json {
            Some(paths) => paths.iter().map(|path| (path.clone(), line)).collect(),
            None => {
                let words = statement.rest.words();
                words.iter().map(|word| (word.text(), self.line_of(word))).collect::<Vec<_>>()
            }
        };
        if sources.pop().is_none() || sources.is_empty() {
            return Err(statement.malformed("needs a source and a destination"));
        }
        let from = statement.flag("from").filter(|from| kind == CopyKind::Copy && !from.is_empty());
        if let Some(from) = from {
            return match from.text().parse::<i64>() {
                Ok(index) => self.need_by_index(index, &from),
                Err(_) => self.take_from(&from),
            };
        }
        let sources = sources
            .into_iter()
            .filter(|(word, _)| statement.json.is_some() || heredoc::of_word(word).is_none());
        let sources = sources.map(|(written, line)| self.source(written, line)).collect::<Result<_, _>>()?;
        self.add_copy(kind, line, sources);
        Ok(())
    }

    fn run(&mut self, statement: &Statement) -> Result<(), DockerfileError> {
        for value in statement.flags_named("mount") {
            let mount = Mount::parse(&value).map_err(|problem| statement.malformed(problem))?;
            match mount.from.as_ref().filter(|from| !from.is_empty()) {
                Some(from) if mount.kind.as_deref() != Some("tmpfs") => self.take_from(from)?,
                None if mount.is_bind() => {
                    let line = self.line_of(&value);
                    let written = mount.source.map_or_else(|| ".".to_owned(), |source| source.text());
                    let source = self.source(written, line)?;
                    self.add_copy(CopyKind::Mount, line, vec![source]);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes a stage that is named by its number, which only `COPY --from` allows.
    fn need_by_index(&mut self, index: i64, from: &Written) -> Result<(), DockerfileError> {
        match usize::try_from(index) {
            Ok(index) if index < self.stages_in_file => {
                self.need(index);
                Ok(())
            }
            _ => Err(DockerfileError::NoSuchStage { line: self.line_of(from), index }),
        }
    }

    /// Notes the stage or the image that `from` names.
    fn take_from(&mut self, from: &Written) -> Result<(), DockerfileError> {
        let written = from.text();
        if written.contains('$') {
            return Err(DockerfileError::VariableInFrom { line: self.line_of(from), written });
        }
        let stage = written.parse().ok().and_then(|name: StageName| self.by_name_in_file.get(&name));
        match stage {
            Some(&stage) => self.need(stage),
            None => self.add_parent(written, None, from, from.pieces()),
        }
        Ok(())
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
        written: &Written,
        pieces: Vec<Range<usize>>,
    ) {
        if reference != SCRATCH {
            let (line, stage) = (self.line_of(written), self.stages.len() - 1);
            self.parents.push(Parent { reference, platform, line, stage, pieces });
        }
    }

    fn add_copy(&mut self, kind: CopyKind, line: usize, sources: Vec<Source>) {
        let stage = self.stages.len() - 1;
        self.copies.push(Copy { kind, stage, line, sources });
    }

    fn source(&self, written: String, line: usize) -> Result<Source, DockerfileError> {
        let expanded = self.variables.expand_in_stage(&written, line)?;
        let path = expanded.unknown.is_empty().then_some(expanded.text);
        Ok(Source { written, path, line })
    }

    fn line_of(&self, text: &Written) -> usize {
        let start = text.start().unwrap_or_default();
        self.line_starts.partition_point(|&line| line <= start)
    }
}

/// `FROM [--platform=…] <image> [AS <name>]`
struct From {
    image: Written,
    name: Option<StageName>,
}

impl From {
    fn parse(statement: &Statement) -> Result<Self, DockerfileError> {
        match statement.rest.words().as_slice() {
            [image] => Ok(Self { image: image.clone(), name: None }),
            [image, keyword, name] if keyword.text().eq_ignore_ascii_case("as") => {
                let name = name
                    .text()
                    .parse()
                    .map_err(|source| DockerfileError::StageName { line: statement.lines.0, source })?;
                Ok(Self { image: image.clone(), name: Some(name) })
            }
            _ => Err(statement.malformed("needs `<image>` or `<image> AS <name>`")),
        }
    }
}
