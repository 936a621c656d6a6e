use super::document::{Effect, OneOrMore, PolicyDocument, Statement, documents};
use super::table::{PERMISSIONS, Permission};

const PAGE: &str = include_str!("../../docs/aws.md");

#[test]
fn each_row_is_there_once_and_its_actions_are_sorted() {
    for (place, row) in PERMISSIONS.iter().enumerate() {
        assert!(row.actions.is_sorted(), "{row:?}");
        assert!(PERMISSIONS[..place].iter().all(|other| other.need != row.need), "{row:?}");
        assert!(row.sid.bytes().all(|letter| letter.is_ascii_alphabetic()), "{row:?}");
    }
}

/// The table of the page is made of that of the code: what is expected is what has to stand there.
#[test]
fn the_page_lists_all_permissions_as_they_are_in_the_table() {
    let row = |Permission { actions, resource, condition, reason, .. }: &Permission| {
        let actions: Vec<String> = actions.iter().map(|action| format!("`{action}`")).collect();
        let condition =
            condition.map(|it| format!(", if `{}` is `{}`", it.key, it.value)).unwrap_or_default();
        format!("| {reason} | {} | `{resource}`{condition} |\n", actions.join(", "))
    };
    let rows: String = PERMISSIONS.iter().map(row).collect();
    let expected = format!("<!-- permissions -->\n| for | actions | on |\n|---|---|---|\n{rows}\n");

    assert!(PAGE.contains(&expected), "docs/aws.md must have\n{expected}");
}

fn statement(resources: impl IntoIterator<Item = String>) -> Statement {
    Statement {
        sid: "Images".to_owned(),
        effect: Effect::Allow,
        principal: None,
        action: OneOrMore(vec!["ecr:PutImage".to_owned()]),
        resource: OneOrMore(resources.into_iter().collect()),
        condition: Default::default(),
    }
}

fn resources(documents: &[PolicyDocument]) -> Vec<String> {
    let texts = documents.iter().map(|it| serde_json::to_value(it).unwrap());
    let resources = texts.flat_map(|document| match &document["Statement"][0]["Resource"] {
        serde_json::Value::String(text) => vec![text.clone()],
        several => several.as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect(),
    });
    resources.collect()
}

#[test]
fn names_are_listed_as_long_as_the_policy_fits_and_a_pattern_stands_for_more() {
    let names = |count: usize| {
        (0..count).map(|number| format!("arn:aws:ecr:us-east-2:123456789012:repository/team-{number}"))
    };

    let (few, few_shortened) = documents(vec![statement(names(50))]);
    let (many, many_shortened) = documents(vec![statement(names(500))]);

    assert_eq!((few.len(), resources(&few).len(), few_shortened.is_widened), (1, 50, false));
    assert!(many_shortened.is_widened);
    assert_eq!(resources(&many), ["arn:aws:ecr:us-east-2:123456789012:repository/team-*"]);
}

#[test]
fn a_policy_that_no_pattern_makes_short_enough_is_split() {
    let clusters = (0..200).map(|number| {
        let mut statement =
            statement([format!("arn:aws:ecs:us-east-2:123456789012:service/cluster-{number}/api")]);
        statement.action = OneOrMore(vec![format!("ecs:Action{number}")]);
        statement
    });

    let (documents, _) = documents(clusters.collect());

    assert!(documents.len() > 1);
    assert!(documents.iter().all(|document| document.characters() <= 6_144), "{documents:?}");
    let count: usize = documents.iter().map(|it| it.clone().characters()).sum();
    assert!(count > 200 * 100, "{count}");
}

#[test]
fn what_a_pattern_has_is_not_listed_besides() {
    let arn = |name: &str| format!("arn:aws:ecs:us-east-2:123456789012:task-definition/{name}");

    let (documents, _) = documents(vec![statement([arn("api:*")]), statement([arn("*")])]);

    assert_eq!(resources(&documents), [arn("*")]);
}
