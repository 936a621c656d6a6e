//! Expressions that nobody wrote, each valid for bake.

use proptest::prelude::*;
use proptest::strategy::BoxedStrategy;

/// How deep expressions lie in each other.
const DEPTH: usize = 4;

/// Variables that the expressions use.
pub(super) const VARIABLES: &str = r#"
variable "TEXT" { default = "v1.2-Beta" }
variable "NUMBER" { default = 7 }
variable "FLAG" { default = true }
variable "LIST" { default = ["b", "a.c", "", "b"] }
variable "OBJECT" { default = { one = "1", two = "zwei" } }
function "wrapped" {
  params = [inner]
  result = "<${inner}>"
}
"#;

/// A text of an expression whose value is a text.
pub(super) fn text() -> BoxedStrategy<String> {
    texts(DEPTH)
}

fn any_of(expressions: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    proptest::strategy::Union::new(expressions).boxed()
}

/// Puts expressions into the places of a pattern, which are marked `@`.
fn filled(pattern: &'static str, parts: Vec<BoxedStrategy<String>>) -> BoxedStrategy<String> {
    let fill = move |parts: Vec<String>| {
        let mut pieces = pattern.split('@');
        let first = pieces.next().unwrap_or_default().to_owned();
        parts.iter().zip(pieces).fold(first, |text, (part, piece)| text + part + piece)
    };
    parts.prop_map(fill).boxed()
}

fn texts(depth: usize) -> BoxedStrategy<String> {
    let written =
        ["\"\"", "\"a\"", "\"A b\"", "\"x.y-1\"", "\"a$b\"", "TEXT", "OBJECT.one", "OBJECT[\"two\"]"];
    let leaf = prop::sample::select(written.to_vec()).prop_map(str::to_owned).boxed();
    let Some(depth) = depth.checked_sub(1) else { return leaf };
    let (text, number, flag, list) = (texts(depth), numbers(depth), flags(depth), lists(depth));
    let one = |pattern, part: &BoxedStrategy<String>| filled(pattern, vec![part.clone()]);
    let two = |pattern, first: &BoxedStrategy<String>, second: &BoxedStrategy<String>| {
        filled(pattern, vec![first.clone(), second.clone()])
    };
    any_of(vec![
        leaf,
        two("\"${@}-${@}\"", &text, &number),
        one("\"${@}\"", &text),
        one("\"%{ if @ }yes%{ else }no%{ endif }\"", &flag),
        one("\"%{ for each in @ }[${each}]%{ endfor }\"", &list),
        filled("(@ ? @ : @)", vec![flag.clone(), text.clone(), text.clone()]),
        filled("(@ ? @ : @)", vec![flag.clone(), number.clone(), text.clone()]),
        one("lower(@)", &text),
        one("upper(@)", &text),
        one("title(@)", &text),
        one("trimspace(@)", &text),
        one("wrapped(@)", &text),
        one("reverse(@)", &text),
        two("trimprefix(@, @)", &text, &text),
        two("trimsuffix(@, @)", &text, &text),
        two("trim(@, @)", &text, &text),
        filled("replace(@, @, @)", vec![text.clone(), text.clone(), text.clone()]),
        one("regex_replace(@, \"[a-z.]+\", \"_\")", &text),
        two("join(@, @)", &text, &list),
        two("format(\"%s=%v\", @, @)", &text, &number),
        two("coalesce(null, @, @)", &text, &text),
        two("substr(@, 0, absolute@)", &text, &number),
        one("concat(@, [\"z\"])[0]", &list),
        one("element(concat(@, [\"z\"]), 5)", &list),
        one("lookup(OBJECT, @, \"none\")", &text),
        one("try([][0], @)", &text),
    ])
}

fn numbers(depth: usize) -> BoxedStrategy<String> {
    let written = ["(0)", "(1)", "(12)", "(NUMBER)", "(-3)"];
    let leaf = prop::sample::select(written.to_vec()).prop_map(str::to_owned).boxed();
    let Some(depth) = depth.checked_sub(1) else { return leaf };
    let (text, number, list, flag) = (texts(depth), numbers(depth), lists(depth), flags(depth));
    let pair = vec![number.clone(), number.clone()];
    any_of(vec![
        leaf,
        filled("(@ + @)", pair.clone()),
        filled("(@ - @)", pair.clone()),
        filled("(@ * @)", pair.clone()),
        filled("(max(@, @))", pair.clone()),
        filled("(min(@, @))", pair.clone()),
        filled("(@ ? @ : @)", vec![flag, number.clone(), number.clone()]),
        filled("(length(@))", vec![list]),
        filled("(strlen(@))", vec![text]),
        filled("(absolute(@))", vec![number]),
    ])
}

fn flags(depth: usize) -> BoxedStrategy<String> {
    let leaf = prop::sample::select(vec!["true", "false", "FLAG", "!FLAG"]).prop_map(str::to_owned).boxed();
    let Some(depth) = depth.checked_sub(1) else { return leaf };
    let (text, number, list, flag) = (texts(depth), numbers(depth), lists(depth), flags(depth));
    any_of(vec![
        leaf,
        filled("(@ == @)", vec![text.clone(), text.clone()]),
        filled("(@ != @)", vec![text.clone(), number.clone()]),
        filled("(@ < @)", vec![number.clone(), number.clone()]),
        filled("(@ >= @)", vec![number.clone(), number]),
        filled("(@ && @)", vec![flag.clone(), flag.clone()]),
        filled("(@ || @)", vec![flag.clone(), flag.clone()]),
        filled("not(@)", vec![flag]),
        filled("notequal(@, @)", vec![text.clone(), text.clone()]),
        filled("contains(concat(@, [\"z\"]), @)", vec![list.clone(), text]),
        filled("(@ == @)", vec![list.clone(), list]),
    ])
}

/// Lists of texts.
fn lists(depth: usize) -> BoxedStrategy<String> {
    let leaf = prop::sample::select(vec!["[]", "LIST", "[\"p\", \"q\"]"]).prop_map(str::to_owned).boxed();
    let Some(depth) = depth.checked_sub(1) else { return leaf };
    let (text, list) = (texts(depth), lists(depth));
    any_of(vec![
        leaf,
        filled("[@, @]", vec![text.clone(), text.clone()]),
        filled("concat(@, @)", vec![list.clone(), list.clone()]),
        filled("[for each in @ : \"${each}!\"]", vec![list.clone()]),
        filled("[for index, each in @ : \"${index}${each}\" if each != @]", vec![list.clone(), text.clone()]),
        filled("[for key, value in OBJECT : \"${key}=${value}\"]", Vec::new()),
        filled("split(\".\", @)", vec![text.clone()]),
        filled("distinct(concat(@, [\"b\"]))", vec![list.clone()]),
        filled("compact(concat(@, [\"b\"]))", vec![list.clone()]),
        filled("sort(concat(@, [\"b\"]))", vec![list.clone()]),
        filled("reverselist(concat(@, [\"b\"]))", vec![list.clone()]),
        filled("flatten([@, [@]])", vec![list.clone(), text]),
        filled("keys(merge(OBJECT, { three = @ }))", vec![list.clone()]),
        filled("concat(@, [\"w\"])[*]", vec![list]),
    ])
}
