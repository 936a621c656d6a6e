use std::collections::{BTreeMap, BTreeSet};

use insta::assert_snapshot;
use proptest::prelude::{any, prop, proptest};

use super::*;
use crate::model::{ImageRef, RepoPath};

const DOCUMENTATION: &str = include_str!("../../docs/projects-toml.md");

/// The example of the documentation, which has every key of every table but a few of `service`.
fn example() -> &'static str {
    let (_, rest) = DOCUMENTATION.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

fn manifest(text: &str) -> Manifest {
    parse(text.as_bytes(), "projects.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

/// What is wrong with a file that has a `[workspace]` in its first line.
fn problems(rest: &str) -> String {
    let text = format!("workspace.name = \"shop\"\n{rest}");
    parse(text.as_bytes(), "projects.toml").unwrap_err().to_string()
}

/// `[projects.api]` with these keys, in a file that is right otherwise.
fn project(keys: &str) -> ProjectConfig {
    let rest = "[projects.lib]\npath = \"lib\"\n[projects.base]\npath = \"base\"\n";
    let text = format!("workspace.name = \"shop\"\n[projects.api]\n{keys}\n{rest}");
    *manifest(&text).projects.remove(&"api".parse().unwrap()).unwrap()
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

#[test]
fn the_documented_example_is_read_whole() {
    let manifest = manifest(example());

    let api = &manifest.projects[&"api".parse().unwrap()];
    assert_snapshot!(format!("{:?}", manifest.workspace), @r#"Workspace { name: WorkspaceName("shop"), default_branch: BranchName("main"), strategy: Digest, rebuild_all: [Located { value: "toolchain/**", line: 5 }], own_images: [Located { value: ImagePrefix("111122223333.dkr.ecr.eu-west-2.amazonaws.com/"), line: 6 }, Located { value: ImagePrefix("quay.io/acme/"), line: 6 }], message_switches: {} }"#);
    assert_snapshot!(format!("{:?}", manifest.cache), @r#"RegistryConfig { kind: Ecr(Ecr { region: Region("us-east-2"), account: Some("123456789012"), host: Some(Host("localhost:4566")), insecure: false, endpoint: Some("http://localhost:4566"), identity: AwsIdentity { profile: None, role: None }, policy: Policy { lifecycle: Replace(100), contents: Built, lasting_tags: ["deployed-*", "branch-main", "branch-main.*", "record-*"], immutable_tags: None, fixed_tags: Only(["cache-*"]), scan_on_push: Some(true), records: [RepositoryName("shop-builds"), RepositoryName("unprotected/shop-builds"), RepositoryName("shop-taints"), RepositoryName("shop-claims"), RepositoryName("unprotected/shop-claims")], repository_policy: None, tags: {}, kms_key: None, create: true } }), prefix: "", inline_cache: true }"#);
    assert_snapshot!(format!("{:?}", manifest.deploy), @r#"Some(RegistryConfig { kind: Ecr(Ecr { region: Region("eu-west-2"), account: None, host: None, insecure: false, endpoint: None, identity: AwsIdentity { profile: None, role: None }, policy: Policy { lifecycle: Leave, contents: Promoted, lasting_tags: ["latest", "shop-*"], immutable_tags: Some(true), fixed_tags: AllBut(["latest", "shop-*"]), scan_on_push: None, records: [RepositoryName("shop-builds"), RepositoryName("unprotected/shop-builds"), RepositoryName("shop-taints"), RepositoryName("shop-claims"), RepositoryName("unprotected/shop-claims")], repository_policy: None, tags: {}, kms_key: None, create: true } }), prefix: "", inline_cache: true })"#);
    let rules: BTreeMap<_, _> = manifest.environments.iter().map(|(name, it)| (name, &it.rule)).collect();
    assert_snapshot!(format!("{rules:?}"), @r#"{EnvironmentName("dev"): EnvironmentRule { line: 22, branch: Some(RefPattern("main")), tag: None }, EnvironmentName("prod"): EnvironmentRule { line: 24, branch: None, tag: Some(RefPattern("v*")) }}"#);
    assert!(manifest.environments.values().all(|it| it.registry == manifest.deploy));
    assert_snapshot!(format!("{api:#?}"), @r#"
    ProjectConfig {
        line: 33,
        path: Located {
            value: RepoPath(services/api),
            line: 34,
        },
        context: Located {
            value: RepoPath(services/api),
            line: 35,
        },
        dockerfile: Located {
            value: RepoPath(services/api/Dockerfile),
            line: 36,
        },
        patterns: Some(
            Located {
                value: RepoPath(services/api/api.rebuild_patterns),
                line: 37,
            },
        ),
        target: Some(
            StageName(
                "runtime",
            ),
        ),
        repository: RepositoryName(
            "api",
        ),
        images: [
            ImagePattern {
                name: ImageName(
                    "acme/api",
                ),
                tag: Some(
                    Tag(
                        "2",
                    ),
                ),
            },
        ],
        external: [
            ImagePattern {
                name: ImageName(
                    "postgres",
                ),
                tag: Some(
                    Tag(
                        "16",
                    ),
                ),
            },
        ],
        needs: [
            Located {
                value: ProjectName(
                    "lib",
                ),
                line: 42,
            },
        ],
        platforms: [
            Platform {
                os: "linux",
                architecture: "amd64",
                variant: None,
            },
        ],
        build_args: {
            "PORT": "8080",
            "PROFILE": "release",
        },
        build_arg_lines: {
            "PORT": 44,
            "PROFILE": 44,
        },
        contexts: {
            ContextName(
                "base",
            ): Located {
                value: Project(
                    ProjectName(
                        "lib",
                    ),
                ),
                line: 45,
            },
            ContextName(
                "proto",
            ): Located {
                value: Folder(
                    RepoPath(proto),
                ),
                line: 45,
            },
        },
        secrets: {
            "npmrc": Env(
                "NPMRC",
            ),
        },
        ssh: [
            "default",
        ],
        extra_inputs: [
            Located {
                value: "services/api/dist/**",
                line: 48,
            },
        ],
        hermetic: true,
        tags: [
            Tag(
                "latest",
            ),
        ],
        is_deployed: true,
        deploy_after: [],
        terraform: Folder(
            Located {
                value: RepoPath(services/api/terraform),
                line: 51,
            },
        ),
        services: [
            ServiceConfig {
                service: Ecs {
                    cluster: Template(
                        [
                            Text(
                                "setup",
                            ),
                        ],
                    ),
                    name: Template(
                        [
                            Placeholder(
                                DeployTag,
                            ),
                            Text(
                                "-api",
                            ),
                        ],
                    ),
                },
                region: None,
                role: None,
                timeout: None,
            },
        ],
        ci: CiJob {
            image: None,
            machine: Some(
                "large",
            ),
            runner: [],
            contexts: [],
            environment: {},
        },
    }
    "#);
}

/// The documented keys of the tables below a heading, and the default of each.
fn documented(heading: &str) -> BTreeMap<&'static str, &'static str> {
    let (_, section) = DOCUMENTATION.split_once(&format!("# {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap().split("\n### ").next().unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("| key | type | default |")).skip(2);
    let cells = rows.take_while(|line| line.starts_with('|')).map(|row| row.split(" | ").collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_matches(['|', ' ', '`']), cells[2])).collect()
}

#[test]
fn exactly_the_keys_that_are_read_are_documented() {
    let tables = [
        ("Tables", KEYS),
        ("`[workspace]`", workspace::KEYS),
        ("`[cache]` and `[deploy]`", registry::KEYS),
        ("`[cache.policy]` and `[deploy.policy]`", policy::KEYS),
        ("`[environments.<name>]`", environment::KEYS),
        ("`[terraform]`", terraform::KEYS),
        ("`[trust]`", trust::KEYS),
        ("`[[builders]]`", builder::KEYS),
        ("`[ci]`", ci::KEYS),
        ("`install`", ci::INSTALL_KEYS),
        ("`login`", ci::LOGIN_KEYS),
        ("`[projects.<name>]`", read_project::KEYS),
        ("`secrets.<id>`", read_mounts::SECRET_KEYS),
        ("`service`", service::KEYS),
    ];

    for (heading, keys) in tables {
        let documented: BTreeSet<&str> = documented(heading).into_keys().collect();
        assert_eq!(documented, keys.iter().copied().collect(), "{heading}");
    }
}

/// A default that is written as TOML means the same as the key's absence; other defaults are words.
#[test]
fn a_documented_default_means_the_same_as_no_key() {
    let cache = "[cache]\nkind = \"oci\"\nhost = \"registry.example\"\n";
    let tables = [
        ("`[workspace]`", "[workspace]\nname = \"shop\"\n"),
        ("`[cache]` and `[deploy]`", cache),
        ("`[projects.<name>]`", "[projects.api]\npath = \"services/api\"\n"),
    ];
    let read = |table: &str, line: &str| {
        let workspace = if table.contains("[workspace]") { "" } else { "[workspace]\nname = \"shop\"\n" };
        format!("{:?}", manifest(&format!("{table}{line}\n{workspace}")))
    };

    let mut tried = BTreeSet::new();
    for (heading, table) in tables {
        for (key, default) in documented(heading) {
            let literal = default.strip_prefix('`').and_then(|default| default.strip_suffix('`'));
            let Some(literal) = literal.filter(|it| it.starts_with(['"', '[', '{', 't', 'f'])) else {
                continue;
            };
            assert_eq!(
                without_lines(&read(table, &format!("{key} = {literal}"))),
                without_lines(&read(table, "# none")),
                "{key}"
            );
            tried.insert(key);
        }
    }

    for key in
        ["default_branch", "strategy", "insecure", "prefix", "dockerfile", "needs", "hermetic", "deploy"]
    {
        assert!(tried.contains(key), "{key} has no default of its own in {tried:?}");
    }
}

/// Where something stands is no part of what it means.
fn without_lines(text: &str) -> String {
    let parts = text.split("line: ");
    parts.map(|part| part.trim_start_matches(|it: char| it.is_ascii_digit())).collect()
}

#[test]
fn what_is_absent_has_its_documented_default() {
    let manifest = manifest("workspace.name = \"shop\"");
    let api = project("path = \"services/api\"");

    assert_eq!(manifest.workspace.default_branch.as_str(), "main");
    assert_eq!(manifest.workspace.strategy, super::Strategy::Digest);
    let cache = RegistryConfig { kind: RegistryKind::Engine, prefix: "shop/".to_owned(), inline_cache: true };
    assert_eq!(manifest.cache, cache);
    assert_eq!(manifest.deploy, None);
    assert_eq!(api.context.value, path("services/api"));
    assert_eq!(api.dockerfile.value, path("services/api/Dockerfile"));
    assert_eq!(api.repository.as_str(), "api");
    assert!(api.hermetic);
}

#[test]
fn in_the_engines_store_the_workspace_begins_every_name_unless_the_file_says_otherwise() {
    let prefix = |workspace: &str, cache: &str| {
        manifest(&format!("cache = {{ {cache} }}\nworkspace.name = \"{workspace}\"")).cache.prefix
    };

    assert_eq!(prefix("shop", "kind = \"engine\""), "shop/");
    assert_eq!(prefix("shop", "kind = \"engine\", prefix = \"\""), "");
    assert_eq!(prefix("shop", "kind = \"engine\", prefix = \"team/\""), "team/");
    assert_eq!(prefix("shop", "kind = \"oci\", host = \"a.example\""), "");
    // `docker` would ask hosts of these names.
    for host in ["shop.example", "localhost"] {
        assert_eq!(prefix(host, "kind = \"engine\""), format!("chinampa/{host}/"));
        let image: ImageRef = format!("{}api:local", prefix(host, "kind = \"engine\"")).parse().unwrap();
        assert_eq!(image.host, None, "{image}");
    }
}

#[test]
fn a_project_may_be_the_whole_repository() {
    let api = project("path = \".\"\ndockerfile = \"docker/api\"");

    assert!(api.path.value.is_root());
    assert_eq!(api.dockerfile.value, path("docker/api"));
}

#[test]
fn lines_are_kept_for_whoever_looks_at_tree_and_graph() {
    let api =
        project("path = \"api\" # a comment\n\ndockerfile = \"D\"\nneeds = [\n  \"lib\",\n  \"base\",\n]");

    assert_eq!((api.line, api.path.line, api.dockerfile.line), (2, 3, 5));
    let needs: Vec<(&str, usize)> = api.needs.iter().map(|need| (need.value.as_str(), need.line)).collect();
    assert_eq!(needs, [("base", 8), ("lib", 7)]);
}

#[test]
fn integers_and_booleans_are_build_arguments_in_their_plain_form() {
    let api = project("path = \"api\"\nbuild_args = { PORT = 8_080, MASK = 0xff, LESS = -1, FAST = true }");

    let values: Vec<(&str, &str)> =
        api.build_args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(values, [("FAST", "true"), ("LESS", "-1"), ("MASK", "255"), ("PORT", "8080")]);
}

#[test]
fn all_mistakes_are_reported_in_one_run() {
    let text = r#"
        cahce = 1
        [workspace]
        name = "Shop"
        default_branch = "a..b"
        strategy = "dif"
        rebuild_all = ["", 1]
        [environments.dev]
        [environments."a b"]
        branch = "["
        [projects.api]
        dockerfle = "x"
        context = "/etc"
        dockerfile = "."
        target = "1"
        needs = ["api", "libb", "lib", "lib"]
        platforms = ["linux", "linux/amd64", "linux/arm64"]
        build_args = { "A-B" = "", PORT = 1.5, BIG = 99999999999999999999 }
        secrets = { a = {}, b = { env = "X", file = "x" }, c = { env = "1" }, "d,e" = { env = "E" } }
        extra_inputs = "dist"
        hermetic = "yes"
        tags = ["-a", "cache-1", "a", "a"]
        terraform = "../infra"
        service = { kind = "ecs", name = "{x}", run = [] }
        [projects.lib]
        path = 1
        repository = "web"
        [projects.web]
        path = ""
        [projects.Web]
        path = "web"
        [[projects.array]]
    "#;

    assert_snapshot!(parse(text.as_bytes(), "projects.toml").unwrap_err(), @r"
    projects.toml:2: unknown key `cahce`; did you mean `cache`?
    projects.toml:4: `name` in `[workspace]`: `Shop` is not a workspace name: up to 64 lower-case letters and digits, with `.`, `_` and `-` between them
    projects.toml:5: `default_branch` in `[workspace]`: `a..b` is not a branch's name, such as `main`
    projects.toml:6: `strategy` in `[workspace]`: `dif` is none of `digest`, `diff`; did you mean `diff`?
    projects.toml:7: `rebuild_all` in `[workspace]`: a pattern is one line that isn't blank
    projects.toml:7: `rebuild_all` in `[workspace]`: a string is expected, not an integer; write it in quotes
    projects.toml:8: `[environments.dev]`: a `branch` or a `tag` is missing: no commit could ever be deployed there
    projects.toml:9: `a b` in `[environments]`: `a b` is not an environment name: up to 63 letters, digits, `.`, `_` and `-`, the first a letter or a digit
    projects.toml:10: `branch` in `[environments.a b]`: bad glob: unclosed character class; missing ']'
    projects.toml:11: `[projects.api]`: `path` is missing
    projects.toml:12: unknown key `dockerfle` in `[projects.api]`; did you mean `dockerfile`?
    projects.toml:13: `context` in `[projects.api]`: `/etc` is not a path inside the repository: it is absolute
    projects.toml:14: `dockerfile` in `[projects.api]`: a file is expected, not a folder
    projects.toml:15: `target` in `[projects.api]`: `1` is not a stage name: a letter, then letters, digits, `.`, `_` and `-`
    projects.toml:16: `needs` in `[projects.api]`: a project can't need itself
    projects.toml:16: `needs` in `[projects.api]`: there is no project `libb`; did you mean `lib`?
    projects.toml:16: `needs` in `[projects.api]`: `lib` stands there twice
    projects.toml:17: `platforms` in `[projects.api]`: `linux` is not a platform: `<os>/<architecture>[/<variant>]` is expected, such as `linux/amd64`
    projects.toml:17: `platforms` in `[projects.api]`: the Docker engine's own store holds one platform per image; more need a registry as `[cache]`
    projects.toml:18: `A-B` in `[projects.api.build_args]`: a build argument's name is letters, digits and `_`, the first no digit
    projects.toml:18: `BIG` in `[projects.api.build_args]`: the integer is too large: write it in quotes
    projects.toml:18: `PORT` in `[projects.api.build_args]`: a string, an integer or a boolean is expected, not a float
    projects.toml:19: `[projects.api.secrets.a]`: one of `env`, `file`, `aws-secrets-manager`, `aws-ssm` is expected
    projects.toml:19: `[projects.api.secrets.b]`: one of `env`, `file`, `aws-secrets-manager`, `aws-ssm` is expected
    projects.toml:19: `env` in `[projects.api.secrets.c]`: the name of an environment variable is expected
    projects.toml:19: `d,e` in `[projects.api.secrets]`: a secret's id is up to 128 letters, digits, `.`, `_` and `-`, the first a letter, a digit or `_`
    projects.toml:20: `extra_inputs` in `[projects.api]`: an array is expected, not a string
    projects.toml:21: `hermetic` in `[projects.api]`: `true` or `false` is expected, not a string
    projects.toml:22: `tags` in `[projects.api]`: `-a` is not a tag: up to 128 letters, digits, `_`, `.` and `-`, the first not `.` or `-`
    projects.toml:22: `tags` in `[projects.api]`: the tag `cache-1` has a meaning of its own
    projects.toml:22: `tags` in `[projects.api]`: `a` stands there twice
    projects.toml:23: `terraform` in `[projects.api]`: `../infra` is not a path inside the repository: it has a `..` component
    projects.toml:24: `name` in `[projects.api.service]`: `{x}` is none of `{deploy_tag}`, `{workspace}`, `{environment}`, `{project}`, `{repository}`, `{commit}`, `{image}`; `{{` and `}}` stand for the braces themselves
    projects.toml:24: `run` in `[projects.api.service]`: a program is expected as the first element
    projects.toml:24: `run` in `[projects.api.service]`: a service of kind `ecs` has no such key
    projects.toml:24: `[projects.api.service]`: `cluster` is missing
    projects.toml:26: `path` in `[projects.lib]`: a string is expected, not an integer; write it in quotes
    projects.toml:28: `web` in `[projects]`: the repository `web` is that of `[projects.lib]` (line 27) already
    projects.toml:29: `path` in `[projects.web]`: the path is empty; write `.` for the folder itself
    projects.toml:30: `[projects.Web]`: `Web` is not a repository name: lower-case letters and digits, with `.`, `_`, `__`, `-` between them, in components between `/`; a `repository` is needed where the project's name is none
    projects.toml:32: `array` in `[projects]`: a table is expected, not an array
    ");
}

#[test]
fn keys_must_fit_the_kind_of_registry() {
    let rest = r#"
        [cache]
        kind = "oci"
        region = "us-east-2"
        account = 1
        prefix = "Team/"
        [deploy]
        kind = "engine"
        host = "https://a"
    "#;

    assert_snapshot!(problems(rest), @r"
    projects.toml:3: `[cache]`: `host` is missing
    projects.toml:5: `region` in `[cache]`: a registry of kind `oci` has no such key
    projects.toml:6: `account` in `[cache]`: a string is expected, not an integer; write it in quotes
    projects.toml:6: `account` in `[cache]`: a registry of kind `oci` has no such key
    projects.toml:7: `prefix` in `[cache]`: `Team/` can't begin a repository's name: up to 100 bytes in lower case, such as `team/`
    projects.toml:9: `kind` in `[deploy]`: images are promoted from registry to registry, and the engine's own store is none
    projects.toml:10: `host` in `[deploy]`: `https://a` is not a registry host: `name[:port]`, without a scheme or a path
    projects.toml:10: `host` in `[deploy]`: a registry of kind `engine` has no such key
    ");
    assert_snapshot!(problems("cache = { kind = \"ecr\", insecure = true, region = \"x\", account = \"1\" }"), @r"
    projects.toml:2: `region` in `[cache]`: `x` is not a region, such as `us-east-2`
    projects.toml:2: `account` in `[cache]`: `1` is not an account: twelve digits are expected
    projects.toml:2: `insecure` in `[cache]`: AWS's own host speaks HTTPS only; plain HTTP needs a `host`
    ");
    assert_snapshot!(problems("deploy = { kind = \"gcr\" }\ncache = { prefix = \"a/\" }"), @r"
    projects.toml:2: `kind` in `[deploy]`: `gcr` is none of `ecr`, `oci`, `engine`; did you mean `ecr`?
    projects.toml:3: `[cache]`: `kind` is missing
    ");
}

#[test]
fn a_policy_is_for_ecr_and_within_what_ecr_takes() {
    let rest = r#"
        [cache]
        kind = "oci"
        host = "a.example"
        policy = { keep = 0, scan_on_push = 1 }
        [deploy]
        kind = "ecr"
        region = "eu-west-2"
        policy = { immutable_tags = true, kept = 1, lifecycle = false, keep = 3, kms_key = "", tags = { "aws:a" = "x" }, repository_policy = "/a" }
        [projects.api]
        path = "api"
        tags = ["a", "b", "c"]
        [projects.web]
        path = "web"
        tags = ["a", "d", "e"]
    "#;

    assert_snapshot!(problems(rest), @r"
    projects.toml:6: `scan_on_push` in `[cache.policy]`: `true` or `false` is expected, not an integer
    projects.toml:6: `keep` in `[cache.policy]`: a number from 1 to 100000 is expected, not 0
    projects.toml:6: `policy` in `[cache]`: a registry of kind `oci` has no such key
    projects.toml:7: `deploy`: with `immutable_tags` ECR lets at most 5 tags move, and these are 6: `a`, `b`, `c`, `d`, `e`, `shop-*`
    projects.toml:10: unknown key `kept` in `[deploy.policy]`
    projects.toml:10: `repository_policy` in `[deploy.policy]`: `/a` is not a path inside the repository: it is absolute
    projects.toml:10: `aws:a` in `[deploy.policy.tags]`: a tag has up to 128 characters, not beginning with `aws:`, and a value of up to 256
    projects.toml:10: `kms_key` in `[deploy.policy]`: the ARN, the id or the alias of a key is expected, such as `alias/images`
    projects.toml:10: `keep` in `[deploy.policy]`: `lifecycle = false` leaves the lifecycle policy to others
    ");
}

#[test]
fn keys_must_fit_the_kind_of_service() {
    let service = |keys: &str| problems(&format!("[projects.api]\npath = \"api\"\nservice = {{ {keys} }}"));

    assert_snapshot!(service("name = \"x\""), @"projects.toml:4: `[projects.api.service]`: `kind` is missing");
    assert_snapshot!(service("kind = \"lambda\", cluster = \"c\""), @r"
    projects.toml:4: `cluster` in `[projects.api.service]`: a service of kind `lambda` has no such key
    projects.toml:4: `[projects.api.service]`: `name` is missing
    ");
    assert_snapshot!(service("kind = \"apprunner\", name = \"n\", arn = \"a\""), @"projects.toml:4: `[projects.api.service]`: either `name` or `arn` is expected");
    assert_snapshot!(service("kind = \"command\", run = []"), @"projects.toml:4: `run` in `[projects.api.service]`: a program is expected as the first element");
    assert_snapshot!(service("kind = \"command\", run = [\"\", 1]"), @r"
    projects.toml:4: `run` in `[projects.api.service]`: it is empty
    projects.toml:4: `run` in `[projects.api.service]`: a string is expected, not an integer; write it in quotes
    ");
    assert_snapshot!(service("kind = \"ecs\", cluster = \"}\", name = \"{deploy_tag\""), @r"
    projects.toml:4: `cluster` in `[projects.api.service]`: a brace has no partner; `{{` and `}}` stand for the braces themselves
    projects.toml:4: `name` in `[projects.api.service]`: a brace has no partner; `{{` and `}}` stand for the braces themselves
    ");
}

#[test]
fn keys_of_tasks_and_schedules_belong_together() {
    let service = |keys: &str| problems(&format!("[projects.api]\npath = \"api\"\nservice = {{ {keys} }}"));

    let task = "kind = \"ecs-task\", cluster = \"c\", name = \"n\"";
    assert_snapshot!(service(&format!("{task}, like = \"s\", subnets = [\"a\"]")), @"projects.toml:4: `[projects.api.service]`: `like` takes the network of a service: no `subnets` and `security_groups` beside it");
    assert_snapshot!(service(&format!("{task}, security_groups = [\"a\"]")), @"projects.toml:4: `[projects.api.service]`: `security_groups` belong to `subnets`");
    assert_snapshot!(service(&format!("{task}, security_groups = [\"a\"], subnets = []")), @"projects.toml:4: `[projects.api.service]`: `subnets` names none");
    assert_snapshot!(service("kind = \"ecs-scheduled\""), @"projects.toml:4: `[projects.api.service]`: exactly one of `schedule`, `rule` and `name` is expected");
    assert_snapshot!(service("kind = \"ecs-scheduled\", schedule = \"s\", rule = \"r\""), @"projects.toml:4: `[projects.api.service]`: exactly one of `schedule`, `rule` and `name` is expected");
    assert_snapshot!(service("kind = \"ecs-scheduled\", rule = \"r\", group = \"g\""), @"projects.toml:4: `[projects.api.service]`: `group` belongs to `schedule`");
}

#[test]
fn of_several_services_the_tasks_that_run_once_come_first() {
    let api = project(
        "path = \"api\"\nservice = [{ kind = \"lambda\", name = \"one\" }, { kind = \"lambda\", name = \"two\", alias = \"live\" }, \
         { kind = \"ecs-task\", cluster = \"c\", name = \"n\", command = [\"migrate\"], subnets = [\"a\"] }]",
    );

    let kinds: Vec<&str> = api.services.iter().map(|config| config.service.kind()).collect();
    assert_eq!(kinds, ["ecs-task", "lambda", "lambda"]);
    let alias = Some("live".parse().unwrap());
    assert_eq!(api.services[2].service, Service::Lambda { name: "two".parse().unwrap(), alias });
}

#[test]
fn credentials_in_a_url_are_never_shown() {
    let rest = "cache = { kind = \"ecr\", region = \"eu-west-2\", endpoint = \"http://a:hunter2@b\", host = \"a:hunter2@b\" }\n\
                [projects.api]\npath = \"api\"\nsecrets = { a = { env = \"hunter2!\" } }";

    let shown = problems(rest);

    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(shown.lines().count(), 3, "{shown}");
}

#[test]
fn the_engines_own_store_takes_one_platform() {
    let keys = "[projects.api]\npath = \"api\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]";

    assert_snapshot!(problems(keys), @"projects.toml:4: `platforms` in `[projects.api]`: the Docker engine's own store holds one platform per image; more need a registry as `[cache]`");
    let with_registry =
        format!("workspace.name = \"shop\"\ncache = {{ kind = \"oci\", host = \"a.b\" }}\n{keys}");
    assert!(parse(with_registry.as_bytes(), "projects.toml").is_ok());
}

#[test]
fn a_repository_has_one_owner() {
    let rest = "[projects.b]\npath = \"b\"\nrepository = \"a\"\n[projects.a]\npath = \"a\"\n[projects.shop-builds]\npath = \"c\"\n[projects.shop-taints]\npath = \"d\"\n[projects.shop-claims]\npath = \"e\"";

    assert_snapshot!(problems(rest), @r"
    projects.toml:4: `repository` in `[projects.b]`: the repository `a` is that of `[projects.a]` (line 5) already
    projects.toml:7: `shop-builds` in `[projects]`: the repository `shop-builds` is that of the workspace's build records
    projects.toml:9: `shop-taints` in `[projects]`: the repository `shop-taints` is that of the workspace's taints
    projects.toml:11: `shop-claims` in `[projects]`: the repository `shop-claims` is that of the workspace's claims
    ");
}

#[test]
fn syntax_errors_are_reported_once_a_line_and_alone() {
    let text =
        "[workspace]\nname = shop\n[projects.api]\npath = \"ä\" x y\nneeds = [\"x\" \"y\"]\nunknown = 1\n";

    assert_snapshot!(parse(text.as_bytes(), "projects.toml").unwrap_err(), @r"
    projects.toml:2: column 8: string values must be quoted, expected literal string
    projects.toml:4: column 12: unexpected key or value, expected newline, `#`
    projects.toml:5: column 14: missing comma between array elements, expected `,`
    ");
}

#[test]
fn what_is_no_text_is_one_problem() {
    assert_snapshot!(parse(b"a = 1\n\xff", "projects.toml").unwrap_err(), @"projects.toml:2: the file is not UTF-8");
    assert_snapshot!(parse(&vec![b'#'; MAX_BYTES + 1], "projects.toml").unwrap_err(), @"projects.toml:1: the file has 16777217 bytes; at most 16777216 are read");
    assert_snapshot!(parse(b"", "projects.toml").unwrap_err(), @"projects.toml:1: `workspace` is missing; it is a table with a `name`");
}

#[test]
fn hostile_texts_are_cut_and_escaped() {
    let shown = problems(&format!("\"\\u001b[31m{}\" = 1", "x".repeat(1_000)));

    assert!(shown.contains("\\u{1b}[31mxxx") && shown.len() < 500, "{shown}");
    assert!(!shown.contains('\x1b'));
}

/// Found by the fuzzer: it hid the error of the first line, and was said to be there.
#[test]
fn a_syntax_error_without_a_place_is_one_of_the_whole_file() {
    let text = format!("]\n{}a = 1\n", "a.".repeat(100));

    let errors = parse(text.as_bytes(), "projects.toml").unwrap_err().to_string();

    assert_snapshot!(errors, @"
    projects.toml:1: somewhere in the file: recursion limit
    projects.toml:1: column 1: missing table open, expected `[`
    ");
}

#[test]
fn problems_beyond_a_thousand_are_counted() {
    let many: String = (0..1_234).map(|number| format!("a{number} = 1\n")).collect();

    let shown = problems(&many);

    assert_eq!(shown.lines().count(), 1_001);
    assert!(shown.ends_with("\nand 234 more"), "{shown}");
}

#[test]
fn another_layout_is_no_difference() {
    let plain = project(
        "path = \"api\"\nneeds = [\"lib\", \"base\"]\nbuild_args = { B = 1, A = \"x\" }\nsecrets = { s = { env = \"S\" } }",
    );
    let other = project(
        "# moved\n\nsecrets.s.env = \"S\"\nneeds = [\n\"base\",\n\"lib\" ]\nhermetic = true\ncontext = \"./api/\"\n\
         path = \"api\"\nrepository = \"api\"\nbuild_args.A = \"x\"\nbuild_args.B = \"1\"\ntags = [\"latest\"]\nterraform = \"tf\"\n\
         service = { kind = \"lambda\", name = \"x\" }",
    );

    assert_eq!(plain.differing_keys(&other), Vec::<&str>::new());
}

#[test]
fn where_a_secret_comes_from_is_a_difference() {
    let from = |source: &str| project(&format!("path = \"api\"\nsecrets.s = {{ {source} }}"));

    for other in ["file = \"S\"", "env = \"T\""] {
        assert_eq!(from("env = \"S\"").differing_keys(&from(other)), ["secrets.s"]);
    }
}

#[test]
fn each_key_that_makes_another_image_is_a_difference() {
    let plain = project("path = \"api\"");

    for (key, value) in [
        ("context", "\".\""),
        ("dockerfile", "\"D\""),
        ("target", "\"t\""),
        ("repository", "\"r\""),
        ("needs", "[\"lib\"]"),
        ("platforms", "[\"linux/arm64\"]"),
        ("build_args.A", "\"\""),
        ("secrets.s", "{ env = \"S\" }"),
        ("extra_inputs", "[\"dist/\"]"),
        ("hermetic", "false"),
        ("patterns", "\"api.rebuild_patterns\""),
    ] {
        let other = project(&format!("path = \"api\"\n{key} = {value}"));

        assert_eq!(plain.differing_keys(&other), [key]);
    }
    let moved = project("path = \"b\"\ncontext = \"api\"\ndockerfile = \"D\"");
    assert_eq!(plain.differing_keys(&moved), ["path", "dockerfile"]);
}

#[test]
fn templates_are_filled_and_doubled_braces_are_braces() {
    let template: Template = "{deploy_tag}-api {{\"a\":{commit}}}".parse().unwrap();

    let filled = template.fill(|place| format!("<{place:?}>"));

    assert_eq!(filled, "<DeployTag>-api {\"a\":<Commit>}");
}

#[test]
fn a_star_in_a_branch_stops_at_a_slash() {
    let pattern: RefPattern = "release/*".parse().unwrap();

    assert!(pattern.matches("release/1"));
    assert!(!pattern.matches("release/1/fix") && !pattern.matches("release"));
}

#[test]
fn the_host_is_known_as_far_as_the_file_says_it() {
    let host = |cache: &str| {
        let manifest = manifest(&format!("workspace.name = \"shop\"\ncache = {{ {cache} }}"));
        manifest.cache.host().map(|host| host.to_string())
    };

    assert_eq!(host("kind = \"engine\""), None);
    assert_eq!(host("kind = \"oci\", host = \"a.b:1\""), Some("a.b:1".to_owned()));
    assert_eq!(host("kind = \"ecr\", region = \"eu-west-2\""), None);
    assert_eq!(
        host("kind = \"ecr\", region = \"eu-west-2\", account = \"123456789012\""),
        Some("123456789012.dkr.ecr.eu-west-2.amazonaws.com".to_owned())
    );
    assert_eq!(
        host("kind = \"ecr\", region = \"eu-west-2\", host = \"localhost:1\""),
        Some("localhost:1".to_owned())
    );
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_answer(&bytes);
    }

    #[test]
    fn a_damaged_file_is_answered(
        cut in 0..example().len(),
        removed in 0..20_usize,
        inserted in prop::sample::select(vec!["", "\"", "[", "{", "}", "=", "\n", ".", "1", "\0", "true", "[a]\n", "'''", "ä"]),
    ) {
        let bytes = example().as_bytes();
        let rest = &bytes[(cut + removed).min(bytes.len())..];

        check_answer(&[&bytes[..cut], inserted.as_bytes(), rest].concat());
    }
}

/// No panic; and what is refused is refused with a reason, on a line of the file.
fn check_answer(bytes: &[u8]) {
    if let Err(errors) = parse(bytes, "projects.toml") {
        let lines = 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
        assert!(!errors.problems.is_empty());
        assert!(errors.problems.iter().all(|problem| (1..=lines).contains(&problem.line)), "{errors}");
    }
}

#[test]
fn a_host_of_ecr_says_the_account_and_the_region() {
    for (host, expected) in [
        ("123456789012.dkr.ecr.eu-west-2.amazonaws.com", Some("eu-west-2")),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
        ("123456789012.dkr-ecr.eu-west-2.on.aws", Some("eu-west-2")),
        ("12345.dkr.ecr.eu-west-2.amazonaws.com", None),
        ("123456789012.dkr.ecr.eu-west-2.amazonaws.com.evil.example", None),
        ("123456789012.dkr.ecr.eu-west-2.amazonaws.com:5000", None),
        ("r.example", None),
    ] {
        let ecr = Ecr::at(&host.parse().unwrap());

        assert_eq!(ecr.as_ref().map(|ecr| ecr.region.as_str()), expected, "{host}");
        assert!(ecr.is_none_or(|ecr| ecr.account.as_deref() == Some("123456789012")));
    }
}

#[test]
fn what_a_project_deploys_can_be_turned_off_and_a_service_can_have_its_own_timeout() {
    let api = project(
        "path = \"api\"\ndeploy = false\nterraform = false\nservice = { kind = \"lambda\", name = \"a\", timeout = \"40m\" }",
    );

    assert!(!api.is_deployed);
    assert_eq!(api.terraform, TerraformSetting::Off);
    assert_eq!(api.services[0].timeout, Some(std::time::Duration::from_secs(40 * 60)));
}

// issue 12: P4
#[test]
fn a_terraform_folder_that_two_projects_name_is_an_error_with_both_lines() {
    let text = "workspace.name = \"shop\"\n[projects.a]\npath = \"p\"\nterraform = \"t\"\n\
                [projects.b]\npath = \"p\"\nterraform = \"t\"\n";

    let errors = parse(text.as_bytes(), "projects.toml").unwrap_err().to_string();

    assert_eq!(
        errors,
        "projects.toml:7: `terraform` in `[projects.b]`: the folder `p/t` is that of `[projects.a]` (line 4) \
         already; a project that has none of its own says `terraform = false`"
    );
}

#[test]
fn a_timeout_that_is_none_is_an_error() {
    for timeout in ["", "soon", "0s", "25h"] {
        let text = format!(
            "workspace.name = \"shop\"\n[projects.a]\npath = \"p\"\nservice = {{ kind = \"lambda\", name = \"a\", timeout = \"{timeout}\" }}"
        );
        assert!(parse(text.as_bytes(), "projects.toml").is_err(), "{timeout}");
    }
}

#[test]
fn no_project_has_the_tag_of_an_environment() {
    let text = "workspace.name = \"shop\"\n[deploy]\nkind = \"oci\"\nhost = \"r.example\"\n[environments.prod]\nbranch = \"main\"\n\
                [projects.a]\npath = \"p\"\ntags = [\"latest\", \"shop-prod\", \"shop-test\"]";

    let errors = parse(text.as_bytes(), "projects.toml").unwrap_err().to_string();

    assert_snapshot!(errors, @"projects.toml:9: `tags` in `[projects.a]`: the tag `shop-prod` is that of what the environment `prod` runs");
}

#[test]
fn the_tags_of_records_and_locks_are_reserved() {
    for tag in ["deployed-dev", "deploying-dev.1"] {
        let text = format!("workspace.name = \"shop\"\n[projects.a]\npath = \"p\"\ntags = [\"{tag}\"]");
        let errors = parse(text.as_bytes(), "projects.toml").unwrap_err().to_string();
        assert!(errors.contains("has a meaning of its own"), "{errors}");
    }
}
