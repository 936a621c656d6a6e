//! Laws of `.rebuild_patterns`, with git and grep as judges where they have the same rules.

#![expect(clippy::unwrap_used, reason = "a generator or a judge that fails must stop the law")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use chinampa::internals::model::RepoPath;
use chinampa::internals::patterns::{Index, PathSet, Pattern, Patterns};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex::RegexSet;

/// Patterns that one run of git judges: starting it takes the time.
const BATCH: usize = 128;

proptest! {
    #![proptest_config(crate::laws::config(16))]

    /// A `.gitignore` line with a `/` at its beginning is anchored like ours. Git stops at a folder that
    /// it ignores, so it ignores a path when one of our lines takes the path or any of its folders.
    ///
    /// Not compared, because git has other rules or none: braces (git has none), negation (nothing
    /// below an ignored folder comes back in git), regular expressions, `./`, named classes (an error
    /// here), `**/` at the end (`a/**/` is everything below `a` here, and everything below the folders in
    /// `a` in git), and `**` at the end of a name (in `a**/b` git takes the `a` off first and then sees a
    /// `**` that stands alone).
    #[test]
    fn a_glob_means_what_it_means_to_git(
        globs in vec(glob(), BATCH),
        paths in vec(path(), 1..24),
    ) {
        let ignored = ignored_by_git(&globs, &paths);

        for (number, glob) in globs.iter().enumerate() {
            let patterns = parse(glob);
            for path in &paths {
                let taken = folders_and_self(path).iter().any(|path| patterns.decide(path).is_some());
                let by_git = ignored.contains(&(number, path.clone()));
                prop_assert_eq!(taken, by_git, "`{}` and {}", glob.escape_ascii(), path);
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::laws::config(1_000))]

    /// `grep -E -f`, over bytes. What either finds wrong is no case: nobody takes it for a decision.
    #[test]
    fn old_lines_decide_as_extended_expressions_did(
        lines in vec(prop_oneof![3 => regex(), 1 => signs()], 1..4),
        paths in vec(path_of_any_name(), 1..16),
    ) {
        let lines: Vec<String> = lines.into_iter().filter(|line| !EXCEPTED.is_match(line)).collect();
        prop_assume!(!lines.is_empty());
        let patterns = Patterns::parse(lines.join("\n").as_bytes(), &RepoPath::default());
        prop_assume!(patterns.is_ok());
        let matching = matched_by_grep("--extended-regexp", &lines, &paths);
        prop_assume!(matching.is_some());
        let (patterns, matching) = (patterns.unwrap(), matching.unwrap());

        for path in &paths {
            prop_assert_eq!(patterns.decide(path).is_some(), matching.contains(path), "{:?} and {}", lines, path);
        }
    }

    /// `grep -f`: the same for basic expressions, where these mean the same as extended ones.
    #[test]
    fn old_lines_decide_as_basic_expressions_did(
        lines in vec(basic_regex(), 1..4),
        paths in vec(path_of_any_name(), 1..16),
    ) {
        let patterns = parse(lines.join("\n").as_bytes());
        let matching = matched_by_grep("--basic-regexp", &lines, &paths).unwrap();

        for path in &paths {
            prop_assert_eq!(patterns.decide(path).is_some(), matching.contains(path), "{:?} and {}", lines, path);
        }
    }

    #[test]
    fn an_index_finds_what_each_set_decides_by_itself(
        texts in vec((select(vec!["", "a", "lib", "lib/a"]), file()), 0..16),
        paths in vec((path(), 0_usize..4), 1..16),
    ) {
        let parse = |(folder, text): &(&str, Vec<u8>)| Patterns::parse(text, &RepoPath::new(folder).unwrap()).unwrap();
        let sets: Vec<Patterns> = texts.iter().map(parse).collect();
        let index = Index::new(&sets);
        let path_set = PathSet::new(paths.iter().map(|(path, _)| path));
        let for_paths = Index::for_paths(&sets, &path_set);
        let mut walk = index.walk();
        let mut before: Vec<RepoPath> = Vec::new();

        for (path, from) in &paths {
            // As a walk does: into each folder that it isn't in yet, from the root down, or from a folder deeper down.
            let folders: Vec<RepoPath> = std::iter::successors(path.parent(), RepoPath::parent).collect();
            let entered = folders.iter().rev().skip(*from).filter(|folder| !before.contains(folder));
            let mut can_match = true;
            entered.for_each(|folder| can_match &= walk.enter(folder));
            let mut found_in_walk = Vec::new();
            walk.matches(path, |set, pattern| found_in_walk.push((set, pattern.line())));
            before = folders;

            let line = |set: &Patterns| set.decide(path).map(Pattern::line);
            let expected: Vec<_> =
                sets.iter().enumerate().filter_map(|(number, set)| Some((number, line(set)?))).collect();

            let (mut found, mut found_in_folder, mut found_for_paths) = (Vec::new(), Vec::new(), Vec::new());
            index.matches(path, |set, pattern| found.push((set, pattern.line())));
            for_paths.matches(path, |set, pattern| found_for_paths.push((set, pattern.line())));
            let folder = path.parent().unwrap_or_default();
            index.in_folder(&folder).matches(path, |set, pattern| found_in_folder.push((set, pattern.line())));

            prop_assert_eq!(&found, &expected, "{}", path);
            prop_assert_eq!(&found_in_folder, &expected, "{}", path);
            prop_assert_eq!(&found_in_walk, &expected, "{}", path);
            prop_assert_eq!(&found_for_paths, &expected, "{}", path);
            prop_assert!(can_match || expected.is_empty(), "a walk would have left out {}", path);
        }
    }
}

proptest! {
    #![proptest_config(crate::laws::config(1_000))]

    #[test]
    fn braces_mean_a_line_for_each_alternative(
        before in select(vec!["", "a", "lib/", "**/"]),
        alternatives in vec(glob(), 1..4),
        after in select(vec!["", ".rs", "/b", "/**", "*"]),
        paths in vec(path(), 1..20),
    ) {
        let whole = |inner: &[u8]| [before.as_bytes(), inner, after.as_bytes()].concat();
        let lines: Vec<Vec<u8>> = alternatives.iter().map(|inner| whole(inner)).collect();
        let braces = whole(&[&b"{"[..], &alternatives.join(&b','), b"}"].concat());
        let Ok(separate) = Patterns::parse(&lines.join(&b'\n'), &RepoPath::default()) else {
            prop_assert!(Patterns::parse(&braces, &RepoPath::default()).is_err());
            return Ok(());
        };

        let together = parse(&braces);

        for path in &paths {
            prop_assert_eq!(together.decide(path).is_some(), separate.decide(path).is_some(), "{}", path);
        }
    }

    #[test]
    fn a_folder_that_a_walk_can_leave_out_holds_nothing_that_matches(
        texts in vec(file(), 0..4),
        paths in vec(path(), 1..24),
    ) {
        let sets: Vec<Patterns> = texts.iter().map(|text| parse(text)).collect();
        let index = Index::new(&sets);

        for path in paths.iter().filter(|path| sets.iter().any(|set| set.decide(path).is_some())) {
            for folder in folders_and_self(path).iter().filter_map(RepoPath::parent) {
                prop_assert!(index.can_match_below(&folder), "{} in {}", path, folder);
            }
        }
    }

    #[test]
    fn what_a_set_decides_is_not_changed_by_other_sets(
        text in file(),
        others in vec(file(), 1..8),
        paths in vec(path(), 1..24),
    ) {
        let set = parse(&text);
        let others: Vec<Patterns> = others.iter().map(|text| parse(text)).collect();
        let alone = Index::new([&set]);
        let first = Index::new([&set].into_iter().chain(&others));
        let last = Index::new(others.iter().chain([&set]));

        for path in &paths {
            let found = |index: &Index<'_>, number| {
                let mut line = None;
                index.matches(path, |set, pattern| if set == number { line = pattern.line() });
                line
            };

            prop_assert_eq!(found(&first, 0), found(&alone, 0), "{}", path);
            prop_assert_eq!(found(&last, others.len()), found(&alone, 0), "{}", path);
        }
    }

    /// A hostile file can be an error, and nothing else.
    #[test]
    fn any_bytes_are_patterns_or_errors(text in vec(any::<u8>(), 0..200), signs in r"[\[\]{}*?!^/.a,\\\n-]{0,60}") {
        for text in [&text[..], signs.as_bytes()] {
            if let Ok(patterns) = Patterns::parse(text, &RepoPath::default()) {
                patterns.decide(&RepoPath::new("a/b").unwrap());
                Index::new([&patterns]).matches(&RepoPath::new("a/b").unwrap(), |_, _| {});
            }
        }
    }
}

