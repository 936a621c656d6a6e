//! What the files of one Terraform folder say that a deployment has to know: where the state is kept,
//! which local modules are used, which files are read, what is created.
//!
//! Doubt widens: a path that can't be told from the text counts as one that leads elsewhere.

use std::collections::BTreeSet;

use hcl_edit::expr::{Expression, FuncCall, Traversal, TraversalOperator};
use hcl_edit::structure::{Attribute, Block, Body};
use hcl_edit::template::{Element, StringTemplate};
use hcl_edit::visit::{self, Visit};
use serde_json::Value;

use super::OwnedAttribute;
use super::terraform_state::S3State;
use crate::model::RepoPath;

/// The largest file that is read.
const MAX_FILE_BYTES: usize = 1 << 20;

/// The functions whose first argument is a path.
const PATH_FUNCTIONS: &[&str] = &[
    "abspath",
    "file",
    "filebase64",
    "filebase64sha256",
    "filebase64sha512",
    "fileexists",
    "filemd5",
    "fileset",
    "filesha1",
    "filesha256",
    "filesha512",
    "pathexpand",
    "templatefile",
];

/// What the files of one folder say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    /// The kinds of backends of its `terraform` blocks; `cloud` for such a block.
    pub(super) backends: BTreeSet<String>,
    /// Those of override files, which replace the others.
    pub(super) overriding_backends: BTreeSet<String>,
    /// Where the backend `s3` keeps the state.
    pub(super) s3: Option<S3State>,
    /// The local sources of modules, as they are written.
    pub(super) modules: BTreeSet<String>,
    /// Whether modules come from elsewhere, so that what they create can't be told.
    pub(super) has_remote_modules: bool,
    /// The paths that are used, as far as the text says them.
    pub(super) paths: BTreeSet<UsedPath>,
    /// The first use of a path that can't be told from the text.
    pub(super) unknown_path: Option<String>,
    /// What it sets that deployments may set, too.
    pub(super) owned: Vec<OwnedAttribute>,
    /// The types of its resources.
    pub(super) resources: BTreeSet<String>,
    /// Whether there are files whose resources are not among those.
    pub(super) is_unread: bool,
}

/// A path in the text of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UsedPath {
    /// From the folder of the file.
    OfModule(String),
    /// From the folder that Terraform is run in.
    OfRoot(String),
}

impl Configuration {
    /// Whether a file of this name says anything.
    pub(super) fn is_read(name: &str) -> bool {
        [".tf", ".tfvars", ".tf.json", ".tfvars.json"].iter().any(|end| name.ends_with(end))
    }

    /// Adds what a file says; `name` is the last component of its path.
    pub(super) fn add(&mut self, path: &RepoPath, name: &str, text: &[u8]) {
        let is_json = name.ends_with(".json");
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_FILE_BYTES);
        let is_override = {
            let stem = name.split('.').next().unwrap_or_default();
            stem == "override" || stem.ends_with("_override")
        };
        let backends = if is_override { &mut self.overriding_backends } else { &mut self.backends };
        match text {
            Some(text) if is_json => {
                if let Ok(document) = serde_json::from_str::<Value>(text) {
                    backends.extend(json_backends(&document));
                    self.s3 = S3State::of_json(&document).or(self.s3.take());
                }
                // Expressions in JSON are texts of their own, which nobody reads here.
                self.leave_unread(format!("`{name}` is JSON"));
            }
            Some(text) => match hcl_edit::parser::parse_body(text) {
                Ok(body) => {
                    backends.extend(hcl_backends(&body));
                    self.s3 = S3State::of_hcl(&body).or(self.s3.take());
                    self.owned.extend(OwnedAttribute::find(path, text, &body));
                    Reader { configuration: self, file: name, function_depth: 0 }.visit_body(&body);
                }
                Err(_) => self.leave_unread(format!("`{name}` can't be read")),
            },
            None => self.leave_unread(format!("`{name}` is not text of at most {MAX_FILE_BYTES} bytes")),
        }
    }

    /// The kind of the backend that counts.
    pub(super) fn backend(&self) -> Option<&str> {
        let counting =
            if self.overriding_backends.is_empty() { &self.backends } else { &self.overriding_backends };
        counting.first().map(String::as_str)
    }

    /// Notes a file that says things which are not known here.
    pub(super) fn leave_unread(&mut self, why: String) {
        self.is_unread = true;
        self.lead_elsewhere(why);
    }

    fn lead_elsewhere(&mut self, why: String) {
        self.unknown_path.get_or_insert(why);
    }
}

fn hcl_backends(body: &Body) -> impl Iterator<Item = String> {
    let blocks = body.get_blocks("terraform").flat_map(|terraform| terraform.body.blocks());
    blocks.filter_map(|block| match block.ident.as_str() {
        "cloud" => Some("cloud".to_owned()),
        "backend" => block.labels.first().map(|label| label.as_str().to_owned()),
        _ => None,
    })
}

