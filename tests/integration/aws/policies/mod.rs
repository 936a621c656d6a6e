//! What `doctor --aws-policy` prints is what commands need: with it they succeed, each action is used, and without one of them they say which
//! is missing.

mod documented;
mod missing;
mod registries;
mod services;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::aws::accounts::{BUILD, PROD, ask};
use crate::support::aws::ECR;
use crate::support::bed::setting;
use crate::support::iam::Iam;
use crate::support::proxy::{Fault, Proxy, Rule};
use crate::support::shop::{Cache, Shop};
use crate::support::world::Answer;

/// The role of the job, and how denials name who has it.
const JOB: (&str, &str) =
    ("arn:aws:iam::111111111111:role/ci", "arn:aws:sts::111111111111:assumed-role/ci/ship");

/// The role of production.
const DEPLOY: &str = "arn:aws:iam::222222222222:role/deploy";

/// A shop in two accounts that let nobody do anything which no policy allows.
struct Accounts {
    shop: Shop,
    proxy: Proxy,
    iam: Iam,
}

/// What differs from shop to shop.
#[derive(Clone, Copy, Default)]
struct Parts<'p> {
    /// Of the cache's repositories.
    policy: &'p str,
    /// Tables.
    tables: &'p str,
    /// In the entry of `api`.
    project: &'p str,
}

impl Accounts {
    async fn new(Parts { policy, tables, project }: Parts<'_>) -> Self {
        let iam = Iam::default();
        iam.user(BUILD.0, JOB.1, JOB.0);
        let rule = Rule { method: "", path: "", times: usize::MAX, fault: Fault::Iam(iam.clone()) };
        let proxy = Proxy::start(&setting("AWS_2"), [rule]).await;
        let host = proxy.host().to_owned();
        let mut shop = Shop::new().cache(Cache::Ecr(host.clone())).plain(["api"]);
        shop.world.set("AWS_ACCESS_KEY_ID", BUILD.0).set("AWS_REGION", BUILD.1);
        shop.world.set("AWS_ENDPOINT_URL", &format!("http://{host}")).set("CHINAMPA_JOB", "ship");
        let prefix = &shop.prefix;
        let registry = |(account, region): (&str, &str), name: &str| {
            format!(
                "region = \"{region}\"\naccount = \"{account}\"\nhost = \"{host}\"\nprefix = \"{prefix}{name}/\"\n"
            )
        };
        let manifest = format!(
            "[workspace]\nname = \"shop\"\n\
             [cache]\nkind = \"ecr\"\n{}policy = {{ {policy} }}\n\
             [deploy]\nkind = \"ecr\"\n{}\
             [environments.dev]\nbranch = \"main\"\n\
             [environments.prod]\nbranch = \"main\"\n{}role_arn = \"{DEPLOY}\"\nexternal_id = \"shop\"\n\
             {tables}\n[projects.api]\npath = \"api\"\n{project}\n",
            registry(BUILD, "cache"),
            registry(BUILD, "dev"),
            registry(PROD, "prod"),
        );
        shop.world.write("projects.toml", manifest).commit();
        Self { shop, proxy, iam }
    }

    /// Lets everybody do what the printed policies say, and nothing else.
    fn attach(&self, arguments: &[&str]) {
        let mut all = vec!["doctor", "--json", "--principal", JOB.0, "--aws-policy"];
        all.extend(arguments);
        let printed = Answer::from(self.shop.world.command_of(&all).output().unwrap());
        assert_eq!(printed.exit, 0, "{printed}");
        for principal in printed.json()["principals"].as_array().unwrap() {
            let role = match principal["name"].as_str().unwrap() {
                "job" => JOB.0,
                role => role,
            };
            self.iam.attach(role, principal["policies"].as_array().unwrap());
            if !principal["trust_policy"].is_null() {
                self.iam.trust(role, &principal["trust_policy"]);
            }
        }
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        Answer::from(self.shop.world.command_of(arguments).output().unwrap())
    }

    /// Runs a command that has to succeed, and may not ask in vain.
    fn succeeds(&self, arguments: &[&str]) {
        let answer = self.run(arguments);
        let denied = self.iam.denied();
        assert_eq!((answer.exit, &*denied), (0, &[][..]), "{arguments:?}: {answer}");
    }

    /// Looks at an environment, and plans a deployment to it.
    fn plans(&self, environment: &str) {
        let answer = self.run(&["status", "-e", environment, "--json"]);
        let denied = self.iam.denied();
        assert_eq!((answer.exit, &*denied), (0, &[][..]), "{answer}");
        assert_eq!(answer.json()["next"]["state"], "planned", "{answer}");
    }

    /// Does something that nobody has to be allowed to.
    fn prepare(&self, arguments: &[&str]) {
        self.iam.opened(|| self.succeeds(arguments));
    }

    /// Sees that each action of the policies was used.
    fn check_used(&self) {
        assert_eq!(self.iam.unused(), BTreeSet::new(), "these are in a policy and were not used");
    }

    /// Asks the emulator itself about a repository.
    fn ask(&self, place: (&str, &str), operation: &str, name: &str, mut request: Value) -> Value {
        request["repositoryName"] = format!("{}{name}", self.shop.prefix).into();
        ask(place, "ecr", ECR, operation, &request)
    }

    fn change(&self) {
        let old = std::fs::read_to_string(self.shop.world.file("api/f")).unwrap();
        self.shop.world.write("api/f", format!("{old}+")).commit();
    }
}