fn parse(text: &[u8]) -> Patterns {
    Patterns::parse(text, &RepoPath::default())
        .unwrap_or_else(|errors| panic!("`{}`: {errors:?}", text.escape_ascii()))
}

pub(crate) fn path() -> impl Strategy<Value = RepoPath> {
    let names = [
        &b"lib"[..],
        b"a",
        b"b",
        b"ab",
        b"a.rs",
        b"b.rs",
        b".rs",
        b"*x",
        b"lib2",
        b"]",
        b"-",
        b"\xff",
        b"a b",
    ];
    vec(select(names.to_vec()), 1..6).prop_map(|names| RepoPath::new(names.join(&b'/')).unwrap())
}

/// With neither braces nor `**/` at its end.
fn glob() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        &b"lib"[..],
        b"a",
        b"b",
        b"ab",
        b"a.rs",
        b"*",
        b"*.rs",
        b"?",
        b"a?",
        b"a*",
        b"*b*",
        b"*a*b*",
        b"[ab]",
        b"[!a]",
        b"[^a]*",
        b"[a-c]?",
        b"*[]-]",
        b"[!]a-]*",
        br"\*x",
        br"\a*",
        br"[\]]",
        b"\xff",
        b"**b",
        b"l**b",
        b"a b",
    ];
    let component = prop_oneof![2 => Just(&b"**"[..]), 5 => select(names.to_vec())];
    (vec(component, 0..4), select(names.to_vec()), select(vec!["", "", "/", "/**"])).prop_map(
        |(mut components, last, end)| {
            components.push(last);
            [&components.join(&b'/'), end.as_bytes()].concat()
        },
    )
}

