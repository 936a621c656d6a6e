//! The functions that bake has, as far as their result is the same in each run.

mod collections;
mod format;
mod numbers;
mod text;

use crate::init::evidence::bake::value::{Unknown, Value};

/// Functions whose result is another one each time, or on each machine.
const OF_A_RUN: &[&str] = &[
    "bcrypt",
    "formatdate",
    "formattimestamp",
    "homedir",
    "timeadd",
    "timestamp",
    "unixtimestampparse",
    "uuidv4",
];

type Run = fn(&[Value]) -> Result<Value, Unknown>;

/// A function of bake.
#[derive(Clone, Copy)]
pub(super) struct Function {
    run: Run,
    looks_at: LooksAt,
    arguments: Arguments,
}

/// How much of its arguments has to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LooksAt {
    All,
    /// Which elements there are, but not what they are.
    Shape,
    /// The function decides.
    Itself,
}

#[derive(Clone, Copy)]
enum Arguments {
    Exactly(usize),
    AtLeast(usize),
}

/// The function of that name; `None` where bake has none, or one that is not known here.
pub(super) fn named(name: &str) -> Option<Function> {
    use Arguments::{AtLeast, Exactly};
    use LooksAt::{All, Itself, Shape};
    if OF_A_RUN.contains(&name) {
        let run: Run = |_| Err(Unknown::new("it depends on when and where bake is run"));
        return Some(Function { run, looks_at: Itself, arguments: AtLeast(0) });
    }
    let (run, looks_at, arguments): (Run, LooksAt, Arguments) = match name {
        "absolute" => (numbers::absolute, All, Exactly(1)),
        "add" => (numbers::add, All, Exactly(2)),
        "and" => (numbers::and, Itself, Exactly(2)),
        "basename" => (text::basename, All, Exactly(1)),
        "ceil" => (numbers::ceil, All, Exactly(1)),
        "chomp" => (text::chomp, All, Exactly(1)),
        "chunklist" => (collections::chunklist, Shape, Exactly(2)),
        "coalesce" => (collections::coalesce, Shape, AtLeast(1)),
        "coalescelist" => (collections::coalescelist, Shape, AtLeast(1)),
        "compact" => (collections::compact, All, Exactly(1)),
        "concat" => (collections::concat, Shape, AtLeast(1)),
        "contains" => (collections::contains, All, Exactly(2)),
        "dirname" => (text::dirname, All, Exactly(1)),
        "distinct" => (collections::distinct, All, Exactly(1)),
        "divide" => (numbers::divide, All, Exactly(2)),
        "element" => (collections::element, Shape, Exactly(2)),
        "equal" => (numbers::equal, All, Exactly(2)),
        "flatten" => (collections::flatten, Shape, Exactly(1)),
        "floor" => (numbers::floor, All, Exactly(1)),
        "format" => (format::format, Itself, AtLeast(1)),
        "greaterthan" => (numbers::greater_than, All, Exactly(2)),
        "greaterthanorequalto" => (numbers::greater_than_or_equal, All, Exactly(2)),
        "hasindex" => (collections::hasindex, Shape, Exactly(2)),
        "indent" => (text::indent, All, Exactly(2)),
        "index" => (collections::index, Shape, Exactly(2)),
        "indexof" => (collections::indexof, All, Exactly(2)),
        "int" => (numbers::int, All, Exactly(1)),
        "join" => (format::join, Itself, AtLeast(1)),
        "keys" => (collections::keys, Shape, Exactly(1)),
        "length" => (collections::length, Shape, Exactly(1)),
        "lessthan" => (numbers::less_than, All, Exactly(2)),
        "lessthanorequalto" => (numbers::less_than_or_equal, All, Exactly(2)),
        "lookup" => (collections::lookup, Shape, Exactly(3)),
        "lower" => (text::lower, All, Exactly(1)),
        "max" => (numbers::max, All, AtLeast(1)),
        "merge" => (collections::merge, Shape, AtLeast(0)),
        "min" => (numbers::min, All, AtLeast(1)),
        "modulo" => (numbers::modulo, All, Exactly(2)),
        "multiply" => (numbers::multiply, All, Exactly(2)),
        "negate" => (numbers::negate, All, Exactly(1)),
        "not" => (numbers::not, All, Exactly(1)),
        "notequal" => (numbers::not_equal, All, Exactly(2)),
        "or" => (numbers::or, Itself, Exactly(2)),
        "parseint" => (numbers::parseint, All, Exactly(2)),
        "range" => (collections::range, All, AtLeast(1)),
        "regex" => (text::regex, All, Exactly(2)),
        "regex_replace" => (text::regex_replace, All, Exactly(3)),
        "regexall" => (text::regexall, All, Exactly(2)),
        "replace" => (text::replace, All, Exactly(3)),
        "reverse" => (text::reverse, All, Exactly(1)),
        "reverselist" => (collections::reverselist, Shape, Exactly(1)),
        "sanitize" => (text::sanitize, All, Exactly(1)),
        "slice" => (collections::slice, Shape, Exactly(3)),
        "sort" => (collections::sort, All, Exactly(1)),
        "split" => (text::split, All, Exactly(2)),
        "strlen" => (text::strlen, All, Exactly(1)),
        "substr" => (text::substr, All, Exactly(3)),
        "subtract" => (numbers::subtract, All, Exactly(2)),
        "title" => (text::title, All, Exactly(1)),
        "trim" => (text::trim, All, Exactly(2)),
        "trimprefix" => (text::trimprefix, All, Exactly(2)),
        "trimspace" => (text::trimspace, All, Exactly(1)),
        "trimsuffix" => (text::trimsuffix, All, Exactly(2)),
        "upper" => (text::upper, All, Exactly(1)),
        "values" => (collections::values, Shape, Exactly(1)),
        "zipmap" => (collections::zipmap, Shape, Exactly(2)),
        _ => return None,
    };
    Some(Function { run, looks_at, arguments })
}

impl Function {
    pub(super) fn call(&self, arguments: &[Value]) -> Result<Value, Unknown> {
        let fits = match self.arguments {
            Arguments::Exactly(count) => arguments.len() == count,
            Arguments::AtLeast(count) => arguments.len() >= count,
        };
        if !fits {
            return Err(Unknown::new(format!("a function is called with {} arguments", arguments.len())));
        }
        let unknown = arguments.iter().find_map(|argument| match (self.looks_at, argument) {
            (LooksAt::All, argument) => argument.unknown_part(),
            (LooksAt::Shape, Value::Unknown(unknown)) => Some(unknown),
            _ => None,
        });
        match unknown {
            // What the arguments begin with is not what the result begins with.
            Some(unknown) => Err(Unknown::new(&unknown.why)),
            None => (self.run)(arguments),
        }
    }
}