/// As the JSON syntax writes blocks: an object, or an array of objects.
fn json_backends(document: &Value) -> Vec<String> {
    let blocks = |value: &Value| match value {
        Value::Array(blocks) => blocks.clone(),
        block => vec![block.clone()],
    };
    let mut found = Vec::new();
    for terraform in document.get("terraform").map(blocks).unwrap_or_default() {
        if terraform.get("cloud").is_some() {
            found.push("cloud".to_owned());
        }
        for backend in terraform.get("backend").map(blocks).unwrap_or_default() {
            found.extend(backend.as_object().into_iter().flat_map(|backend| backend.keys().cloned()));
        }
    }
    found
}

struct Reader<'r> {
    configuration: &'r mut Configuration,
    file: &'r str,
    /// How many calls of functions the expression is in.
    function_depth: usize,
}

impl Reader<'_> {
    fn unknown(&mut self, what: &str) {
        let file = self.file;
        self.configuration.lead_elsewhere(format!("`{file}` {what}"));
    }

    fn uses(&mut self, path: UsedPath) {
        self.configuration.paths.insert(path);
    }

    fn module_source(&mut self, source: &Expression) {
        match source {
            Expression::String(source) if source.starts_with("./") || source.starts_with("../") => {
                self.configuration.modules.insert(source.as_str().to_owned());
            }
            Expression::String(source) if source.starts_with('/') || source.starts_with("file:") => {
                self.unknown("has a module that is no part of the repository");
            }
            Expression::String(_) => self.configuration.has_remote_modules = true,
            _ => self.unknown("has a module whose source is computed"),
        }
    }

    /// A path that is written out, in one of the forms that are understood.
    fn known_path(expression: &Expression) -> Option<UsedPath> {
        match expression {
            Expression::String(path) if !path.starts_with(['/', '~']) => {
                Some(UsedPath::OfRoot(path.as_str().to_owned()))
            }
            Expression::StringTemplate(template) => template_path(template),
            Expression::Traversal(traversal) => path_base(traversal).map(|base| from_base(base, "")),
            Expression::Parenthesis(inner) => Self::known_path(inner.inner()),
            _ => None,
        }
    }

    /// A text that may be a path which leaves its folder.
    fn text(&mut self, text: &str) {
        let climbs = text == ".." || text.contains("../") || text.ends_with("/..");
        if climbs && text.contains(char::is_whitespace) {
            self.unknown("has a text that leads out of the folder");
        } else if climbs {
            self.uses(UsedPath::OfRoot(text.to_owned()));
        }
    }
}

impl Visit for Reader<'_> {
    fn visit_block(&mut self, block: &Block) {
        match (block.ident.as_str(), block.labels.first()) {
            ("resource", Some(kind)) => {
                self.configuration.resources.insert(kind.as_str().to_owned());
            }
            ("module", Some(_)) => {
                if let Some(source) = block.body.get_attribute("source") {
                    self.module_source(&source.value);
                }
                let others = block.body.iter().filter(|structure| {
                    structure.as_attribute().is_none_or(|attribute| attribute.key.as_str() != "source")
                });
                others.for_each(|structure| self.visit_structure(structure));
                return;
            }
            _ => {}
        }
        visit::visit_block(self, block);
    }

    fn visit_attr(&mut self, attribute: &Attribute) {
        // Texts for people are no paths.
        if attribute.key.as_str() != "description" {
            visit::visit_attr(self, attribute);
        }
    }

    fn visit_expr(&mut self, expression: &Expression) {
        match expression {
            Expression::String(text) => self.text(text),
            Expression::StringTemplate(template) => match template_path(template) {
                Some(path) => self.uses(path),
                None => visit::visit_expr(self, expression),
            },
            Expression::Traversal(traversal) if path_base(traversal).is_some() => {
                if self.function_depth > 0 {
                    self.unknown("computes a path");
                }
            }
            _ => visit::visit_expr(self, expression),
        }
    }

    fn visit_func_call(&mut self, call: &FuncCall) {
        let is_of_path = !call.name.is_namespaced() && PATH_FUNCTIONS.contains(&call.name.name.as_str());
        let mut arguments = call.args.iter();
        if is_of_path {
            match arguments.next().and_then(Self::known_path) {
                Some(path) => self.uses(path),
                None => self.unknown("reads a file whose path is computed"),
            }
        }
        self.function_depth += 1;
        arguments.for_each(|argument| self.visit_expr(argument));
        self.function_depth -= 1;
    }

    fn visit_element(&mut self, element: &Element) {
        match element {
            Element::Literal(text) => self.text(text),
            Element::Interpolation(interpolation) => {
                // What stands beside it in the text goes on from it in ways that were not understood.
                self.function_depth += 1;
                visit::visit_interpolation(self, interpolation);
                self.function_depth -= 1;
            }
            Element::Directive(_) => visit::visit_element(self, element),
        }
    }
}

