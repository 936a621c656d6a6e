//! Laws of `.rebuild_patterns`, with git and grep as judges where they have the same rules.

#![expect(clippy::unwrap_used, reason = "a generator or a judge that fails must stop the law")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use chinampa::model::RepoPath;
use chinampa::patterns::{Index, Pattern, Patterns};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Patterns that one run of git judges: starting it takes the time.
const BATCH: usize = 128;

proptest! {
    #![proptest_config(crate::config(16))]

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
    #![proptest_config(crate::config(256))]

    /// As extended expressions, over bytes. Where the two have the same syntax: no back references, no
    /// braces that aren't repetitions, no equivalence classes.
    #[test]
    fn an_expression_means_what_it_means_to_grep(regex in regex(), paths in vec(path(), 1..40)) {
        let matching = matched_by_grep(&regex, &paths);

        let patterns = parse(regex.as_bytes());
        for path in &paths {
            let by_grep = matching.contains(path);
            prop_assert_eq!(patterns.decide(path).is_some(), by_grep, "`{}` and {}", regex, path);
        }
    }
}

proptest! {
    #![proptest_config(crate::config(1024))]

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
    fn an_index_finds_what_each_set_decides_by_itself(
        texts in vec(file(), 0..8),
        paths in vec(path(), 1..24),
    ) {
        let sets: Vec<Patterns> = texts.iter().map(|text| parse(text)).collect();
        let index = Index::new(&sets);

        for path in &paths {
            let line = |set: &Patterns| set.decide(path).map(Pattern::line);
            let expected: Vec<_> =
                sets.iter().enumerate().filter_map(|(number, set)| Some((number, line(set)?))).collect();

            let (mut found, mut found_in_folder) = (Vec::new(), Vec::new());
            index.matches(path, |set, pattern| found.push((set, pattern.line())));
            let folder = path.parent().unwrap_or_default();
            index.in_folder(&folder).matches(path, |set, pattern| found_in_folder.push((set, pattern.line())));

            prop_assert_eq!(&found, &expected, "{}", path);
            prop_assert_eq!(&found_in_folder, &expected, "{}", path);
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

fn path() -> impl Strategy<Value = RepoPath> {
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

/// Lines of every kind; the first takes something.
fn file() -> impl Strategy<Value = Vec<u8>> {
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

fn matched_by_grep(regex: &str, paths: &[RepoPath]) -> BTreeSet<RepoPath> {
    let mut grep = Command::new("grep");
    grep.args(["--null-data", "--text", "--extended-regexp", "--regexp", regex]).env("LC_ALL", "C");
    let question: Vec<u8> = paths.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat()).collect();
    let answer = answer(grep, &question);
    answer
        .split(|&byte| byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| RepoPath::new(path).unwrap())
        .collect()
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
