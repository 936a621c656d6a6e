//! What ECR removes by a lifecycle policy, after "How lifecycle policies work" and "Lifecycle policy properties" (Amazon ECR
//! User Guide).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const DAY: u64 = 24 * 3600;

/// One image of a repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub(crate) tags: BTreeSet<String>,
    /// In seconds. A tag that is added later changes nothing.
    pub(crate) pushed: u64,
    /// The images that it names, if it is an index.
    pub(crate) names: Vec<usize>,
}

/// A repository.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    pub(crate) images: BTreeMap<usize, Image>,
    next: usize,
}

impl Repository {
    pub(crate) fn push(&mut self, now: u64, tags: &[String], names: Vec<usize>) -> usize {
        self.next += 1;
        self.images.insert(self.next, Image { tags: BTreeSet::new(), pushed: now, names });
        tags.iter().for_each(|tag| self.tag(self.next, tag));
        self.next
    }

    /// Lets a tag stand for an image that is there, and for no other.
    pub(crate) fn tag(&mut self, id: usize, tag: &str) {
        assert!(self.images.contains_key(&id), "there is no image {id} that could be {tag}");
        self.images.values_mut().for_each(|image| _ = image.tags.remove(tag));
        self.images.get_mut(&id).unwrap().tags.insert(tag.to_owned());
    }

    pub(crate) fn find(&self, tag: &str) -> Option<usize> {
        self.images.iter().find(|(_, image)| image.tags.contains(tag)).map(|(id, _)| *id)
    }

    /// Removes what a policy says is expired.
    ///
    /// Every rule is evaluated with all images. An image that matches the tagging requirements of a rule can't be expired
    /// by one with a lower priority, and one that an index names can't be expired before that.
    pub(crate) fn expire(&mut self, policy: &Value, now: u64) {
        let mut rules: Vec<&Value> = policy["rules"].as_array().unwrap().iter().collect();
        rules.sort_by_key(|rule| rule["rulePriority"].as_u64().unwrap());
        let named: BTreeSet<usize> = self.images.values().flat_map(|image| image.names.clone()).collect();
        let (mut matched, mut expired) = (BTreeSet::new(), BTreeSet::new());
        for rule in rules {
            assert_eq!(rule["action"]["type"], "expire");
            let selection = &rule["selection"];
            let mut selected: Vec<(usize, u64)> = self
                .images
                .iter()
                .filter(|(_, image)| selects(selection, &image.tags))
                .map(|(id, image)| (*id, image.pushed))
                .collect();
            selected.sort_by_key(|(id, pushed)| std::cmp::Reverse((*pushed, *id)));
            let count = selection["countNumber"].as_u64().unwrap();
            let marked: Vec<usize> = match selection["countType"].as_str().unwrap() {
                "imageCountMoreThan" => {
                    let count = usize::try_from(count).unwrap();
                    selected.iter().skip(count).map(|(id, _)| *id).collect()
                }
                "sinceImagePushed" => {
                    assert_eq!(selection["countUnit"], "days");
                    let is_old = |(_, pushed): &&(usize, u64)| pushed + count * DAY < now;
                    selected.iter().filter(is_old).map(|(id, _)| *id).collect()
                }
                other => panic!("no such count type: {other}"),
            };
            expired.extend(marked.into_iter().filter(|id| !matched.contains(id) && !named.contains(id)));
            matched.extend(selected.into_iter().map(|(id, _)| id));
        }
        self.images.retain(|id, _| !expired.contains(id));
    }
}

/// An image is selected that has a tag for each of the patterns.
fn selects(selection: &Value, tags: &BTreeSet<String>) -> bool {
    match selection["tagStatus"].as_str().unwrap() {
        "untagged" => tags.is_empty(),
        "tagged" => {
            let patterns = selection["tagPatternList"].as_array().unwrap();
            patterns.iter().all(|pattern| tags.iter().any(|tag| matches(pattern.as_str().unwrap(), tag)))
        }
        other => panic!("no such tag status: {other}"),
    }
}

/// Of the patterns that ECR knows, those with one `*` at the end, or none.
fn matches(pattern: &str, tag: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => {
            assert!(!prefix.contains('*'), "this is not modelled: {pattern}");
            tag.starts_with(prefix)
        }
        None => tag == pattern,
    }
}
