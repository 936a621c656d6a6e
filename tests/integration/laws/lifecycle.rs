//! Laws of what ECR removes by the policies that are set: nothing that is needed, and all that is old.
//!
//! The policies are those that the program has set; the repositories are made up, by the tags that builds and deployments
//! write (`docs/how-it-works.md`); what is removed is said by a model of ECR.

mod ecr;

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::ecr::Repository;
use crate::support::aws::REGION;
use crate::support::shop::{Cache, Shop};

/// As in the policy, so that it is exceeded often.
const KEEP: usize = 5;

/// How many records of the default branch keep their images.
const RECORDS: usize = 50;

const HOUR: u64 = 3600;

#[derive(Clone, Debug)]
enum Event {
    /// A commit of the default branch with these inputs, built whole.
    Main {
        inputs: u8,
    },
    /// The same, of which another project fails: there is no record.
    Incomplete {
        inputs: u8,
    },
    Feature {
        branch: u8,
        inputs: u8,
    },
    /// A build that is interrupted after its pushes.
    Interrupted,
    /// The newest record of the default branch is deployed.
    Deploy {
        environment: u8,
    },
    Hours(u16),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => (0..40_u8).prop_map(|inputs| Event::Main { inputs }),
        1 => (0..40_u8).prop_map(|inputs| Event::Incomplete { inputs }),
        4 => (0..4_u8, 0..120_u8).prop_map(|(branch, inputs)| Event::Feature { branch, inputs }),
        1 => Just(Event::Interrupted),
        1 => (0..3_u8).prop_map(|environment| Event::Deploy { environment }),
        4 => (1..400_u16).prop_map(Event::Hours),
    ];
    vec(event, 1..250)
}

/// A project's repository in the cache, as builds and deployments write to it.
struct Project {
    repository: Repository,
    is_multi_platform: bool,
    now: u64,
    builds: usize,
    /// The images that the records of the default branch name.
    records: Vec<usize>,
    deployed: BTreeMap<u8, usize>,
    /// When each branch was last built, and into what.
    branches: BTreeMap<u8, (u64, usize)>,
}

impl Project {
    fn new(is_multi_platform: bool) -> Self {
        Self {
            repository: Repository::default(),
            is_multi_platform,
            now: 0,
            builds: 0,
            records: Vec::new(),
            deployed: BTreeMap::new(),
            branches: BTreeMap::new(),
        }
    }

    fn push(&mut self) -> usize {
        self.builds += 1;
        self.repository.push(self.now, &[format!("pushed-{}", self.builds)], Vec::new())
    }

    /// The image of these inputs, which is built where it isn't there.
    fn image(&mut self, branch: &str, inputs: u8) -> usize {
        if let Some(there) = self.repository.find(&format!("cache-{inputs}")) {
            return there;
        }
        let stage = self.push();
        let image = match self.is_multi_platform {
            false => self.push(),
            true => {
                let platforms = vec![self.push(), self.push()];
                self.repository.push(self.now, &[], platforms)
            }
        };
        self.repository.tag(stage, &format!("branch-{branch}.compile"));
        for tag in [format!("commit-{}", self.builds), format!("branch-{branch}"), format!("cache-{inputs}")]
        {
            self.repository.tag(image, &tag);
        }
        image
    }

    fn record(&mut self, image: usize) {
        let before = self.records.last().copied();
        if before != Some(image) {
            if let Some(before) = before {
                let slot = self.records.len() % RECORDS;
                self.repository.tag(before, &format!("record-{slot}"));
            }
            self.repository.tag(image, "record-newest");
        }
        self.records.push(image);
    }

    fn happens(&mut self, event: &Event) {
        match event {
            Event::Main { inputs } => {
                let image = self.image("main", *inputs);
                self.record(image);
            }
            Event::Incomplete { inputs } => _ = self.image("main", *inputs),
            Event::Feature { branch, inputs } => {
                let image = self.image(&format!("f{branch}"), *inputs);
                if self.repository.images[&image].tags.contains(&format!("branch-f{branch}")) {
                    self.branches.insert(*branch, (self.repository.images[&image].pushed, image));
                }
            }
            Event::Interrupted => _ = self.push(),
            Event::Deploy { environment } => {
                if let Some(image) = self.records.last().copied() {
                    self.repository.tag(image, &format!("deployed-{environment}"));
                    self.deployed.insert(*environment, image);
                }
            }
            Event::Hours(hours) => self.now += u64::from(*hours) * HOUR,
        }
    }

