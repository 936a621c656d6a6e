//! What a page shows of an output, against what was printed.
//!
//! `…` stands for the rest of a line or, on a line of its own, for any number of lines. Times, and how many steps the engine had
//! cached, differ from run to run. So do commits and digests, but each that the page shows is one and the same wherever it shows it.

use std::collections::BTreeMap;

use regex::Regex;

/// What differs from run to run, in the text of a page.
const VARIABLE: &str = r"(?<id>\b(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{12}|[0-9a-f]{10})\b)|(?<seconds> *\b\d+\.\d s\b)|(?<cached>\b\d+ of \d+ steps cached)|(?<rest>…)";

/// The commits and digests of a page, each with the one that it stands for.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<String, String>);

impl Ids {
    /// Whether the lines of a page show what was printed.
    pub(super) fn are_shown(&mut self, shown: &[String], printed: &str) -> bool {
        let mut ids = Vec::new();
        let lines: String = shown.iter().map(|line| expression(line, &mut ids)).collect();
        let Some(found) = Regex::new(&format!("^{lines}$")).unwrap().captures(printed) else { return false };
        let found = found.iter().skip(1).map(|id| id.unwrap().as_str());
        ids.iter().zip(found).all(|(shown, printed)| self.stands_for(shown, printed))
    }

    fn stands_for(&mut self, shown: &str, printed: &str) -> bool {
        let is_new = !self.0.contains_key(shown);
        if is_new && self.0.values().any(|other| other == printed) {
            return false;
        }
        self.0.entry(shown.to_owned()).or_insert_with(|| printed.to_owned()) == printed
    }
}

/// What a line of a page allows, its end included. Its ids are groups, and are added to `ids`.
fn expression(line: &str, ids: &mut Vec<String>) -> String {
    if line.trim() == "…" {
        return r"(?:.*\n)*?".to_owned();
    }
    let mut expression = String::new();
    let mut end = 0;
    for found in Regex::new(VARIABLE).unwrap().captures_iter(line) {
        let whole = found.get(0).unwrap();
        expression += &regex::escape(&line[end..whole.start()]);
        end = whole.end();
        if found.name("id").is_some() {
            expression += &format!("([0-9a-f]{{{}}})", whole.len());
            ids.push(whole.as_str().to_owned());
        } else if found.name("seconds").is_some() {
            expression += r" *\d+\.\d s";
        } else if found.name("cached").is_some() {
            let (_, of_how_many) = whole.as_str().split_once(' ').unwrap();
            expression += &format!(r"\d+ {of_how_many}");
        } else {
            expression += ".*";
        }
    }
    expression + &regex::escape(&line[end..]) + r"\n"
}

fn shows(page: &str, printed: &str) -> bool {
    let shown: Vec<String> = page.lines().map(str::to_owned).collect();
    Ids::default().are_shown(&shown, printed)
}

#[test]
fn a_page_shows_what_was_printed_but_for_times_and_ids() {
    let page = "build `api` 0123456789ab\n  …\napi: built in 0.5 s, 0 of 2 steps cached\n  as api:cache-0123456789ab…\n";
    let printed = "build `api` bbbbbbbbbbbb\n  because\n  and\napi: built in 12.0 s, 1 of 2 steps cached\n  as api:cache-bbbbbbbbbbbb99\n";

    assert!(shows(page, printed));
    for (from, to) in [
        ("`api`", "`web`"),
        ("1 of 2", "1 of 3"),
        ("cache-bbbbbbbbbbbb", "cache-cccccccccccc"),
        ("12.0 s", "soon"),
        ("99\n", "99\nmore\n"),
        ("  as", "  it\n  as"),
    ] {
        assert!(!shows(page, &printed.replacen(from, to, 1)), "{from} is {to}");
    }
}

#[test]
fn two_commits_of_a_page_are_two_commits() {
    let same = "bbbbbbbbbb bbbbbbbbbb\n";

    assert!(shows("0123456789 0123456789\n", same));
    assert!(!shows("0123456789 9876543210\n", same));
}
