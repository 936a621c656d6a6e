//! Files that are made to take all time or memory.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{read, read_in};

/// More than the largest file takes, unoptimised and on a busy machine.
const LONGEST: Duration = Duration::from_secs(30);

#[test]
fn hostile_files_end_soon_and_are_said() {
    let deep = format!("target \"a\" {{ context = {}1{} }}\n", "[".repeat(5000), "]".repeat(5000));
    let sum = format!("target \"a\" {{ context = {}1 }}\n", "1 + ".repeat(5000));
    let doubled: String = (1..60)
        .map(|level| format!("variable \"v{level}\" {{ default = \"${{v{0}}}${{v{0}}}\" }}\n", level - 1))
        .collect();
    let doubled =
        format!("variable \"v0\" {{ default = \"xxxxxxxx\" }}\n{doubled}target \"a\" {{ context = v59 }}\n");
    let shared: String = (1..60).map(|level| format!("v{level} = [v{0}, v{0}]\n", level - 1)).collect();
    let shared = format!("v0 = [1]\n{shared}target \"a\" {{ args = {{ A = v59, B = v59 == v59 }} }}\n");
    let nested =
        "target \"a\" { tags = [for a in range(1000): [for b in range(1000): [for c in range(1000): 1]]] }\n";
    let matrix =
        "target \"a\" {\n  name = \"a-${x}-${y}\"\n  matrix = { x = range(1000), y = range(1000) }\n}\n";
    let functions: String = (1..40)
        .map(|level| {
            format!(
                "function \"f{level}\" {{\n params = [x]\n result = concat(f{0}(x), f{0}(x))\n}}\n",
                level - 1
            )
        })
        .collect();
    let functions = format!(
        "function \"f0\" {{\n params = [x]\n result = [x]\n}}\n{functions}target \"a\" {{ tags = f39(\"a\") }}\n"
    );
    let chain: String = (1..3000)
        .map(|level| format!("target \"a{level}\" {{ inherits = [\"a{}\"] }}\n", level - 1))
        .collect();
    let variables: String = (1..3000).map(|level| format!("v{level} = [v{}]\n", level - 1)).collect();
    let variables = format!("v0 = 1\n{variables}target \"a\" {{ context = v2999[0] }}\n");
    let regex = "target \"a\" { context = regex_replace(\"a\", \"((a{1000}){1000}){1000}\", \"\") }\n";
    let replaced =
        format!("target \"a\" {{ context = replace(\"{0}\", \"a\", \"{0}\") }}\n", "a".repeat(50_000));
    let object: String = (0..6_000).map(|key| format!("a{key}=1,")).collect();
    let object = format!("target \"a\" {{ args = {{ {object} }}\n context = X }}\n");
    let large = " ".repeat(1 << 20);
    for (name, text) in [
        ("deep", deep.as_str()),
        ("sum", &sum),
        ("doubled", &doubled),
        ("shared", &shared),
        ("nested", nested),
        ("matrix", matrix),
        ("functions", &functions),
        ("chain", &chain),
        ("variables", &variables),
        ("regex", regex),
        ("replaced", &replaced),
        ("object", &object),
        ("large", &large),
    ] {
        let start = Instant::now();

        let (_, ignored) = read(text);

        assert!(!ignored.is_empty(), "{name}");
        assert!(ignored.iter().all(|note| note.len() < 500), "{name}: {ignored:?}");
        assert!(start.elapsed() < LONGEST, "{name}: {:?}", start.elapsed());
    }
}

/// Pieces of bake files, so that many texts are read past their first letter.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "target \"a\" {\n",
            "variable \"V\" {\n",
            "function \"f\" {\n",
            "group \"g\" {\n",
            "}\n",
            "context = ",
            "args = { A = ",
            "inherits = [\"a\"]\n",
            "matrix = { V = ",
            "name = ",
            "default = ",
            "params = [x]\n",
            "result = ",
            "V",
            "x",
            "f(",
            ")",
            "[",
            "]",
            "[*]",
            ".a",
            "target.a.context",
            "\"",
            "${",
            "%{ if ",
            "}",
            "~}",
            "for x in ",
            "for x, y in ",
            " : ",
            " => ",
            "...",
            " ? ",
            " + ",
            " / ",
            " == ",
            "-",
            "!",
            "1",
            "0.5",
            "null",
            "true",
            "<<EOT\n",
            "\nEOT\n",
            ",",
            "\n",
            "substr(",
            "format(\"%5d\", ",
            "range(",
            "slice(",
            "element(",
            "\u{e9}",
            "\\",
            "9999999999999999999",
            "#",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_in_a_moment(text in text(), name in "docker-bake\\.(hcl|json)") {
        let start = Instant::now();

        read_in("", &[(&name, &text)], &[]);

        prop_assert!(start.elapsed() < LONGEST);
    }
}