fn regex() -> impl Strategy<Value = String> {
    let parts = [
        "lib",
        "a",
        "b",
        "/",
        r"\.",
        "rs",
        ".",
        ".*",
        "a*",
        "b?",
        "(a|b)",
        "(lib|a)/",
        "[ab]",
        "[^a]",
        "[a-l]+",
        "b{1,2}",
        "(a/)*",
        "(.*/)?",
        "|",
        "$",
        "[[:alpha:]]",
        "^a",
    ];
    vec(select(parts.to_vec()), 1..6).prop_map(|parts| format!("^{}", parts.concat()))
}

/// Any signs that mean something in an expression.
fn signs() -> impl Strategy<Value = String> {
    r"[abswB/.*+?$^|()\[\]{}\\,1-]{1,10}".prop_map(|signs| format!("^{signs}"))
}

/// What means the same in a basic expression and in an extended one.
fn basic_regex() -> impl Strategy<Value = String> {
    let parts = [
        "lib",
        "a",
        "b",
        "/",
        r"\.",
        "rs",
        ".",
        ".*",
        "a*",
        "[ab]",
        "[^a]",
        "[^/]*",
        "[a-l]*",
        "[]a]",
        "[[:alpha:]]",
        "[[:upper:][:digit:]]*",
        r"\*",
        r"\[",
        "-",
        "_",
    ];
    let end = select(vec!["", "", "$", "/", r"\.rs$"]);
    (vec(select(parts.to_vec()), 0..6), end)
        .prop_map(|(parts, end)| format!("^{}{end}", parts.concat()))
        .prop_filter("a star after `^` is a star in a basic expression", |line| !line.starts_with("^*"))
}

/// What `docs/patterns.md` excepts from what means the same to grep.
static EXCEPTED: LazyLock<RegexSet> = LazyLock::new(|| {
    let excepted = [
        // A `{` that begins no repetition.
        r"\{(?:[^0-9,]|$)",
        // Escapes with letters and digits, but for those that grep has too.
        r"\\[0-9A-Za-z&&[^bBsSwW]]",
        // In brackets: escapes, brackets and operators.
        r"\[\^?\]?(?:[^\]\[]|\[:\w+:\])*(?:\\|\[[^:]|&&|--|~~)",
        // A `?` behind a repetition.
        r"[+}]\?",
        // Nothing matches these, but for a mistake of grep's: to it, `^$a$` matches `a`.
        r"^\^+\$+.",
    ];
    RegexSet::new(excepted).unwrap()
});

