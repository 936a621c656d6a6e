//! Parts of CloudFormation templates.

use crate::pipeline::yaml::{Yaml, table, table_of};

/// A role that a service of AWS assumes.
pub(super) fn role(service: &str, statements: Vec<Yaml>) -> Yaml {
    let policy = |statements| {
        table([("Version", Yaml::Text("2012-10-17".to_owned())), ("Statement", Yaml::List(statements))])
    };
    let trust = table([
        ("Effect", "Allow".into()),
        ("Principal", table([("Service", service.into())])),
        ("Action", "sts:AssumeRole".into()),
    ]);
    let inline = table([("PolicyName", "chinampa".into()), ("PolicyDocument", policy(statements))]);
    let properties =
        table([("AssumeRolePolicyDocument", policy(vec![trust])), ("Policies", Yaml::List(vec![inline]))]);
    resource("AWS::IAM::Role", properties)
}

pub(super) fn statement(actions: &[&str], resource: Yaml) -> Yaml {
    table([("Effect", "Allow".into()), ("Action", actions.to_vec().into()), ("Resource", resource)])
}

pub(super) fn resource(kind: &str, properties: Yaml) -> Yaml {
    table([("Type", kind.into()), ("Properties", properties)])
}

pub(super) fn parameter(kind: &str, description: &str, default: Option<Yaml>) -> Yaml {
    table_of([("Type", Some(kind.into())), ("Description", Some(description.into())), ("Default", default)])
}

pub(super) fn reference(name: &str) -> Yaml {
    table([("Ref", name.into())])
}

pub(super) fn attribute(resource: &str, name: &str) -> Yaml {
    table([("Fn::GetAtt", vec![resource, name].into())])
}

pub(super) fn substituted(text: &str) -> Yaml {
    table([("Fn::Sub", text.into())])
}
