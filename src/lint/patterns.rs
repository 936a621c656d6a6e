//! What a project's patterns take, against what its Dockerfile takes.

use super::walk::{Ambiguity, Line, Subject, Taken};
use super::{Code, Edit, EditKind, Finding, siblings};
use crate::infer::{self, CopiedPath, Resolution, Source, SourceKind};
use crate::model::{ProjectName, RepoPath, printable};

pub(super) fn check(subject: &Subject<'_>, siblings: &[&Subject<'_>], findings: &mut Vec<Finding>) {
    for (source, taken) in subject.sources.iter().zip(&subject.taken) {
        findings.extend(of_source(subject, source, taken));
    }
    if let Some(file) = subject.project.inputs.pattern_file() {
        findings.extend(subject.lines.iter().filter_map(|line| of_line(subject, siblings, file, line)));
    }
}

fn of_source(subject: &Subject<'_>, source: &Source, taken: &Taken) -> Option<Finding> {
    let written = printable(&source.written);
    let Taken { files, covered, excluded, ignored, submodules: _, uncovered, untracked } = taken;
    let is_literal = matches!(source.takes.last(), Some(CopiedPath::File(_) | CopiedPath::Folder(_)));
    let (code, message, suggestion) = match source.resolution {
        Resolution::UnknownVariable | Resolution::ForeignFrontend | Resolution::MatchesNothing => {
            return None;
        }
        Resolution::BadWildcard => {
            (Code::SourceBadWildcard, format!("`{written}` has wildcards that engines refuse"), None)
        }
        // It is a path in a submodule, which the tree does not tell of.
        Resolution::Missing if *files > 0 => return None,
        Resolution::Missing if has_extra_input(subject, source) => return None,
        Resolution::Missing => {
            let add = untracked.as_ref().map(|path| format!(": `git add {path}`")).unwrap_or_default();
            let message = format!(
                "`{written}` is not committed, nor named by `extra_inputs`, so the build can't find it{add}"
            );
            (Code::SourceMissing, message, None)
        }
        Resolution::There if *files == 0 && *ignored > 0 && is_literal => (
            Code::SourceIgnored,
            format!("`.dockerignore` leaves `{written}` out of the context, so the build can't find it"),
            None,
        ),
        Resolution::There if *files == 0 || uncovered.is_empty() => return None,
        // Without a pattern file, what it takes is what the inputs are.
        Resolution::There if subject.project.inputs.inferred().is_some() => return None,
        Resolution::There if *covered == 0 && *excluded == 0 => (
            Code::SourceNotCovered,
            format!("no pattern takes `{written}`, so the build can't find it"),
            add(subject, source, true),
        ),
        Resolution::There if source.kind == SourceKind::Mount || source.has_exclusions => return None,
        Resolution::There => {
            let missing = files - covered - excluded;
            let named: Vec<String> = uncovered.iter().map(|path| format!("`{path}`")).collect();
            let more = if missing > named.len() { ", …" } else { "" };
            let message = format!(
                "no pattern takes {missing} of the {files} files in `{written}`, so they are not in the image: {}{more}",
                named.join(", ")
            );
            (Code::SourcePartlyCovered, message, add(subject, source, false))
        }
    };
    let file = subject.project.config.dockerfile.value.to_string();
    Some(Finding { project: Some(subject.name.clone()), file, line: source.line, code, message, suggestion })
}

/// Whether files that are not committed are declared for it.
fn has_extra_input(subject: &Subject<'_>, source: &Source) -> bool {
    let extra = crate::patterns::Index::new([&subject.project.extra_inputs]);
    source.takes.iter().any(|takes| match takes {
        CopiedPath::File(path) | CopiedPath::Folder(path) | CopiedPath::Glob { folder: path, .. } => {
            extra.can_match_below(path) || subject.project.extra_inputs.decide(path).is_some()
        }
    })
}

/// The lines that would take the source. A file that isn't there would lose what its absence means.
fn add(subject: &Subject<'_>, source: &Source, by_itself: bool) -> Option<Edit> {
    let lines = infer::lines(std::slice::from_ref(source), &subject.project.config.path.value);
    let file = subject.project.inputs.pattern_file()?.to_string();
    Some(Edit { file, line: None, kind: EditKind::Add { lines }, by_itself })
}

