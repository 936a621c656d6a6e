use super::*;

fn text(purpose: Purpose) -> Vec<String> {
    let lasting = ["deployed-*".to_owned(), "branch-main".to_owned()];
    let policy = policy(purpose, NonZeroU32::new(200).unwrap(), &lasting);
    let rules = policy["rules"].as_array().unwrap();
    rules
        .iter()
        .map(|rule| format!("{} {}", rule["rulePriority"], rule["description"].as_str().unwrap()))
        .collect()
}

fn kept() -> Value {
    policy(Purpose::Images(Contents::Built), NonZeroU32::new(200).unwrap(), &["deployed-*".to_owned()])
}

#[test]
fn what_lasts_has_a_higher_priority_than_what_is_removed() {
    assert_eq!(
        text(Purpose::Images(Contents::Built)),
        [
            "1 chinampa: keep images with tags `deployed-*`",
            "2 chinampa: keep images with tags `branch-main`",
            "3 chinampa: keep images with tags `branch-*` for 90 days",
            "4 chinampa: keep the newest 200 images with tags `cache-*`",
            "5 chinampa: keep images with tags `commit-*` for 7 days",
            "6 chinampa: keep images with tags `pushed-*` for 7 days",
            "7 chinampa: keep images with tags `timing-*` for 7 days",
            "8 chinampa: keep images without tags for 7 days",
        ]
    );
    assert_eq!(
        text(Purpose::Images(Contents::Promoted)),
        [
            "1 chinampa: keep images with tags `deployed-*`",
            "2 chinampa: keep images with tags `branch-main`",
            "3 chinampa: keep the newest 200 images with tags `*`",
        ]
    );
}

#[test]
fn records_have_rules_of_their_own() {
    assert_eq!(
        text(Purpose::Records),
        [
            "1 chinampa: keep images with tags `deployed-*`",
            "2 chinampa: keep images with tags `deploying-*`",
            "3 chinampa: keep images with tags `branch-*`",
            "4 chinampa: keep the newest 10000 images with tags `commit-*`",
            "5 chinampa: keep the newest 10000 images with tags `run-*`",
            "6 chinampa: keep images with tags `claim-*` for 3 days",
            "7 chinampa: keep images without tags for 7 days",
        ]
    );
}

#[test]
fn layout_and_order_are_no_difference_and_a_number_is() {
    let mut turned = kept();
    turned["rules"].as_array_mut().unwrap().reverse();

    assert!(is_same(&kept(), &serde_json::to_string_pretty(&turned).unwrap()));
    assert!(!is_same(&kept(), &kept().to_string().replace("200", "201")));
    for other in ["", "{}", "[]", r#"{"rules":[]}"#] {
        assert!(!is_same(&kept(), other), "{other}");
    }
}

#[test]
fn a_policy_of_this_program_is_told_from_others() {
    let first = |description: &str| json!({ "rules": [{ "description": description }] }).to_string();

    for ours in [
        kept().to_string(),
        first("keep what `branch-` tags name"),
        first("keep 7 images with `cache-` tags"),
    ] {
        assert!(is_ours(&ours), "{ours}");
    }
    let mut mixed = kept();
    mixed["rules"][0]["description"] = "expire old images".into();
    for other in
        [mixed.to_string(), first("keep images"), json!({ "rules": [{}] }).to_string(), "{}".to_owned()]
    {
        assert!(!is_ours(&other), "{other}");
    }
}