/// `"${path.module}/templates/a"`: nothing but where it begins is filled in.
fn template_path(template: &StringTemplate) -> Option<UsedPath> {
    let mut elements = template.iter();
    let Some(Element::Interpolation(first)) = elements.next() else { return None };
    let Expression::Traversal(traversal) = &first.expr else { return None };
    let base = path_base(traversal)?;
    let mut rest = String::new();
    for element in elements {
        rest.push_str(element.as_literal()?);
    }
    Some(from_base(base, rest.trim_start_matches('/')))
}

fn from_base(base: &str, rest: &str) -> UsedPath {
    if base == "module" { UsedPath::OfModule(rest.to_owned()) } else { UsedPath::OfRoot(rest.to_owned()) }
}

/// What stands behind `path.`: `module`, `root`, `cwd`.
fn path_base(traversal: &Traversal) -> Option<&str> {
    match (&traversal.expr, &traversal.operators[..]) {
        (Expression::Variable(variable), [operator]) if variable.as_str() == "path" => {
            match operator.value() {
                TraversalOperator::GetAttr(name) => Some(name.as_str()),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Configuration {
        let mut configuration = Configuration::default();
        let read = files.iter().filter(|(name, _)| Configuration::is_read(name));
        read.for_each(|(name, text)| {
            configuration.add(&RepoPath::new(*name).unwrap(), name, text.as_bytes());
        });
        configuration
    }

    fn of_main(text: &str) -> Configuration {
        read(&[("main.tf", text)])
    }

    #[test]
    fn a_backend_is_found_in_every_form_and_an_override_replaces_it() {
        for (files, expected) in [
            (vec![("main.tf", "terraform {\n  backend \"s3\" {}\n}")], Some("s3")),
            (vec![("main.tf", ""), ("state.tf", "terraform {\n  cloud {}\n}")], Some("cloud")),
            (vec![("main.tf", "# backend \"s3\" {}\nterraform {}")], None),
            (vec![("main.tf", "locals {\n  a = <<E\nterraform { backend \"s3\" {} }\nE\n}")], None),
            (vec![("b.tf.json", r#"{"terraform":{"backend":{"gcs":{}}}}"#)], Some("gcs")),
            (vec![("b.tf.json", r#"{"terraform":[{"backend":[{"gcs":{}}]}]}"#)], Some("gcs")),
            (
                vec![
                    ("main.tf", "terraform {\n  backend \"s3\" {}\n}"),
                    ("backend_override.tf", "terraform {\n  backend \"local\" {}\n}"),
                ],
                Some("local"),
            ),
            (vec![("notes.txt", "terraform {\n  backend \"s3\" {}\n}")], None),
        ] {
            assert_eq!(read(&files).backend(), expected, "{files:?}");
        }
    }

    #[test]
    fn paths_that_are_written_out_are_known() {
        let configuration = of_main(
            r#"
            locals {
              a = file("a.txt")
              b = templatefile("${path.module}/b.tpl", { x = var.x })
              c = "${path.root}/../c"
              d = fileset(path.module, "*.json")
              e = "${path.module}"
            }
            variable "x" { description = "see ../README" }
            module "m" { source = "../../modules/m" }
            module "n" { source = "hashicorp/consul/aws" }
            resource "aws_ecs_service" "it" { working_dir = path.module }
            "#,
        );

        let of_root = |path: &str| UsedPath::OfRoot(path.to_owned());
        let of_module = |path: &str| UsedPath::OfModule(path.to_owned());
        assert_eq!(
            configuration.paths,
            [of_root("a.txt"), of_root("../c"), of_module("b.tpl"), of_module("")].into()
        );
        assert_eq!(configuration.modules, ["../../modules/m".to_owned()].into());
        assert!(configuration.has_remote_modules);
        assert_eq!(configuration.resources, ["aws_ecs_service".to_owned()].into());
        assert_eq!(configuration.unknown_path, None);
    }

    #[test]
    fn paths_that_can_t_be_told_are_said() {
        for text in [
            "locals { a = file(var.path) }",
            "locals { a = file(\"${path.module}/${each.key}.json\") }",
            "locals { a = templatefile(join(\"/\", [path.module, \"a\"]), {}) }",
            "locals { a = format(\"%s/x\", path.module) }",
            "locals { a = \"${path.module}/${var.x}\" }",
            "locals { a = file(\"/etc/passwd\") }",
            "locals { a = pathexpand(\"~/x\") }",
            "locals { a = \"cd ../x && make\" }",
            "module \"m\" { source = \"/elsewhere\" }",
            "module \"m\" { source = var.source }",
            "resource {",
        ] {
            assert!(of_main(text).unknown_path.is_some(), "{text}");
        }
        for text in ["locals { a = \"${var.x}-1\" }", "locals { a = jsonencode({ b = var.c }) }"] {
            assert_eq!(of_main(text).unknown_path, None, "{text}");
        }
    }
}
