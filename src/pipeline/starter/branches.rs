//! Patterns for branches as regular expressions, in which CIs say what starts a pipeline.
//!
//! An expression lets more names pass than its pattern where the pattern is unusual: what is generated looks closer.

/// What a CI's expressions have for `*` and `**`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wildcards {
    pub(super) within_slashes: &'static str,
    pub(super) any: &'static str,
}

/// The expression for a name or a pattern, without anchors.
pub(super) fn expression(pattern: &str, wildcards: Wildcards) -> String {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._/+-*".contains(&byte);
    if !pattern.bytes().all(is_usual) {
        return wildcards.any.to_owned();
    }
    let mut expression = String::new();
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let (taken, written) = match letter {
            // It stands for no folder, too.
            '*' if rest.starts_with("**/") => ("**/", format!("({}/)?", wildcards.any)),
            '*' if rest.starts_with("**") => ("**", wildcards.any.to_owned()),
            '*' => ("*", wildcards.within_slashes.to_owned()),
            '.' | '+' => (&rest[..1], format!("\\{letter}")),
            _ => (&rest[..1], letter.to_string()),
        };
        expression += &written;
        rest = &rest[taken.len()..];
    }
    expression
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::config::RefPattern;

    const WILDCARDS: Wildcards = Wildcards { within_slashes: "[^/]*", any: ".*" };

    #[test]
    fn an_expression_lets_pass_what_its_pattern_matches() {
        let names =
            ["main", "mainx", "release/1.2", "release/1x2", "release/a/b", "a/release", "v1.0+3", "v1x0+3"];
        let passed = |pattern: &str| {
            let regex = Regex::new(&format!("^{}$", expression(pattern, WILDCARDS))).unwrap();
            let pattern: RefPattern = pattern.parse().unwrap();
            for name in names {
                assert!(!pattern.matches(name) || regex.is_match(name), "{pattern:?} {name}");
            }
            names.into_iter().filter(|name| regex.is_match(name)).collect::<Vec<_>>().join(" ")
        };

        assert_eq!(passed("main"), "main");
        assert_eq!(passed("release/*"), "release/1.2 release/1x2");
        assert_eq!(passed("release/1.2"), "release/1.2");
        assert_eq!(passed("release/**"), "release/1.2 release/1x2 release/a/b");
        assert_eq!(passed("**/release"), "a/release");
        assert_eq!(passed("v1.0+*"), "v1.0+3");
        assert_eq!(passed("{main,release/?.2}"), names.join(" "));
    }
}