    /// What has to be there, and why.
    fn needed(&self) -> BTreeMap<usize, &'static str> {
        let recorded = self.records.iter().rev().take(RECORDS).map(|image| (*image, "recorded"));
        let deployed = self.deployed.values().map(|image| (*image, "deployed"));
        let young = self.branches.values().filter(|(pushed, _)| self.now - pushed < 90 * 24 * HOUR);
        let of_branches = young.map(|(_, image)| (*image, "the newest of a branch"));
        let images = self.repository.images.values();
        let named = images.flat_map(|image| image.names.iter().map(|image| (*image, "named by an index")));
        recorded.chain(deployed).chain(of_branches).chain(named).collect()
    }
}

/// The lifecycle policy that the program sets for a repository.
fn policy(shop: &Shop, repository: &str) -> Value {
    let ensured = shop.world.run(["ensure_repo", repository, REGION]);
    assert_eq!(ensured.exit, 0, "{ensured}");
    let answer = shop.ask("GetLifecyclePolicy", repository, json!({}));
    serde_json::from_str(answer["lifecyclePolicyText"].as_str().unwrap()).unwrap()
}

fn shop() -> Shop {
    Shop::new().cache(Cache::ecr()).policy(&format!("keep = {KEEP}")).plain([])
}

// issue 17: A10
#[test]
fn nothing_that_is_needed_expires_and_all_that_is_old_does() {
    let policy = policy(&shop(), "api");

    proptest!(super::config(100), |(events in events(), is_multi_platform: bool)| {
        let mut project = Project::new(is_multi_platform);
        for event in &events {
            project.happens(event);
            if !matches!(event, Event::Hours(_)) {
                continue;
            }
            project.repository.expire(&policy, project.now);
            for (image, why) in project.needed() {
                prop_assert!(project.repository.images.contains_key(&image), "{image} is {why}: {event:?}");
            }
        }

        let later = project.now + 365 * 24 * HOUR;
        // What an index named goes after it.
        for _ in 0..2 {
            project.repository.expire(&policy, later);
        }
        let images = &project.repository.images;
        let has = |tags: &BTreeSet<String>, prefix: &str| tags.iter().any(|tag| tag.starts_with(prefix));
        let lasts = |tags: &BTreeSet<String>| {
            ["deployed-", "record-", "branch-main"].iter().any(|prefix| has(tags, prefix))
        };
        let named: BTreeSet<usize> = images.values().flat_map(|image| image.names.clone()).collect();
        let others = images.iter().filter(|(id, image)| !named.contains(id) && !lasts(&image.tags));
        let others: Vec<_> = others.collect();
        prop_assert!(others.iter().all(|(_, image)| has(&image.tags, "cache-")), "{others:?}");
        prop_assert!(others.len() <= KEEP, "{others:?}");
    });
}

// issue 17: A10
#[test]
fn of_the_records_the_newest_stay_and_what_locks_have_left_goes() {
    let mut policy = policy(&shop(), "shop-builds");
    let of_commits = policy["rules"].as_array_mut().unwrap().iter_mut();
    let mut of_commits = of_commits.filter(|rule| rule["selection"]["tagPatternList"] == json!(["commit-*"]));
    // Thousands are kept; fewer show the same.
    of_commits.next().unwrap()["selection"]["countNumber"] = json!(20);

    proptest!(super::config(100), |(commits in vec((0..3_u8, 0..500_u16, 0..3_u8), 1..120))| {
        let (mut repository, mut now) = (Repository::default(), 0);
        let mut newest = BTreeMap::new();
        for (number, (branch, hours, renewals)) in commits.iter().enumerate() {
            now += u64::from(*hours) * HOUR;
            let tags = [format!("commit-{number}"), format!("branch-{branch}")];
            newest.insert(tags[1].clone(), repository.push(now, &tags, Vec::new()));
            newest.insert("deployed-dev".to_owned(), repository.push(now, &["deployed-dev".to_owned()], Vec::new()));
            for _ in 0..*renewals {
                let lock = "deploying-dev.1".to_owned();
                newest.insert(lock.clone(), repository.push(now, &[lock], Vec::new()));
            }

            repository.expire(&policy, now);

            for (tag, id) in &newest {
                prop_assert_eq!(repository.find(tag), Some(*id));
            }
            for recent in (0..=number).rev().take(20) {
                let tag = format!("commit-{recent}");
                prop_assert!(repository.find(&tag).is_some(), "{}", tag);
            }
        }

        repository.expire(&policy, now + 365 * 24 * HOUR);

        prop_assert!(repository.images.len() <= 20 + newest.len(), "{:?}", repository.images);
    });
}
