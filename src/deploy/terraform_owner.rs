//! What Terraform and a deployment both set: the image that a service runs.
//!
//! An apply sets it back to what Terraform knows, just before the service is updated: for a moment production runs the
//! image of another time. `ignore_changes` leaves it to the deployment.

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body};

use crate::config::{EcsScheduled, Service};
use crate::model::RepoPath;

/// An attribute of a resource that Terraform sets and does not ignore.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedAttribute {
    pub file: RepoPath,
    /// From 1.
    pub line: usize,
    /// Such as `aws_ecs_service`.
    pub kind: &'static str,
    pub name: String,
    pub attribute: &'static str,
}

/// The attributes that deployments set, by the type of the resource.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("aws_apprunner_service", "source_configuration"),
    ("aws_cloudwatch_event_target", "ecs_target"),
    ("aws_ecs_express_gateway_service", "primary_container"),
    ("aws_ecs_service", "task_definition"),
    ("aws_ecs_task_definition", "container_definitions"),
    ("aws_lambda_alias", "function_version"),
    ("aws_lambda_function", "image_uri"),
    ("aws_scheduler_schedule", "target"),
];

/// The types of the resources whose attribute a deployment of this service sets.
fn kinds_of(service: &Service) -> &'static [&'static str] {
    match service {
        Service::Ecs { .. } => &["aws_ecs_service"],
        Service::EcsExpress(_) => &["aws_ecs_express_gateway_service"],
        // The newest revision of the family is the one that is started.
        Service::EcsTask(_) | Service::EcsScheduled(EcsScheduled::Family(_)) => &["aws_ecs_task_definition"],
        Service::EcsScheduled(EcsScheduled::Schedule { .. }) => &["aws_scheduler_schedule"],
        Service::EcsScheduled(EcsScheduled::Rule { .. }) => &["aws_cloudwatch_event_target"],
        Service::Lambda { alias: None, .. } => &["aws_lambda_function"],
        Service::Lambda { alias: Some(_), .. } => &["aws_lambda_alias", "aws_lambda_function"],
        Service::AppRunner(_) => &["aws_apprunner_service"],
        Service::Command { .. } => &[],
    }
}

impl OwnedAttribute {
    /// Whether a deployment of this service sets it, too.
    pub fn is_set_by(&self, service: &Service) -> bool {
        kinds_of(service).contains(&self.kind)
    }

    /// What is wrong, and what helps.
    pub fn warning(&self) -> String {
        let Self { kind, name, attribute, .. } = self;
        format!(
            "each apply sets `{attribute}` of `{kind}.{name}` back to what Terraform knows, before the deployment sets it: \
             `lifecycle {{ ignore_changes = [{attribute}] }}` leaves it to the deployment"
        )
    }

    /// All of them in a file.
    pub(super) fn find(file: &RepoPath, text: &str, body: &Body) -> Vec<Self> {
        let resources = body.get_blocks("resource");
        let owned = resources.filter_map(|block| {
            let [kind, name] = block.labels.as_slice() else { return None };
            let (kind, attribute) = ATTRIBUTES.iter().find(|(known, _)| *known == kind.as_str())?;
            if !is_set(block, attribute) || ignores(block, attribute) {
                return None;
            }
            let offset = block.span().map_or(0, |span| span.start);
            let line = text[..offset].matches('\n').count() + 1;
            Some(Self { file: file.clone(), line, kind, name: name.as_str().to_owned(), attribute })
        });
        owned.collect()
    }
}

/// Whether a resource says it, as an attribute or a block.
fn is_set(resource: &Block, attribute: &str) -> bool {
    resource.body.has_attribute(attribute) || resource.body.has_blocks(attribute)
}

/// Whether `ignore_changes` has the attribute, or a part of it.
fn ignores(resource: &Block, attribute: &str) -> bool {
    let lifecycles = resource.body.get_blocks("lifecycle");
    let ignored = lifecycles.filter_map(|lifecycle| lifecycle.body.get_attribute("ignore_changes"));
    ignored.into_iter().any(|ignored| match &ignored.value {
        Expression::Array(listed) => listed.iter().any(|listed| root(listed) == Some(attribute)),
        all => root(all) == Some("all"),
    })
}

/// The first name of `source_configuration[0].image_repository`.
fn root(expression: &Expression) -> Option<&str> {
    match expression {
        Expression::Variable(name) => Some(name.as_str()),
        Expression::Traversal(traversal) => root(&traversal.expr),
        // As it was written before Terraform 0.12.
        Expression::String(text) => text.as_str().split(['.', '[']).next(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> Vec<String> {
        let file = RepoPath::new("api/terraform/main.tf").unwrap();
        let found = OwnedAttribute::find(&file, text, &hcl_edit::parser::parse_body(text).unwrap());
        found.iter().map(|it| format!("{}: {}.{} {}", it.line, it.kind, it.name, it.attribute)).collect()
    }

    #[test]
    fn an_attribute_that_is_set_and_not_ignored_is_owned() {
        let text = r#"
            # A comment.
            resource "aws_ecs_service" "api" {
              task_definition = aws_ecs_task_definition.api.arn
            }
            resource "aws_lambda_function" "api" {
              image_uri = var.image
              lifecycle { ignore_changes = [environment] }
            }
            resource "aws_apprunner_service" "api" {
              source_configuration { auto_deployments_enabled = false }
            }
            resource "aws_lambda_function" "zip" { filename = "a.zip" }
            resource "aws_s3_bucket" "b" { task_definition = "x" }
        "#;

        let expected = [
            "3: aws_ecs_service.api task_definition",
            "6: aws_lambda_function.api image_uri",
            "10: aws_apprunner_service.api source_configuration",
        ];
        assert_eq!(find(text), expected);
    }

    #[test]
    fn ignore_changes_is_understood_in_every_form() {
        for ignored in [
            "[task_definition]",
            "[desired_count, task_definition]",
            "[\"task_definition\"]",
            "[task_definition[0].a]",
            "all",
        ] {
            let text = format!(
                "resource \"aws_ecs_service\" \"a\" {{\n  task_definition = \"x\"\n  lifecycle {{\n    ignore_changes = {ignored}\n  }}\n}}"
            );
            assert_eq!(find(&text), [""; 0], "{ignored}");
        }
    }

    #[test]
    fn each_kind_of_service_has_its_resource() {
        let kinds: Vec<&str> = ATTRIBUTES.iter().map(|(kind, _)| *kind).collect();
        let lambda = |alias: Option<&str>| Service::Lambda {
            name: "a".parse().unwrap(),
            alias: alias.map(|alias| alias.parse().unwrap()),
        };

        assert!(kinds_of(&lambda(None)).iter().all(|kind| kinds.contains(kind)));
        let owned = OwnedAttribute {
            file: RepoPath::new("a").unwrap(),
            line: 1,
            kind: "aws_lambda_alias",
            name: "live".to_owned(),
            attribute: "function_version",
        };
        assert!(owned.is_set_by(&lambda(Some("live"))) && !owned.is_set_by(&lambda(None)));
    }
}
