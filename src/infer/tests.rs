use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;
use crate::git::Repository;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

/// A commit with these files; one with ` -> ` in its name is a link.
fn with_files<R>(files: &[&str], act: impl FnOnce(&Snapshot<'_>) -> R) -> R {
    let write = |folder: &std::path::Path| {
        for file in files {
            let (name, target) = file.split_once(" -> ").map_or((*file, None), |(name, to)| (name, Some(to)));
            let place = folder.join(name);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            match target {
                Some(target) => symlink(target, place).unwrap(),
                None => fs::write(place, "").unwrap(),
            }
        }
    };
    with_tree(write, act)
}

/// A commit of what is written into a folder.
fn with_tree<R>(write: impl FnOnce(&std::path::Path), act: impl FnOnce(&Snapshot<'_>) -> R) -> R {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "all", "--allow-empty"]] {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=test", "-c", "user.email=test@example.com"]).args(arguments);
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.current_dir(folder.path()).status().unwrap().success());
    }
    let repository = Repository::open(folder.path()).unwrap();
    act(&repository.snapshot(repository.head().unwrap().commit).unwrap())
}

/// What a Dockerfile in `services/api` that consists of these lines takes.
fn infer(text: &str, target: Option<&str>, context: &str, files: &[&str]) -> Vec<Source> {
    let dockerfile = Dockerfile::parse(text.as_bytes(), &BTreeMap::new(), None).unwrap();
    let target = target.map(|target| target.parse().unwrap());
    with_files(files, |snapshot| sources(&dockerfile, target.as_ref(), &path(context), snapshot).unwrap())
}