fn of_line(
    subject: &Subject<'_>,
    siblings: &[&Subject<'_>],
    file: &RepoPath,
    line: &Line<'_>,
) -> Option<Finding> {
    let number = line.pattern.line()?;
    let file = file.to_string();
    let edit = |kind, by_itself| Some(Edit { file: file.clone(), line: Some(number), kind, by_itself });
    let text = line.pattern.text();
    let is_negated = line.pattern.is_negated();
    let positive = |line: &&Line<'_>| !line.pattern.is_negated();
    let is_last = !is_negated && subject.lines.iter().filter(positive).count() == 1;
    let needing = || -> Vec<&ProjectName> {
        let needing = siblings.iter().filter(|sibling| may_need(sibling, number));
        needing.map(|sibling| sibling.name).collect()
    };
    let (code, message, suggestion) = if let Some(ambiguity) = &line.ambiguity {
        // What a negated line excludes depends on what else a project takes.
        ambiguous(line, ambiguity, &|kind, is_safe| {
            edit(kind, is_safe && (!is_negated || siblings.is_empty()))
        })
    } else if line.files == 0 && looks_like_expression(text) {
        let expression = format!("^.*{text}");
        (
            Code::LooksLikeExpression,
            "this is a glob, as it does not begin with `^`, and matches no committed file".to_owned(),
            edit(EditKind::Replace { text: expression }, false),
        )
    } else if line.files == 0 && (may_need(subject, number) || !needing().is_empty()) {
        return None;
    } else if line.files == 0 && is_negated {
        (
            Code::PatternMatchesNothing,
            "this line excludes nothing".to_owned(),
            edit(EditKind::Remove { text: text.to_owned() }, siblings.is_empty()),
        )
    } else if line.files == 0 {
        (
            Code::PatternMatchesNothing,
            "this line matches no committed file".to_owned(),
            edit(EditKind::Remove { text: text.to_owned() }, !is_last && siblings.is_empty()),
        )
    } else if !line.is_used && !is_negated && subject.project.config.hermetic {
        let is_ignored = line.ignored == line.files;
        let (code, why) = if is_ignored {
            (Code::IgnoredInput, "`.dockerignore` leaves out what this line matches")
        } else {
            (Code::PatternNotUsed, "nothing in the Dockerfile takes what this line matches")
        };
        let effect = format!("{why}, so each change of it builds `{}` for nothing", subject.name);
        if let [sibling, others @ ..] = needing().as_slice() {
            let others = match others.len() {
                0 => "needs it".to_owned(),
                1 => "and another project need it".to_owned(),
                more => format!("and {more} other projects need it"),
            };
            let own = siblings::own_file(subject, siblings);
            (Code::PatternOfSibling, format!("{effect}; `{sibling}` {others}: {own}"), None)
        } else {
            // What is not sent may still be what `extra_inputs` are made from.
            let is_safe = !is_last
                && siblings.is_empty()
                && (!is_ignored || subject.project.extra_inputs.lines().is_empty());
            (code, effect, edit(EditKind::Remove { text: text.to_owned() }, is_safe))
        }
    } else {
        return None;
    };
    let message = format!("`{}`: {message}", line.pattern);
    Some(Finding {
        project: Some(subject.name.clone()),
        file: file.clone(),
        line: number,
        code,
        message,
        suggestion,
    })
}

/// Whether a project may need this line of its pattern file.
fn may_need(subject: &Subject<'_>, number: usize) -> bool {
    let mut lines = subject.lines.iter();
    let Some(line) = lines.find(|line| line.pattern.line() == Some(number)) else { return false };
    if line.files == 0 {
        return !line.pattern.is_negated() && is_asked_for(subject, line);
    }
    let may_be_source = line.ignored == line.files && !subject.project.extra_inputs.lines().is_empty();
    line.is_used || line.pattern.is_negated() || !subject.project.config.hermetic || may_be_source
}

fn ambiguous(
    line: &Line<'_>,
    ambiguity: &Ambiguity,
    edit: &dyn Fn(EditKind, bool) -> Option<Edit>,
) -> (Code, String, Option<Edit>) {
    let Ambiguity { readings, basic_files, differs, clear_is_same } = ambiguity;
    let sign = if line.pattern.is_negated() { "!" } else { "" };
    let is_meant_as_basic = line.files == 0 && *basic_files > 0;
    // What it says stays what it says; and it must be plain that nothing else was meant.
    let is_safe = line.files > 0 && *clear_is_same && (*basic_files == 0 || !differs);
    let clear = if is_meant_as_basic { &readings.clear_basic } else { &readings.clear };
    let suggestion = clear.as_ref().map(|clear| EditKind::Replace { text: format!("{sign}{clear}") });
    let message = format!(
        "read as an extended expression it matches {}; as a basic one, as `grep` without `-E` reads it, it would match {}",
        files(line.files),
        files(*basic_files)
    );
    (Code::AmbiguousExpression, message, suggestion.and_then(|kind| edit(kind, is_safe)))
}

fn files(count: usize) -> String {
    match count {
        0 => "no committed file".to_owned(),
        1 => "1 committed file".to_owned(),
        count => format!("{count} committed files"),
    }
}

/// Whether a glob that matches nothing looks as if `grep` were to read it.
fn looks_like_expression(text: &str) -> bool {
    let text = text.trim_start_matches('!');
    !text.starts_with('^')
        && (text.contains(r"\.") || text.contains(".*/") || text.ends_with(".*") || text.ends_with('$'))
}

/// Whether a source that isn't there (yet) wants this line.
fn is_asked_for(subject: &Subject<'_>, line: &Line<'_>) -> bool {
    let folder = &subject.project.config.path.value;
    let text = plain(line.pattern.text());
    let path = match text.strip_prefix("./") {
        Some(own) => RepoPath::new(own).map(|own| folder.join(&own)),
        None => RepoPath::new(text),
    };
    subject.sources.iter().filter(|source| source.resolution != Resolution::There).any(|source| {
        let is_its_line = source.takes.iter().any(|takes| {
            plain(&takes.line(folder)) == text
                || plain(&takes.line(&RepoPath::default())) == format!("./{text}")
        });
        let is_one_of_its = matches!(source.resolution, Resolution::MatchesNothing | Resolution::Missing)
            && path.as_ref().is_ok_and(|path| source.patterns.decide(path).is_some());
        is_its_line || is_one_of_its
    })
}

/// Without what says that a folder is meant.
fn plain(text: &str) -> &str {
    text.trim_end_matches("**").trim_end_matches('/')
}
