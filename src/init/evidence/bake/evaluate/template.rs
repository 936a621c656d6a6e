//! Texts with interpolations and directives in them.

use std::collections::BTreeMap;

use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, Strip, Template};

use super::{Evaluator, Scope};
use crate::init::evidence::bake::value::{Unknown, Value};

/// How far a strip marker reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Text,
    /// Each line of a heredoc is a text of its own.
    Line,
}

/// A template in quotes. One interpolation alone keeps its type.
pub(super) fn quoted(
    evaluator: &mut Evaluator<'_>,
    template: &Template,
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    if let Some(Element::Interpolation(interpolation)) = template.as_single_element() {
        return Ok(evaluator.value(&interpolation.expr, scope));
    }
    render(evaluator, template, scope, Reach::Text).map(Value::from)
}

pub(super) fn heredoc(
    evaluator: &mut Evaluator<'_>,
    template: &Template,
    scope: &Scope<'_>,
) -> Result<Value, Unknown> {
    render(evaluator, template, scope, Reach::Line).map(Value::from)
}

/// The text of a template. If it is not known, its beginning is, up to the first part that is not.
fn render(
    evaluator: &mut Evaluator<'_>,
    template: &Template,
    scope: &Scope<'_>,
    reach: Reach,
) -> Result<String, Unknown> {
    inner(evaluator, template, scope, reach, (false, false))
}

/// `edges` are whether the markers around the template strip its beginning and its end.
fn inner(
    evaluator: &mut Evaluator<'_>,
    template: &Template,
    scope: &Scope<'_>,
    reach: Reach,
    edges: (bool, bool),
) -> Result<String, Unknown> {
    let elements: Vec<&Element> = template.iter().collect();
    let mut text = String::new();
    for (position, element) in elements.iter().enumerate() {
        let part = match element {
            Element::Literal(literal) => {
                let before = position.checked_sub(1).map_or(edges.0, |before| strips_after(elements[before]));
                let after = elements.get(position + 1).map_or(edges.1, |after| strips_before(after));
                Ok(stripped(literal.value(), before, after, reach).to_owned())
            }
            Element::Interpolation(interpolation) => evaluator.value(&interpolation.expr, scope).to_text(),
            Element::Directive(directive) => match &**directive {
                Directive::If(directive) => choose(evaluator, directive, scope, reach),
                Directive::For(directive) => repeat(evaluator, directive, scope, reach),
            },
        };
        match part {
            Ok(part) => {
                evaluator.spend(part.len())?;
                text.push_str(&part);
            }
            Err(Unknown { why, starts }) => {
                let starts = match starts.as_slice() {
                    [] => vec![text],
                    starts => starts.iter().map(|start| format!("{text}{start}")).collect(),
                };
                return Err(Unknown { why, starts });
            }
        }
    }
    Ok(text)
}

fn choose(
    evaluator: &mut Evaluator<'_>,
    directive: &IfDirective,
    scope: &Scope<'_>,
    reach: Reach,
) -> Result<String, Unknown> {
    let start = &directive.if_expr;
    let condition = evaluator.value(&start.cond_expr, scope).to_bool()?;
    let end = directive.endif_expr.strip;
    match (&directive.else_expr, condition) {
        (None, false) => Ok(String::new()),
        (None, true) => {
            inner(evaluator, &start.template, scope, reach, (start.strip.strip_end(), end.strip_start()))
        }
        (Some(other), true) => {
            let edges = (start.strip.strip_end(), other.strip.strip_start());
            inner(evaluator, &start.template, scope, reach, edges)
        }
        (Some(other), false) => {
            let edges = (other.strip.strip_end(), end.strip_start());
            inner(evaluator, &other.template, scope, reach, edges)
        }
    }
}

fn repeat(
    evaluator: &mut Evaluator<'_>,
    directive: &ForDirective,
    scope: &Scope<'_>,
    reach: Reach,
) -> Result<String, Unknown> {
    let each = &directive.for_expr;
    let edges = (each.strip.strip_end(), directive.endfor_expr.strip.strip_start());
    let mut text = String::new();
    for (key, element) in evaluator.value(&each.collection_expr, scope).elements()? {
        evaluator.spend(1 + element.size())?;
        let mut names = BTreeMap::new();
        if let Some(name) = &each.key_var {
            names.insert(name.as_str().to_owned(), key);
        }
        names.insert(each.value_var.as_str().to_owned(), element);
        text.push_str(&inner(evaluator, &each.template, &Scope::within(scope, names), reach, edges)?);
    }
    Ok(text)
}

fn strips_after(element: &Element) -> bool {
    marks(element).is_some_and(|(_, last)| last.strip_end())
}

fn strips_before(element: &Element) -> bool {
    marks(element).is_some_and(|(first, _)| first.strip_start())
}

/// The first and the last marker of what is no literal.
fn marks(element: &Element) -> Option<(Strip, Strip)> {
    match element {
        Element::Literal(_) => None,
        Element::Interpolation(interpolation) => Some((interpolation.strip, interpolation.strip)),
        Element::Directive(directive) => Some(match &**directive {
            Directive::If(directive) => (directive.if_expr.strip, directive.endif_expr.strip),
            Directive::For(directive) => (directive.for_expr.strip, directive.endfor_expr.strip),
        }),
    }
}

fn stripped(literal: &str, before: bool, after: bool, reach: Reach) -> &str {
    let mut rest = literal;
    if before {
        rest = match (reach, rest.split_once('\n')) {
            (Reach::Line, Some((line, next))) if line.trim().is_empty() => next,
            _ => rest.trim_start(),
        };
    }
    if after {
        rest = match (reach, rest.rsplit_once('\n')) {
            (Reach::Line, Some((_, line))) if line.trim().is_empty() && !line.is_empty() => {
                &rest[..rest.len() - line.len()]
            }
            (Reach::Line, Some((lines, ""))) => lines.trim_end_matches([' ', '\t', '\r']),
            _ => rest.trim_end(),
        };
    }
    rest
}