/// The lines for `copies` after a `FROM`.
fn lines_of(copies: &str, files: &[&str]) -> Vec<String> {
    let files: Vec<String> = files.iter().map(|file| format!("services/api/{file}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    lines(&infer(&format!("FROM a\n{copies}"), None, "services/api", &files), &path("services/api"))
}

fn resolutions(copies: &str, files: &[&str]) -> Vec<Resolution> {
    let sources = infer(&format!("FROM a\n{copies}"), None, "", files);
    sources.iter().map(|source| source.resolution).collect()
}

#[test]
fn a_file_is_its_line_and_a_folder_all_that_is_in_it() {
    let files = ["package.json", "src/a.ts", "src/b/c.ts"];

    assert_eq!(lines_of("COPY package.json src /app/", &files), ["./package.json", "./src/"]);
    assert_eq!(lines_of("COPY [\"src/b\", \"package.json\", \"/\"]", &files), ["./src/b/", "./package.json"]);
    assert_eq!(lines_of("ADD ./src/ https://a.example/b git@c.example:d /", &files), ["./src/"]);
}

#[test]
fn a_context_that_is_copied_whole_is_its_folder() {
    for copies in ["COPY . .", "COPY ./ /", "COPY / /", "ADD .. /", "COPY * /", "COPY ./* /"] {
        assert_eq!(lines_of(copies, &["a", "b/c"]), ["./"], "{copies}");
    }
    assert_eq!(lines_of("RUN --mount=type=bind,target=/w make", &["a"]), ["./"]);
}

#[test]
fn what_another_line_takes_has_no_line_of_its_own() {
    let files = ["package.json", "src/a.ts"];

    assert_eq!(lines_of("COPY package.json /\nCOPY . .", &files), ["./"]);
    assert_eq!(lines_of("COPY src/*.ts src /\nCOPY src /b", &files), ["./src/"]);
}

#[test]
fn a_wildcard_takes_files_as_they_are_and_folders_whole() {
    let files = ["a1", "a2", "b1/x", "c1", "c2/y/z", "d/e/f.c", "d/g/f.h"];

    assert_eq!(lines_of("COPY a* /", &files), ["./a*"]);
    assert_eq!(lines_of("COPY b* /", &files), ["./b*/"]);
    assert_eq!(lines_of("COPY c? /", &files), ["./c?", "./c?/"]);
    assert_eq!(lines_of("COPY d/*/f.[ch] /", &files), ["./d/*/f.[ch]"]);
    assert_eq!(lines_of("COPY d/*/* /", &files), ["./d/*/"]);
}

#[test]
fn two_stars_stand_for_folders_with_parents_alone() {
    let files = ["a/package.json", "a/b/package.json"];

    assert_eq!(lines_of("COPY --parents **/package.json ./", &files), ["./**/package.json"]);
    assert_eq!(lines_of("COPY **/package.json ./", &files), ["./*/package.json"]);
}

#[test]
fn names_with_signs_of_patterns_stand_for_themselves() {
    assert_eq!(lines_of("COPY {a} /", &["{a}"]), [r"./\{a\}"]);
    let sources = infer("FROM a\nCOPY \"#x\" /\nCOPY [\"#y\", \"!z \", \"/\"]\n", None, "", &["#y", "!z "]);
    let lines = lines(&sources[1..], &path("elsewhere"));

    assert_eq!(lines, [r"\#y", r"\!z\ "]);
    assert!(sources[2].patterns.decide(&path("!z ")).is_some());
}

#[test]
fn only_stages_that_the_target_needs_take_something() {
    let text = "FROM a AS one\nCOPY 1 /\nFROM a AS two\nCOPY 2 /\nFROM one AS three\n\
                COPY 3 /\nCOPY --from=two 4 /\nFROM a\nCOPY 5 /\n";
    let files = ["1", "2", "3", "4", "5"];
    let lines_for = |target| lines(&infer(text, target, "", &files), &path(""));

    assert_eq!(lines_for(Some("three")), ["./1", "./2", "./3"]);
    assert_eq!(lines_for(None), ["./5"]);
}

#[test]
fn a_context_elsewhere_gives_lines_from_the_root() {
    let files = ["shared/proto/a.proto", "services/api/src/a", "README"];
    let text = "FROM a\nCOPY shared/proto services/api/src /\nCOPY README* /\n";

    assert_eq!(
        lines(&infer(text, None, "", &files), &path("services/api")),
        ["shared/proto/", "./src/", "README*"]
    );
    assert_eq!(lines(&infer("FROM a\nCOPY . .", None, "", &files), &path("services/api")), ["**"]);
}

#[test]
fn a_link_is_taken_with_what_it_leads_to() {
    let files = ["real/a", "to -> real", "file -> ../x/real/a", "up -> to/a"];

    assert_eq!(lines_of("COPY to /", &files), ["./to", "./real/"]);
    assert_eq!(lines_of("COPY to/a /", &files), ["./to", "./real/a"]);
    assert_eq!(lines_of("COPY up /", &files), ["./up", "./to", "./real/a"]);
    assert_eq!(lines_of("COPY u* /", &files), ["./up", "./to", "./real/a", "./u*"]);
    assert_eq!(resolutions("COPY a /\nCOPY b /", &["a -> b", "b -> a"]), [Resolution::Missing; 2]);
}

#[test]
fn a_variable_that_nobody_sets_is_a_guess_that_takes_enough() {
    assert_eq!(lines_of("ARG A=src\nCOPY $A /", &["src/a"]), ["./src/"]);
    assert_eq!(lines_of("ARG A\nCOPY $A/b /", &["src/a"]), ["./"]);
    // A value such as `/../../a` leads out of any folder.
    assert_eq!(lines_of("ARG A\nCOPY src/bin-$A/b /", &["src/a"]), ["./"]);
    assert_eq!(resolutions("ARG A\nCOPY $A /", &[]), [Resolution::UnknownVariable]);
}

#[test]
fn what_is_not_there_is_told_from_wildcards_that_may_match_nothing() {
    let files = ["a", "b/c"];

    assert_eq!(
        resolutions("COPY a x b/c b/d a/e *.z [ /", &files),
        [
            Resolution::There,
            Resolution::Missing,
            Resolution::There,
            Resolution::Missing,
            Resolution::Missing,
            Resolution::MatchesNothing,
            Resolution::BadWildcard,
        ]
    );
    assert_eq!(lines_of("COPY yarn.lock* gone/ /", &["a"]), ["./yarn.lock*", "./gone"]);
}

#[test]
fn here_documents_take_nothing() {
    assert!(lines_of("COPY <<EOF /a\ntext\nEOF\nCOPY --from=b . .", &["a"]).is_empty());
}

#[test]
fn what_is_fetched_from_elsewhere_is_no_path_whatever_its_variables_are() {
    let remote = "ADD https://a.example/$VERSION/b http://a.example/b git://a.example/b ssh://git@a.example/b git@a.example:b /";

    assert!(lines_of(remote, &[]).is_empty(), "{remote}");
    // An engine takes these for paths.
    assert_eq!(
        lines_of("ADD git@a ftp://b github.com/c /\nCOPY https://d /", &[]),
        ["./git@a", "./ftp:/b", "./github.com/c", "./https:/d"]
    );
    assert_eq!(lines_of("ADD $URL /", &["a"]), ["./"]);
}

#[test]
fn a_frontend_that_is_not_dockers_may_take_anything() {
    assert_eq!(
        infer("# syntax=example/other\nFROM a\nCOPY b /\n", None, "", &["b"])
            .iter()
            .map(|source| (source.line, source.to_string(), source.resolution))
            .collect::<Vec<_>>(),
        [
            (1, "# syntax=example/other".to_owned(), Resolution::ForeignFrontend),
            (3, "COPY b".to_owned(), Resolution::There)
        ]
    );
    assert!(infer("# syntax=example/other\nFROM a\n", None, "", &[])[0].takes_all_of(&path("")));
}

#[test]
fn links_that_lead_to_each_other_are_followed_once() {
    let many: Vec<String> =
        (0..300).map(|number| format!("services/api/l{number} -> l{}", (number + 1) % 300)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();

    let sources = infer("FROM a\nCOPY l* /\n", None, "services/api", &many);

    assert!(sources[0].takes.len() < 3 * many.len(), "{}", sources[0].takes.len());
}

#[test]
fn a_link_whose_target_is_no_text_is_followed() {
    use std::os::unix::ffi::OsStrExt as _;

    let target = std::ffi::OsStr::from_bytes(b"\xff");
    let folder = |place: &std::path::Path| {
        symlink(target, place.join("link")).unwrap();
        fs::write(place.join(target), "").unwrap();
    };
    let dockerfile = Dockerfile::parse(b"FROM a\nCOPY link /\n", &BTreeMap::new(), None).unwrap();

    let found = with_tree(folder, |snapshot| sources(&dockerfile, None, &path(""), snapshot).unwrap());

    assert!(found[0].patterns.decide(&RepoPath::new(b"\xff").unwrap()).is_some(), "{:?}", found[0]);
}
