//! Random Compose projects, each the same in every run.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use super::compose::Project;

/// Stands for what JSON can't say.
const RESET: &str = "RESET";

/// Projects whose files include, extend and override each other.
pub(super) fn projects(count: usize) -> Vec<Project> {
    let mut runner = TestRunner::deterministic();
    let strategy = files();
    let projects = (0..count).map(|number| {
        let files = strategy.new_tree(&mut runner).unwrap().current();
        Project { name: format!("random {number}"), files }
    });
    projects.collect()
}

fn files() -> impl Strategy<Value = BTreeMap<String, String>> {
    let own = services(&["s0", "s1", "s2", "s3"], false);
    let over = services(&["s0", "s2", "s3"], true);
    let base = services(&["b0", "b1"], false);
    let included = services(&["i0", "i1"], false);
    let parents = vec(select(&["", "same", "other", "other"]), 3);
    (own, over, base, included, parents, any::<[bool; 3]>()).prop_map(
        |(mut own, over, mut base, mut included, parents, [is_over, includes, chains])| {
            for (number, parent) in parents.iter().enumerate() {
                let extends = match *parent {
                    "same" => json!(format!("s{}", number + 1)),
                    "other" => json!({"file": "common/base.yaml", "service": format!("b{}", number % 2)}),
                    _ => continue,
                };
                own[&format!("s{number}")]["extends"] = extends;
            }
            if chains {
                base["b0"]["extends"] = json!({"service": "b1"});
                included["i0"]["extends"] = json!({"file": "../common/base.yaml", "service": "b1"});
            }
            let secrets = json!({"file": {"file": "./s.txt"}, "key": {"environment": "KEY"}});
            let mut root = json!({"services": own, "secrets": secrets});
            if includes {
                root["include"] = json!(["sub/more.yaml"]);
            }
            let mut files = BTreeMap::from([
                ("compose.yaml", root),
                ("common/base.yaml", json!({"services": base})),
                ("sub/more.yaml", json!({"services": included})),
            ]);
            if is_over {
                files.insert("compose.override.yaml", json!({"services": over}));
            }
            let text = |value: Value| value.to_string().replace(&format!("\"{RESET}\""), "!reset null");
            let files = files.into_iter().map(|(path, value)| (path.to_owned(), text(value)));
            let environment = (".env".to_owned(), "SET=set\nDIR=dir\nEMPTY=\n".to_owned());
            files.chain([environment, ("sub/.env".to_owned(), "SET=inner\nSUB=sub\n".to_owned())]).collect()
        },
    )
}

/// `is_part` for those of a file over another one.
fn services(names: &'static [&'static str], is_part: bool) -> impl Strategy<Value = Value> {
    vec((build(is_part), optional(text()), optional(platform())), names.len()).prop_map(move |services| {
        let mut all = Map::new();
        for (name, (build, image, platform)) in names.iter().zip(services) {
            let mut service = members([("build", build), ("image", image), ("platform", platform)]);
            if !is_part && service["build"].is_null() && service["image"].is_null() {
                service["image"] = json!("none");
            }
            all.insert((*name).to_owned(), service);
        }
        Value::Object(all)
    })
}

fn build(is_part: bool) -> impl Strategy<Value = Option<Value>> {
    let reset = if is_part { 1 } else { 0 };
    let or_reset = move |strategy: BoxedStrategy<Value>| {
        optional(prop_oneof![6 => strategy, reset => Just(json!(RESET))].boxed())
    };
    let one = (
        or_reset(folder()),
        or_reset(select(&["Dockerfile.x", "x/../y/Dockerfile", "./d"]).prop_map(|file| json!(file)).boxed()),
        or_reset(text()),
        or_reset(pairs(scalar())),
        or_reset(pairs(folder())),
    );
    let more = (
        or_reset(vec(platform(), 1..3).prop_map(Value::from).boxed()),
        or_reset(vec(text(), 1..3).prop_map(Value::from).boxed()),
        or_reset(select(vec![json!(["file"]), json!([{"source": "key", "target": "id"}])]).boxed()),
        or_reset(Just(json!(["default"])).boxed()),
    );
    let long = (one, more).prop_map(
        |((context, dockerfile, target, args, contexts), (platforms, tags, secrets, ssh))| {
            members([
                ("context", context),
                ("dockerfile", dockerfile),
                ("target", target),
                ("args", args),
                ("additional_contexts", contexts),
                ("platforms", platforms),
                ("tags", tags),
                ("secrets", secrets),
                ("ssh", ssh),
            ])
        },
    );
    optional(prop_oneof![1 => folder(), 4 => long.boxed(), reset => Just(json!(RESET))].boxed())
}

fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn optional(strategy: BoxedStrategy<Value>) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![2 => Just(None), 1 => strategy.prop_map(Some)]
}

fn folder() -> BoxedStrategy<Value> {
    let folders = ["./a", "a/b/../c", "$DIR", "${NONE:-d}/e", ".", "${DIR:+other}", "a/../up"];
    select(folders.to_vec()).prop_map(|folder| json!(folder)).boxed()
}

fn text() -> BoxedStrategy<Value> {
    let texts = ["one", "two:${SET}", "${NONE-x}y", "${EMPTY:-full}", "${SET:?needed}", "a.b"];
    select(texts.to_vec()).prop_map(|text| json!(text)).boxed()
}

fn platform() -> BoxedStrategy<Value> {
    select(vec!["linux/amd64", "linux/arm64", "linux/${NONE:-arm/v7}"]).prop_map(|text| json!(text)).boxed()
}

fn scalar() -> BoxedStrategy<Value> {
    let scalars = vec![
        json!(1),
        json!(1.50),
        json!(true),
        json!("true"),
        json!(""),
        json!("$$SET"),
        json!("a=$SET"),
        json!("010"),
    ];
    prop_oneof![select(scalars), text()].boxed()
}

/// A map, or a list of `NAME=value`.
fn pairs(value: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    let map = btree_map(select(vec!["A", "B", "SET"]), value, 0..3);
    let pairs = (map, any::<bool>()).prop_map(|(map, is_list)| {
        if !is_list {
            return json!(map);
        }
        let element = |(name, value): (&&str, &Value)| match value {
            Value::String(text) => json!(format!("{name}={text}")),
            value => json!(format!("{name}={value}")),
        };
        map.iter().map(element).collect()
    });
    pairs.boxed()
}
