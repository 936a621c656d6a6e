//! Decides about requests as IAM does, as far as the policies of this program go ("Policy evaluation logic", IAM User Guide).

use std::collections::BTreeMap;

use serde_json::Value;

/// What is known of a request, by the keys of conditions.
pub(crate) type Context = BTreeMap<&'static str, Vec<String>>;

/// What a statement allows or denies.
#[derive(Clone, Debug)]
struct Statement {
    is_denial: bool,
    principals: Vec<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    /// Operator, key, and the values of which one has to fit.
    conditions: Vec<(String, String, Vec<String>)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Policy(Vec<Statement>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    Denied,
    /// No statement is about it.
    Open,
}

impl Policy {
    pub(crate) fn read(document: &Value) -> Self {
        assert_eq!(document["Version"], "2012-10-17", "{document}");
        let statements = document["Statement"].as_array().unwrap_or_else(|| panic!("{document}"));
        let statements: Vec<Statement> = statements.iter().map(Statement::read).collect();
        let mut sids: Vec<&str> =
            document["Statement"].as_array().unwrap().iter().map(|it| it["Sid"].as_str().unwrap()).collect();
        sids.sort_unstable();
        assert!(sids.windows(2).all(|pair| pair[0] != pair[1]), "a Sid is there twice: {document:#}");
        Self(statements)
    }

    /// The actions that it allows somewhere.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &String> {
        self.0.iter().filter(|statement| !statement.is_denial).flat_map(|statement| &statement.actions)
    }

    pub(crate) fn decide(&self, action: &str, resource: &str, context: &Context) -> Decision {
        let about = |statement: &&Statement| {
            statement.actions.iter().any(|pattern| matches(pattern, action))
                && statement.resources.iter().any(|pattern| matches(pattern, resource))
                && statement.holds(context)
        };
        decision(self.0.iter().filter(about))
    }

    /// For the policy of a role: whether somebody may assume it.
    pub(crate) fn trusts(&self, principals: &[String], context: &Context) -> bool {
        let about = |statement: &&Statement| {
            statement.actions.iter().any(|action| action == "sts:AssumeRole")
                && statement.principals.iter().any(|it| principals.contains(it))
                && statement.holds(context)
        };
        decision(self.0.iter().filter(about)) == Decision::Allowed
    }
}

fn decision<'s>(statements: impl Iterator<Item = &'s Statement>) -> Decision {
    let mut decision = Decision::Open;
    for statement in statements {
        if statement.is_denial {
            return Decision::Denied;
        }
        decision = Decision::Allowed;
    }
    decision
}

impl Statement {
    fn read(statement: &Value) -> Self {
        for key in statement.as_object().unwrap().keys() {
            let known = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
            assert!(known.contains(&key.as_str()), "{statement:#}");
        }
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        let conditions = conditions.flat_map(|(operator, keys)| {
            let keys = keys.as_object().unwrap().iter();
            keys.map(move |(key, value)| (operator.clone(), key.clone(), texts(value)))
        });
        Self {
            is_denial: match statement["Effect"].as_str() {
                Some("Allow") => false,
                Some("Deny") => true,
                _ => panic!("{statement:#}"),
            },
            principals: texts(&statement["Principal"]["AWS"]),
            actions: texts(&statement["Action"]),
            resources: texts(&statement["Resource"]),
            conditions: conditions.collect(),
        }
    }

    fn holds(&self, context: &Context) -> bool {
        self.conditions.iter().all(|(operator, key, values)| {
            let Some(there) = context.get(key.as_str()) else { return false };
            let fits = |value: &String| match operator.as_str() {
                "StringEquals" | "ForAnyValue:StringEquals" => values.contains(value),
                "StringLike" | "ArnEquals" | "ArnLike" => {
                    values.iter().any(|pattern| matches(pattern, value))
                }
                other => panic!("the operator `{other}` is not known here"),
            };
            match operator.starts_with("ForAnyValue:") {
                true => there.iter().any(fits),
                false => !there.is_empty() && there.iter().all(fits),
            }
        })
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(texts) => texts.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        other => panic!("{other}"),
    }
}

/// `*` stands for anything, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (Some(first), rest) = (pattern.chars().next(), pattern.chars().as_str()) else {
        return text.is_empty();
    };
    let rest = &rest[first.len_utf8()..];
    match first {
        '*' => {
            (0..=text.len()).filter(|end| text.is_char_boundary(*end)).any(|end| matches(rest, &text[end..]))
        }
        '?' => text.chars().next().is_some_and(|letter| matches(rest, &text[letter.len_utf8()..])),
        letter => text.strip_prefix(letter).is_some_and(|text| matches(rest, text)),
    }
}

#[test]
fn a_request_is_allowed_by_a_statement_about_it_and_denied_by_any() {
    let policy = Policy::read(&serde_json::json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "A", "Effect": "Allow", "Action": ["ecr:Get*", "ecr:PutImage"], "Resource": "arn:aws:ecr:*:1:repository/shop/*" },
        { "Sid": "B", "Effect": "Deny", "Action": "ecr:*", "Resource": "arn:aws:ecr:*:1:repository/shop/unprotected/*" },
        { "Sid": "C", "Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
          "Condition": { "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } } },
    ] }));
    let decide = |action: &str, resource: &str, service: Option<&str>| {
        let context = service.map(|it| ("iam:PassedToService", vec![it.to_owned()])).into_iter().collect();
        policy.decide(action, resource, &context)
    };

    assert_eq!(decide("ecr:PutImage", "arn:aws:ecr:x:1:repository/shop/api", None), Decision::Allowed);
    assert_eq!(decide("ecr:PutImage", "arn:aws:ecr:x:1:repository/web", None), Decision::Open);
    assert_eq!(
        decide("ecr:PutImage", "arn:aws:ecr:x:1:repository/shop/unprotected/api", None),
        Decision::Denied
    );
    assert_eq!(decide("iam:PassRole", "r", Some("ecs-tasks.amazonaws.com")), Decision::Allowed);
    assert_eq!(decide("iam:PassRole", "r", Some("lambda.amazonaws.com")), Decision::Open);
    assert_eq!(decide("iam:PassRole", "r", None), Decision::Open);
}
