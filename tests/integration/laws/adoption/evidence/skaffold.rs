//! `skaffold.yaml`

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Images;
use crate::laws::adoption::draft::{Evidence, Form};
use crate::laws::adoption::image::{SECRET, argument};
use crate::laws::adoption::paths::relative;

pub(super) fn files(images: Images<'_>) -> BTreeMap<String, String> {
    let mut text = String::new();
    for image in images.of(Evidence::Skaffold) {
        let (tag, context) = (images.tag(image), &image.context);
        writeln!(text, "    - image: {tag}\n      context: {context}").unwrap();
        // Skaffold sets the argument for an image that another artifact makes.
        let required: BTreeMap<String, String> = { image.parents.iter().enumerate() }
            .filter(|(_, parent)| parent.form == Form::Argument)
            .filter(|(_, parent)| images.all[parent.image].evidence == Evidence::Skaffold)
            .map(|(number, parent)| (argument(number), images.tag(&images.all[parent.image])))
            .collect();
        if !required.is_empty() {
            text.push_str("      requires:\n");
        }
        for (alias, tag) in &required {
            writeln!(text, "        - image: {tag}\n          alias: {alias}").unwrap();
        }
        let dockerfile = relative(context, &image.named);
        writeln!(text, "      docker:\n        dockerfile: {dockerfile}").unwrap();
        image.target.iter().for_each(|target| writeln!(text, "        target: {target}").unwrap());
        if image.has_secret {
            let (id, variable) = SECRET;
            writeln!(text, "        secrets:\n          - id: {id}\n            env: {variable}").unwrap();
        }
        let own: Vec<_> = image.build_args.iter().filter(|(name, _)| !required.contains_key(*name)).collect();
        if !own.is_empty() {
            text.push_str("        buildArgs:\n");
        }
        for (name, value) in own {
            writeln!(text, "          {name}: {value}").unwrap();
        }
    }
    let head = "apiVersion: skaffold/v4beta6\nkind: Config\nbuild:\n  artifacts:\n";
    let file = ("skaffold.yaml".to_owned(), format!("{head}{text}"));
    (!text.is_empty()).then_some(file).into_iter().collect()
}