/// Also with what is in no line, and with what programs trip over.
fn path_of_any_name() -> impl Strategy<Value = RepoPath> {
    let name = prop_oneof![
        6 => select(vec![&b"lib"[..], b"a", b"b", b"ab", b"aab", b"a.rs", b"b.rs", b"*", b"[", b"]", b"-_", b"{1}"])
            .prop_map(<[u8]>::to_vec),
        1 => select(vec![&b"a\nb"[..], b"\n", b"\xff", b"\xc3\xa9", b"\\", b"a b", b"^a", b"$", b"(a|b)", b"a+"])
            .prop_map(<[u8]>::to_vec),
    ];
    vec(name, 1..5).prop_map(|names| RepoPath::new(names.join(&b'/')).unwrap())
}

/// Lines of every kind; the first takes something.
pub(crate) fn file() -> impl Strategy<Value = Vec<u8>> {
    let braces = || (glob(), glob()).prop_map(|(a, b)| [b"{", &a[..], b",", &b, b"}"].concat());
    let line = || {
        prop_oneof![4 => glob(), 2 => braces(), 1 => regex().prop_map(String::into_bytes),
            1 => path().prop_map(|path| path.as_bytes().to_vec())]
    };
    let sign = select(vec!["", "", "!"]);
    (line(), vec((sign, line()), 0..4)).prop_map(|(first, more)| {
        let more = more.into_iter().map(|(sign, line)| [sign.as_bytes(), &line].concat());
        [first].into_iter().chain(more).collect::<Vec<_>>().join(&b'\n')
    })
}

fn folders_and_self(path: &RepoPath) -> Vec<RepoPath> {
    let up = |path: &RepoPath| path.parent().filter(|folder| !folder.is_root());
    std::iter::successors(Some(path.clone()), up).collect()
}

/// Each glob has a folder of its own in one repository, so that one run of git judges all pairs.
fn ignored_by_git(globs: &[Vec<u8>], paths: &[RepoPath]) -> BTreeSet<(usize, RepoPath)> {
    let repository = tempfile::tempdir().unwrap();
    git(repository.path(), &["init", "--quiet", "--template="], b"");
    let mut question = Vec::new();
    for (number, glob) in globs.iter().enumerate() {
        let folder = repository.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(".gitignore"), [b"/", &glob[..]].concat()).unwrap();
        for path in paths {
            question.extend([number.to_string().as_bytes(), b"/", path.as_bytes(), b"\0"].concat());
        }
    }

    let answer = git(repository.path(), &["check-ignore", "--no-index", "-v", "-z", "--stdin"], &question);

    let fields: Vec<&[u8]> = answer.split(|&byte| byte == 0).collect();
    let ignored = fields.chunks_exact(4).map(|fields| {
        let slash = fields[3].iter().position(|&byte| byte == b'/').unwrap();
        let number = std::str::from_utf8(&fields[3][..slash]).unwrap().parse().unwrap();
        (number, RepoPath::new(&fields[3][slash + 1..]).unwrap())
    });
    ignored.collect()
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut git = Command::new("git");
    git.args(["-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false"])
        .args(arguments)
        .current_dir(folder);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    answer(git, input)
}

/// `None` where grep finds a line wrong.
fn matched_by_grep(syntax: &str, lines: &[String], paths: &[RepoPath]) -> Option<BTreeSet<RepoPath>> {
    let mut grep = Command::new("grep");
    grep.args(["--null-data", "--text", syntax]).env("LC_ALL", "C").stderr(Stdio::null());
    lines.iter().for_each(|line| {
        grep.args(["--regexp", line]);
    });
    let question: Vec<u8> = paths.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
    let mut child = grep.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // It fits into a pipe, so nobody waits for anybody. Where grep has gone away already, its status says why.
    let _ = child.stdin.take().unwrap().write_all(&question);
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(2) {
        return None;
    }
    assert!(matches!(output.status.code(), Some(0 | 1)), "{grep:?}: {}", output.status);
    let matching = output.stdout.split(|&byte| byte == 0).filter(|path| !path.is_empty());
    Some(matching.map(|path| RepoPath::new(path).unwrap()).collect())
}

/// What a program says that exits with 0, or with 1 for "none".
fn answer(mut command: Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(matches!(output.status.code(), Some(0 | 1)), "{command:?}: {}", output.status);
    output.stdout
}
