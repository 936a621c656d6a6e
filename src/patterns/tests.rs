use std::error::Error;

use super::*;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

fn patterns(text: &str) -> Patterns {
    Patterns::parse(text.as_bytes(), &path("services/api")).unwrap()
}

/// The line that takes `file`.
fn line(patterns: &Patterns, file: &str) -> Option<usize> {
    patterns.decide(&path(file)).and_then(Pattern::line)
}

/// Each error with its causes, a line each.
fn errors(text: &[u8]) -> String {
    let errors = Patterns::parse(text, &path("services/api")).unwrap_err();
    let causes = |error: &PatternsError| match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    errors.iter().map(causes).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_last_line_that_matches_decides() {
    let patterns = patterns("lib/\n!**/*.md\nlib/README.md\n!lib/private/\n");

    assert_eq!(line(&patterns, "lib/a.rs"), Some(1));
    assert_eq!(line(&patterns, "lib/a.md"), None);
    assert_eq!(line(&patterns, "lib/README.md"), Some(3));
    assert_eq!(line(&patterns, "lib/private/README.md"), None);
    assert_eq!(line(&patterns, "other"), None);
}

#[test]
fn any_kind_of_line_can_be_negated() {
    let patterns = patterns("./\n!./docs/\n!^services/api/t\n!services/api/Makefile\n");

    assert_eq!(line(&patterns, "services/api/a"), Some(1));
    assert_eq!(line(&patterns, "services/api/docs/a"), None);
    assert_eq!(line(&patterns, "services/api/tests/a"), None);
    assert_eq!(line(&patterns, "services/api/Makefile"), None);
}

#[test]
fn a_dot_is_the_projects_folder() {
    for text in [".", "./", "./**", "./{a,b}"] {
        assert_eq!(line(&patterns(text), "services/api/a"), Some(1), "{text}");
        assert_eq!(line(&patterns(text), "a"), None, "{text}");
    }
    let at_root = Patterns::parse(b"./src/*.rs", &path("")).unwrap();
    assert_eq!(line(&at_root, "src/a.rs"), Some(1));
}

#[test]
fn a_folders_name_is_no_pattern() {
    let patterns = Patterns::parse(b"./*.c", &path("a[b]{c,*}")).unwrap();

    assert_eq!(line(&patterns, "a[b]{c,*}/x.c"), Some(1));
    assert_eq!(line(&patterns, "abc/x.c"), None);
}

/// Law 7 of the older scripts.
#[test]
fn blank_lines_comments_and_line_ends_are_ignored() {
    let patterns = patterns("\u{feff}# all\r\n\r\n  \t\r\nlib/  \r\n#lib2/\r\n^src/\r\n");

    assert_eq!(patterns.lines().iter().map(Pattern::text).collect::<Vec<_>>(), ["lib/", "^src/"]);
    assert_eq!(line(&patterns, "lib/a"), Some(4));
    assert_eq!(line(&patterns, "src/a"), Some(6));
    assert_eq!(line(&patterns, "docs/a"), None);
}

/// Law 7 of the older scripts.
#[test]
fn a_file_that_takes_nothing_is_an_error() {
    for text in ["", "\n\r\n", "# only words\n", "!lib/\n!^src/"] {
        assert_eq!(
            Patterns::parse(text.as_bytes(), &path("")).unwrap_err(),
            [PatternsError::Empty],
            "{text:?}"
        );
    }
}

#[test]
fn signs_that_begin_a_line_can_be_escaped() {
    for (text, file) in [(r"\#a", "#a"), (r"\!a", "!a"), (r"\^a", "^a"), (r"a\ ", "a "), ("a\\\\ ", r"a\")] {
        assert!(line(&patterns(text), file).is_some(), "{text}");
    }
}

#[test]
fn bytes_that_are_not_text_match_like_others() {
    let patterns = Patterns::parse(b"lib/\xff*\n", &path("")).unwrap();

    assert!(patterns.decide(&RepoPath::new(b"lib/\xff\xfe").unwrap()).is_some());
    assert!(patterns.decide(&RepoPath::new(b"lib/\xfe").unwrap()).is_none());
}

#[test]
fn all_bad_lines_are_reported_at_once() {
    let text = "/lib\n../lib\nlib/../a\na//b\na/./b\n[b\n[z-a]\n[[:alpha:]]\n[a/b]\n{a\na}\na\\\n!\n{a,/b}\n./../x\nlib/\n";

    insta::assert_snapshot!(errors(text.as_bytes()), @r"
    line 1: bad pattern `/lib`: paths begin at the repository root: leave out the leading `/`
    line 2: bad pattern `../lib`: `..` can't be used: paths begin at the repository root, or with `./` at the project's folder
    line 3: bad pattern `lib/../a`: `..` can't be used: paths begin at the repository root, or with `./` at the project's folder
    line 4: bad pattern `a//b`: there is nothing between two `/`
    line 5: bad pattern `a/./b`: `.` can stand for the project's folder only at the beginning
    line 6: bad pattern `[b`: `[` without `]`
    line 7: bad pattern `[z-a]`: a range in brackets ends before it begins
    line 8: bad pattern `[[:alpha:]]`: brackets can hold ASCII characters only, no `/`, and no named class such as `[:alpha:]`
    line 9: bad pattern `[a/b]`: brackets can hold ASCII characters only, no `/`, and no named class such as `[:alpha:]`
    line 10: bad pattern `{a`: `{` without `}`
    line 11: bad pattern `a}`: `}` without `{`
    line 12: bad pattern `a\`: nothing follows the last `\`
    line 13: bad pattern `!`: nothing follows `!`
    line 14: bad pattern `{a,/b}`: paths begin at the repository root: leave out the leading `/`
    line 15: bad pattern `./../x`: `..` can't be used: paths begin at the repository root, or with `./` at the project's folder
    ");
}

#[test]
fn a_bad_expression_is_reported_with_its_line() {
    insta::assert_snapshot!(errors(b"lib/\n^lib/(\n^((a{100}){100}){100}\n^\xff"), @r"
    line 2: bad regular expression `^lib/(`: unclosed group
    line 3: bad regular expression `^((a{100}){100}){100}`: it has more than 2000 characters once its repetitions are written out
    line 4: bad regular expression `^�`: it is not UTF-8
    ");
}

#[test]
fn a_line_without_end_is_an_error() {
    let text = format!("{}\n{}", "a".repeat(MAX_LINE_BYTES), "a".repeat(MAX_LINE_BYTES + 1));

    assert_eq!(
        Patterns::parse(text.as_bytes(), &path("")).unwrap_err(),
        [PatternsError::LineTooLong { line: 2 }]
    );
}

#[test]
fn a_hostile_line_cannot_steer_a_terminal() {
    assert_eq!(patterns("a\x1bb").lines()[0].to_string(), r"a\u{1b}b");
    assert!(!errors(b"a\x1b}\n^\x1b(").contains('\x1b'));
}

#[test]
fn patterns_that_nobody_wrote_take_a_path_a_folder_or_what_a_glob_matches_below_one() {
    let patterns: Patterns = [
        Pattern::of_folder(&path("a*")),
        Pattern::of_path(&path("b?")),
        Pattern::of_glob(&path("[c"), "*.?").unwrap(),
    ]
    .into_iter()
    .collect();

    let taken = patterns.decide(&path("a*/b/c")).unwrap();
    assert_eq!((taken.text(), taken.line()), ("a*/", None));
    for taken in ["b?", "b?/x", "[c/x.y", "[c/x.é"] {
        assert!(patterns.decide(&path(taken)).is_some(), "{taken}");
    }
    for left in ["a*", "ab/c", "bx", "[c/x.yz", "c/x.y"] {
        assert!(patterns.decide(&path(left)).is_none(), "{left}");
    }
    let whole: Patterns = [Pattern::of_folder(&path(""))].into_iter().collect();
    assert!(whole.decide(&path("a")).is_some());
}

#[test]
fn a_list_has_the_lines_it_came_with_and_may_be_empty() {
    let list = Patterns::from_list([("toolchain/**".to_owned(), 7), ("./x".to_owned(), 9)]).unwrap();

    assert_eq!(line(&list, "toolchain/a"), Some(7));
    assert_eq!(line(&list, "x"), Some(9));
    assert!(Patterns::from_list([]).unwrap().lines().is_empty());
    assert!(Patterns::from_list([("/x".to_owned(), 3)]).is_err());
}
