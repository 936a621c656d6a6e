//! The pages of `docs` as a book: each is in it, and what they show can be used as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use chinampa::internals::config;
use granit_parser::Parser;
use regex::Regex;

use super::blocks::{Block, blocks, inline_commands};
use super::documented::{page, pages, plain, root, without_blocks, without_code};
use super::sources::sources;

/// The blocks of code of all pages.
fn all_blocks() -> Vec<Block> {
    let of_page = |(file, text): (PathBuf, String)| blocks(file.strip_prefix(root()).unwrap(), &text);
    pages().into_iter().flat_map(of_page).collect()
}

/// The links of a page, without those that lead elsewhere.
fn links(text: &str) -> Vec<String> {
    let link = Regex::new(r"\]\(([^)\s#]+)[^)\s]*\)").unwrap();
    let text = without_code(text);
    let targets = link.captures_iter(&text).map(|found| found[1].to_owned());
    targets.filter(|target| !target.starts_with("https://")).collect()
}

#[test]
fn each_page_is_in_the_summary_once_and_no_other_is() {
    let docs = root().join("docs");
    let listed: Vec<_> = links(&page("docs/SUMMARY.md")).iter().map(|link| docs.join(link)).collect();

    let there: BTreeSet<_> = pages().into_keys().filter(|file| file.starts_with(&docs)).collect();

    let summary = docs.join("SUMMARY.md");
    assert_eq!(listed.iter().cloned().chain([summary]).collect::<BTreeSet<_>>(), there);
    assert_eq!(listed.len() + 1, there.len(), "a page is listed twice");
}

/// A book has nothing but its own pages and pictures.
#[test]
fn links_of_a_page_of_the_book_stay_in_the_book() {
    let docs = root().join("docs");

    let mut outside = Vec::new();
    for (file, text) in pages().into_iter().filter(|(file, _)| file.starts_with(&docs)) {
        for link in links(&text) {
            let target = plain(&file.parent().unwrap().join(&link));
            if !target.starts_with(&docs) || !target.is_file() {
                outside.push(format!("{}: {link}", file.display()));
            }
        }
    }

    assert!(outside.is_empty(), "{}", outside.join("\n"));
}

#[test]
fn each_block_of_yaml_and_toml_can_be_read() {
    let mut errors = Vec::new();
    for block in all_blocks() {
        let error = match block.language.as_str() {
            "yaml" => Parser::new_from_str(&block.text).find_map(Result::err).map(|error| error.to_string()),
            "toml" => block.text.parse::<toml::Table>().err().map(|error| error.to_string()),
            _ => None,
        };
        errors.extend(error.map(|error| format!("{block}: {error}")));
    }

    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn each_manifest_that_a_page_shows_as_a_whole_is_one() {
    let is_whole =
        |text: &str| ["[workspace]", "name = ", "[projects."].iter().all(|part| text.contains(part));
    let whole = all_blocks().into_iter().filter(|block| block.language == "toml" && is_whole(&block.text));

    let read: Vec<_> =
        whole.map(|block| config::parse(block.text.as_bytes(), &block.to_string()).map(drop)).collect();

    assert!(read.len() > 5, "there are {} manifests", read.len());
    let errors: Vec<String> = read.into_iter().filter_map(Result::err).map(|it| it.to_string()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// Commands, options and values. Which options can be combined is not looked at.
#[test]
fn each_command_of_ours_that_a_page_shows_is_accepted() {
    let mut shown: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for block in all_blocks() {
        for command in block.commands() {
            shown.entry(command).or_insert_with(|| block.to_string());
        }
    }
    for (file, text) in pages() {
        for command in inline_commands(&without_blocks(&text)) {
            shown.entry(command).or_insert_with(|| file.display().to_string());
        }
    }

    let mut refused = Vec::new();
    for (arguments, place) in &shown {
        // What follows `--` is a program of its own.
        let ours = arguments.iter().take_while(|argument| *argument != "--");
        let output = Command::new(env!("CARGO_BIN_EXE_chinampa")).args(ours).arg("--help").output().unwrap();
        if !output.status.success() {
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            refused.push(format!("{place}: {arguments:?}: {error}"));
        }
    }

    assert!(shown.len() > 40, "only {} commands are shown", shown.len());
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn each_message_in_troubleshooting_is_one_of_the_program() {
    let text = page("docs/troubleshooting.md");
    let cell = Regex::new(r"^\| (?:`` (.+?) ``|`([^`]+)`) \|").unwrap();
    let texts: Vec<String> = sources().iter().flat_map(|source| texts(&source.code)).collect();

    let mut messages = Vec::new();
    let mut is_table = false;
    for line in text.lines() {
        is_table = line == "| message | why | what to do |" || (is_table && line.starts_with('|'));
        if is_table && !line.starts_with("|---") && !line.starts_with("| message") {
            let cells = cell.captures(line).unwrap_or_else(|| panic!("no message: {line}"));
            messages.push(cells.get(1).or(cells.get(2)).unwrap().as_str());
        }
    }

    let unknown: Vec<_> = messages.iter().filter(|it| !texts.iter().any(|text| is_of(text, it))).collect();
    assert!(messages.len() >= 60, "there are {} messages", messages.len());
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Whether a text of the source has the parts of a message in their order; `…` stands for what differs.
fn is_of(text: &str, message: &str) -> bool {
    let mut rest = text;
    message.split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// The string literals of a source, as they are printed.
fn texts(code: &str) -> Vec<String> {
    // A character that is a quotation mark begins no text.
    let literal = Regex::new(r#"(?s)'(?:[^'\\]|\\.)'|"((?:[^"\\]|\\.)*)""#).unwrap();
    let line_break = Regex::new(r"\\\n\s*").unwrap();
    let found = literal.captures_iter(code).filter_map(|found| found.get(1));
    let whole = found.map(|text| line_break.replace_all(text.as_str(), "").into_owned());
    whole
        .map(|text| text.replace("\\\"", "\"").replace("{MANIFEST}", "projects.toml"))
        .map(|text| text.replace("{LOCK_FILE}", "projects.lock"))
        .collect()
}

/// Who has the binary alone has no pages.
#[test]
fn no_text_of_the_program_names_a_page_of_this_repository() {
    let page = Regex::new(r"docs/[\w-]+\.md").unwrap();

    let mut named = Vec::new();
    for source in sources() {
        let texts = texts(&source.code).into_iter().filter(|text| page.is_match(text));
        named.extend(texts.map(|text| format!("{}: {text}", source.file.display())));
    }

    assert!(named.is_empty(), "{}", named.join("\n"));
}

/// Whether a message of a page is recognised, and none but those.
#[test]
fn a_message_is_one_of_a_text_only_if_all_its_parts_are_there_in_their_order() {
    let text = "there is no project `{name}` in {file}";

    assert!(is_of(text, "there is no project `…`"));
    assert!(is_of(text, "there is no project `…` in …"));
    assert!(!is_of(text, "there is no environment `…`"));
    assert!(!is_of(text, "in … there is no project"));
}

#[test]
fn the_ci_files_of_pages_are_what_each_ci_takes() {
    let python = super::bed::setting("PYTHON");
    let folder = tempfile::tempdir().unwrap();
    let mut files: BTreeMap<&str, (Vec<String>, Vec<PathBuf>)> = BTreeMap::new();
    for block in all_blocks() {
        let Some((ci, schema)) = block.file().and_then(|file| schema(&file)) else { continue };
        // What is wrong is told with the name of the file.
        let place = block.to_string().replace(['/', ':'], "-");
        let file = folder.path().join(format!("{place}.yml"));
        std::fs::write(&file, &block.text).unwrap();
        files.entry(ci).or_insert_with(|| (schema.into(), Vec::new())).1.push(file);
    }

    let mut errors = Vec::new();
    for (schema, files) in files.values() {
        let mut check = Command::new(&python);
        let output = check.args(["-m", "check_jsonschema"]).args(schema).args(files).output().unwrap();
        if !output.status.success() {
            let [stdout, stderr] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
            errors.push(format!("{stdout}{stderr}"));
        }
    }

    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let all = ["Buildkite", "CircleCI", "CodeBuild", "GitHub", "GitLab"];
    assert_eq!(files.keys().copied().collect::<Vec<_>>(), all, "which have a file on some page");
}

/// Which CI a file is of, and the schema that it publishes; CodeBuild publishes none.
fn schema(file: &str) -> Option<(&'static str, [String; 2])> {
    let builtin = |ci, name: &str| Some((ci, ["--builtin-schema".to_owned(), format!("vendor.{name}")]));
    match file {
        ".circleci/config.yml" => builtin("CircleCI", "circle-ci"),
        ".gitlab-ci.yml" => builtin("GitLab", "gitlab-ci"),
        ".buildkite/pipeline.yml" => builtin("Buildkite", "buildkite"),
        _ if file.starts_with(".github/workflows/") => builtin("GitHub", "github-workflows"),
        _ if Path::new(file).file_stem()?.to_str()?.starts_with("buildspec") => {
            let own = root().join("tests/support/buildspec.schema.json");
            Some(("CodeBuild", ["--schemafile".to_owned(), own.display().to_string()]))
        }
        _ => None,
    }
}
